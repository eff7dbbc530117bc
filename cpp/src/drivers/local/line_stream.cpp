#include "drivers/local/line_stream.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "drivers/local/protocol.hpp"

namespace selfscale::drivers::local {
namespace {

/// A partner that hangs asks nothing, so that more than this means that it asks and never reads.
constexpr std::size_t most_outgoing = std::size_t{4} * 1024 * 1024;

}  // namespace

LineStream::LineStream(Descriptor descriptor) : descriptor_{std::move(descriptor)} {
  ::fcntl(descriptor_.get(), F_SETFL, ::fcntl(descriptor_.get(), F_GETFL) | O_NONBLOCK);
}

std::vector<std::string> LineStream::read() {
  std::array<char, 4096> piece{};
  for (;;) {
    const auto size = ::read(descriptor_.get(), piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) break;
    if (size <= 0 || incoming_.size() > longest_line) {
      descriptor_.close();
      break;
    }
    incoming_.append(piece.data(), static_cast<std::size_t>(size));
  }
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (auto end = incoming_.find('\n'); end != std::string::npos;
       end = incoming_.find('\n', begin)) {
    lines.push_back(incoming_.substr(begin, end - begin));
    begin = end + 1;
  }
  incoming_.erase(0, begin);
  return lines;
}

void LineStream::write(const std::string& line) {
  outgoing_ += line + "\n";
  flush();
}

void LineStream::flush() {
  while (is_open() && !outgoing_.empty()) {
    const auto size = ::send(descriptor_.get(), outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) break;
    if (size < 0) return descriptor_.close();
    outgoing_.erase(0, static_cast<std::size_t>(size));
  }
  if (outgoing_.size() > most_outgoing) descriptor_.close();
}

}  // namespace selfscale::drivers::local
