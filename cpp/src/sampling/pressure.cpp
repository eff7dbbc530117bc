#include "sampling/pressure.hpp"

#include <charconv>

#include "sampling/text.hpp"

namespace selfscale::sampling {

std::optional<double> read_pressure(std::string_view resource, const std::string& root) {
  const auto text = read_text(root + "/proc/pressure/" + std::string{resource});
  if (!text) return std::nullopt;
  constexpr std::string_view key = "some avg10=";
  const auto at = text->find(key);
  if (at == std::string::npos) return std::nullopt;
  double percent = 0.0;
  const auto* begin = text->data() + at + key.size();
  if (std::from_chars(begin, text->data() + text->size(), percent).ec != std::errc{})
    return std::nullopt;
  return percent;
}

}  // namespace selfscale::sampling
