/// A client of a Unix socket that can be as rude as a test needs.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

namespace selfscale::http {

class SocketClient {
 public:
  explicit SocketClient(const std::string& path) : descriptor_{::socket(AF_UNIX, SOCK_STREAM, 0)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), address.sun_path);
    connected_ =
        ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const timeval deadline{20, 0};  // a server that never answers fails the test, not the run
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
  }
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;
  ~SocketClient() { ::close(descriptor_); }

  [[nodiscard]] bool is_connected() const { return connected_; }

  /// Ends early when the other side has gone.
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  void say_no_more() const { ::shutdown(descriptor_, SHUT_WR); }

  /// One whole answer, head and body; shorter when the connection ends before.
  std::string answer() {
    while (received_.find("\r\n\r\n") == std::string::npos && receive()) {
    }
    const auto head = received_.find("\r\n\r\n");
    if (head == std::string::npos) return std::exchange(received_, {});
    const auto field = received_.find("Content-Length: ");
    const auto length = field < head ? std::stoul(received_.substr(field + 16)) : 0;
    const auto whole = head + 4 + length;
    while (received_.size() < whole && receive()) {
    }
    auto taken = received_.substr(0, whole);
    received_.erase(0, whole);
    return taken;
  }

  /// True once the other side has closed; what it still said before that is dropped.
  bool is_closed() {
    while (receive()) {
    }
    return ended_;
  }

 private:
  bool receive() {
    std::array<char, 4096> buffer{};
    const auto got = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    ended_ = got == 0 || (got < 0 && errno == ECONNRESET);
    if (got <= 0) return false;
    received_.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
  }

  int descriptor_;
  bool connected_ = false;
  bool ended_ = false;
  std::string received_;
};

}  // namespace selfscale::http
