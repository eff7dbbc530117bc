/// A server on loopback that does what a test tells it, well-behaved or not, over TCP or TLS.
#pragma once

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cctype>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "http/certificates.hpp"

namespace selfscale::http {

/// What a server received: its head as sent, and its body.
struct Received {
  std::string line;  ///< "GET /path HTTP/1.1"
  std::string head;  ///< with the line, without the blank line at its end
  std::string body;

  [[nodiscard]] std::string method() const { return line.substr(0, line.find(' ')); }
  [[nodiscard]] std::string target() const {
    const auto start = line.find(' ') + 1;
    return line.substr(start, line.find(' ', start) - start);
  }
  /// Of the first header of that name, in any case; empty: there is none.
  [[nodiscard]] std::string header(std::string_view name) const {
    const auto lower = [](std::string_view text) {
      std::string small{text};
      for (auto& letter : small) letter = static_cast<char>(std::tolower(letter));
      return small;
    };
    const auto at = lower(head).find("\r\n" + lower(name) + ": ");
    if (at == std::string::npos) return {};
    const auto start = at + name.size() + 4;
    return head.substr(start, head.find("\r\n", start) - start);
  }
};

class Peer;

/// Comes between servers and their scripts. Called on the servers' threads.
class Interference {
 public:
  virtual ~Interference() = default;
  /// True: it has dealt with the request, and the script hears nothing of it.
  virtual bool takes(Peer& peer, const Received& request) = 0;
};

/// The server's end of one connection. All calls block; they end when the client has gone.
class Peer {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using Secured = boost::asio::ssl::stream<Socket&>;
  /// What leaves in the place of what was to be sent.
  using Distortion = std::function<std::string(std::string_view)>;

  Peer(Socket& socket, Secured* secured, Interference* interference = nullptr)
      : socket_{socket}, secured_{secured}, interference_{interference} {}

  /// Empty: the client has gone before it had said all, or there was an interference.
  std::optional<Received> receive() {
    auto request = receive_all();
    if (request && interference_ != nullptr && interference_->takes(*this, *request)) {
      return std::nullopt;
    }
    return request;
  }

  void send(std::string_view bytes) {
    std::string distorted;
    if (distortion_) bytes = distorted = distortion_(bytes);
    boost::system::error_code ignored;
    const auto buffer = boost::asio::buffer(bytes.data(), bytes.size());
    if (secured_ != nullptr) {
      boost::asio::write(*secured_, buffer, ignored);
    } else {
      boost::asio::write(socket_, buffer, ignored);
    }
  }
  void answer(int status, std::string_view body, std::string_view more_headers = {}) {
    send("HTTP/1.1 " + std::to_string(status) +
         " Status\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string{more_headers} + "\r\n" + std::string{body});
  }
  void distort(Distortion distortion) { distortion_ = std::move(distortion); }

  /// Says nothing until the client has gone.
  void wait_for_the_end() {
    while (more()) {
    }
  }
  /// The connection will end with a RST instead of a FIN.
  void will_reset() {
    boost::system::error_code ignored;
    socket_.set_option(boost::asio::socket_base::linger{true, 0}, ignored);
  }

 private:
  std::optional<Received> receive_all() {
    auto end = received_.find("\r\n\r\n");
    while (end == std::string::npos && more()) end = received_.find("\r\n\r\n");
    if (end == std::string::npos) return std::nullopt;
    Received request;
    request.head = received_.substr(0, end);
    request.line = request.head.substr(0, request.head.find("\r\n"));
    const auto length = request.header("Content-Length");
    const auto body = length.empty() ? 0 : std::stoul(length);
    while (received_.size() < end + 4 + body && more()) {
    }
    if (received_.size() < end + 4 + body) return std::nullopt;
    request.body = received_.substr(end + 4, body);
    received_.erase(0, end + 4 + body);
    return request;
  }

  bool more() {
    std::array<char, 4096> bytes{};
    boost::system::error_code error;
    const auto buffer = boost::asio::buffer(bytes);
    const auto got =
        secured_ != nullptr ? secured_->read_some(buffer, error) : socket_.read_some(buffer, error);
    received_.append(bytes.data(), got);
    return !error;
  }

  Socket& socket_;
  Secured* secured_;
  Interference* interference_;
  Distortion distortion_;
  std::string received_;
};

class LoopbackServer {
 public:
  /// Serves one connection, on a thread of its own; it is closed when this returns.
  using Script = std::function<void(Peer&)>;

  struct Secured {
    Identity identity;
    std::string client_authority;  ///< PEM; not empty: a client must show a certificate of it
  };

  explicit LoopbackServer(Script script, std::optional<Secured> secured = std::nullopt)
      : script_{std::move(script)} {
    if (secured) secure(*secured);
    accepting_ = std::thread{[this] { accept_all(); }};
  }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;
  ~LoopbackServer() {
    stopping_ = true;
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);  // ends accept(), which close() does not
    accepting_.join();
    {
      const std::lock_guard guard{mutex_};
      for (auto& each : connections_) {
        if (each.socket.is_open()) ::shutdown(each.socket.native_handle(), SHUT_RDWR);
      }
    }
    for (auto& each : connections_) each.serving.join();
  }

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  /// "http://127.0.0.1:34567" or "https://…".
  [[nodiscard]] std::string url() const {
    return (context_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port());
  }
  [[nodiscard]] int accepted() const { return accepted_; }
  /// With connections that begin from now on; nullptr: with none. Outlives the server.
  void interfere(Interference* interference) { interference_ = interference; }

 private:
  using tcp = boost::asio::ip::tcp;

  struct Connection {
    explicit Connection(tcp::socket accepted) : socket{std::move(accepted)} {}
    tcp::socket socket;
    std::thread serving;
    bool has_ended = false;
  };

  void secure(const Secured& secured) {
    namespace ssl = boost::asio::ssl;
    context_.emplace(ssl::context::tls_server);
    context_->use_certificate_chain(boost::asio::buffer(secured.identity.certificate));
    context_->use_private_key(boost::asio::buffer(secured.identity.key), ssl::context::pem);
    if (secured.client_authority.empty()) return;
    context_->add_certificate_authority(boost::asio::buffer(secured.client_authority));
    context_->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  }

  void accept_all() {
    while (!stopping_) {
      tcp::socket socket{io_};
      boost::system::error_code error;
      acceptor_.accept(socket, error);
      if (error) continue;
      ++accepted_;
      const std::lock_guard guard{mutex_};
      forget_the_ended();
      auto& mine = connections_.emplace_back(std::move(socket));
      mine.serving = std::thread{[this, &mine] { serve(mine); }};
    }
  }

  /// Threads that nobody has joined keep their stacks.
  void forget_the_ended() {
    connections_.remove_if([](Connection& each) {
      if (each.has_ended) each.serving.join();
      return each.has_ended;
    });
  }

  void serve(Connection& connection) {
    auto& socket = connection.socket;
    std::optional<Peer::Secured> secured;
    boost::system::error_code error;
    if (context_) {
      secured.emplace(socket, *context_);
      secured->handshake(boost::asio::ssl::stream_base::server, error);
    }
    if (!error) {
      Peer peer{socket, secured ? &*secured : nullptr, interference_};
      script_(peer);
    }
    const std::lock_guard guard{mutex_};
    socket.close(error);
    connection.has_ended = true;
  }

  Script script_;
  boost::asio::io_context io_;
  std::optional<boost::asio::ssl::context> context_;
  tcp::acceptor acceptor_{io_, tcp::endpoint{boost::asio::ip::address_v4::loopback(), 0}};
  std::atomic<bool> stopping_{false};
  std::atomic<int> accepted_{0};
  std::atomic<Interference*> interference_{nullptr};
  std::mutex mutex_;
  std::list<Connection> connections_;  ///< stay where they are: threads refer to them
  std::thread accepting_;
};

}  // namespace selfscale::http
