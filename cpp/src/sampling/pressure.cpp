#include "sampling/pressure.hpp"

#include <unistd.h>

#include "sampling/text.hpp"

namespace selfscale::sampling {
namespace {

KeptFile find(const std::string& group, const std::string& root, const std::string& resource) {
  auto in_group = group + "/" + resource + ".pressure";
  const bool tells = !group.empty() && ::access(in_group.c_str(), R_OK) == 0;
  return KeptFile{tells ? std::move(in_group) : root + "/proc/pressure/" + resource};
}

std::optional<double> read_stalled(KeptFile& file, std::string& buffer) {
  const auto text = file.read(buffer);
  return text ? parse_stalled_seconds(*text) : std::nullopt;
}

}  // namespace

std::optional<double> parse_stalled_seconds(std::string_view pressure) noexcept {
  // some avg10=0.00 avg60=0.00 avg300=0.00 total=1234
  auto line = next_part(pressure, '\n');
  if (next_part(line, ' ') != "some") return std::nullopt;
  constexpr std::string_view key = "total=";
  while (!line.empty()) {
    const auto part = next_part(line, ' ');
    if (!part.starts_with(key)) continue;
    const auto microseconds = leading_number(part.substr(key.size()));
    return microseconds ? std::optional{1e-6 * static_cast<double>(*microseconds)} : std::nullopt;
  }
  return std::nullopt;
}

Pressure::Pressure(const std::string& group, const std::string& root)
    : cpu_{find(group, root, "cpu")},
      memory_{find(group, root, "memory")},
      io_{find(group, root, "io")} {}

Stalled Pressure::read(std::string& buffer) {
  return {read_stalled(cpu_, buffer), read_stalled(memory_, buffer), read_stalled(io_, buffer)};
}

void Pressure::close() noexcept {
  cpu_.close();
  memory_.close();
  io_.close();
}

}  // namespace selfscale::sampling
