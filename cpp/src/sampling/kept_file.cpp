#include "sampling/kept_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace selfscale::sampling {
namespace {

/// The kernel hands out whole lines, a page of them at most: what is shorter than half a page was
/// all there is.
constexpr std::size_t page = 4096;

}  // namespace

KeptFile::KeptFile(KeptFile&& other) noexcept
    : path_{std::move(other.path_)}, file_{std::exchange(other.file_, -1)} {}

KeptFile& KeptFile::operator=(KeptFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  return *this;
}

std::optional<std::string_view> KeptFile::read(std::string& buffer) {
  const bool was_open = file_ >= 0;
  const auto text = read_open(buffer);
  return text || !was_open ? text : read_open(buffer);
}

std::optional<std::string_view> KeptFile::read_open(std::string& buffer) {
  if (file_ < 0) file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) return std::nullopt;
  for (std::size_t length = 0;;) {
    if (buffer.size() < length + page) buffer.resize(length + page);
    const auto got = ::pread(file_, buffer.data() + length, page, static_cast<off_t>(length));
    if (got < 0) {
      close();
      return std::nullopt;
    }
    length += static_cast<std::size_t>(got);
    if (static_cast<std::size_t>(got) < page / 2) return std::string_view{buffer}.substr(0, length);
  }
}

void KeptFile::close() noexcept {
  if (file_ >= 0) ::close(std::exchange(file_, -1));
}

}  // namespace selfscale::sampling
