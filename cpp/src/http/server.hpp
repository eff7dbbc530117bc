/// A small HTTP/1.1 server on a Unix socket, inside somebody else's io_context: one coroutine per
/// connection, keep-alive, every size and wait bounded. Nothing here knows what is served.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/result.hpp"

namespace selfscale::http {

struct Request {
  std::string method;  ///< "GET", in capitals
  std::string target;  ///< path and query as sent, percent-encoded
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
};

/// Answers one request. What it throws becomes a 500 whose body says no more than that.
using Handler = std::function<boost::asio::awaitable<Response>(Request)>;

struct Limits {
  std::size_t header_bytes = std::size_t{16} * 1024;
  std::size_t body_bytes = std::size_t{1024} * 1024;
  std::chrono::milliseconds idle{30'000};  ///< for a whole request to come, and for an answer to go
  std::size_t connections = 64;            ///< those beyond are answered 503 and closed
};

/// All members: on the io_context's thread, or while it does not run.
class Server {
 public:
  /// Listens at `path` with mode 0600. A socket file that nobody answers on is replaced.
  /// Errc::conflict: somebody answers there; Errc::invalid_argument: the path is too long for a
  /// socket; Errc::storage: the directory does not let us, or something else stands there.
  static Result<std::unique_ptr<Server>> listen(boost::asio::io_context& io,
                                                const std::string& path, Handler handler,
                                                Limits limits = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();  ///< stops

  /// Takes no more connections, closes all there are (answers under way are lost), and removes the
  /// socket file unless somebody has put another there. Twice is harmless.
  void stop() noexcept;

  /// In a fork's child, which must touch nothing else of the server: closes what it inherited, so
  /// that clients of the parent do not wait for the child. A few system calls, no more.
  void abandon_in_child() noexcept;

 private:
  struct State;
  explicit Server(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  ///< connections share it until they have noticed the stop
};

}  // namespace selfscale::http
