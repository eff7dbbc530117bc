#include "http/server.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>

#include "http/listed.hpp"

namespace selfscale::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Local = asio::local::stream_protocol;
using Stream = beast::basic_stream<Local>;
using Message = beast::http::request<beast::http::string_body>;
using Answer = beast::http::response<beast::http::string_body>;

constexpr auto with_error = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds accept_pause{100};

Response refusal(int status, std::string_view code, const std::string& message) {
  std::string body = R"({"success":false,"error":{"code":")";
  body.append(code).append(R"(","message":")").append(message).append(R"(","details":{}}})");
  return {status, std::move(body), "application/json"};
}

/// What to say to a client whose request could not be read; nothing to one that has gone.
std::optional<Response> answer_to(beast::error_code why, const Limits& limits) {
  using beast::http::error;
  if (why == error::end_of_stream) return std::nullopt;
  if (why == error::body_limit) {
    return refusal(413, "invalid_argument",
                   "the body is over " + std::to_string(limits.body_bytes) + " bytes");
  }
  if (why == error::header_limit || why == error::buffer_overflow) {
    return refusal(431, "invalid_argument",
                   "the header is over " + std::to_string(limits.header_bytes) + " bytes");
  }
  const auto& of_http = beast::http::make_error_code(error::bad_method).category();
  if (why.category() != of_http) return std::nullopt;
  return refusal(400, "malformed", "this is not an HTTP/1.1 request: " + why.message());
}

Request request_of(Message message) {
  Request request;
  request.method = std::string{message.method_string()};
  request.target = std::string{message.target()};
  for (const auto& field : message) {
    request.headers.emplace_back(std::string{field.name_string()}, std::string{field.value()});
  }
  request.body = std::move(message.body());
  return request;
}

Answer answer_of(Response response, bool keep_alive, bool head_only) {
  Answer answer{static_cast<beast::http::status>(response.status), 11};
  answer.set(beast::http::field::content_type, response.content_type);
  answer.keep_alive(keep_alive);
  answer.content_length(response.body.size());
  if (!head_only) answer.body() = std::move(response.body);
  return answer;
}

void close_on_exec(int descriptor) noexcept { ::fcntl(descriptor, F_SETFD, FD_CLOEXEC); }

/// The process that called listen() on the other end. Its children may have inherited the socket
/// and live on without ever answering.
bool listener_lives(Local::socket& socket) noexcept {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return true;
  return peer.pid == 0 || ::kill(peer.pid, 0) == 0 || errno != ESRCH;
}

bool somebody_answers(asio::io_context& io, const std::string& path) {
  Local::socket socket{io};
  beast::error_code error;
  socket.open(Local{}, error);
  socket.non_blocking(true, error);
  socket.connect(Local::endpoint{path}, error);
  if (error) return error == asio::error::would_block || error == asio::error::try_again;
  return listener_lives(socket);
}

struct File {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const File&) const = default;
};

std::optional<struct stat> status_of(const std::string& path) noexcept {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

std::optional<File> file_at(const std::string& path) noexcept {
  const auto status = status_of(path);
  if (!status) return std::nullopt;
  return File{status->st_dev, status->st_ino};
}

/// Removes a socket file that was left behind.
Result<void> clear_the_way(asio::io_context& io, const std::string& path) {
  const auto status = status_of(path);
  if (!status) return {};
  if (!S_ISSOCK(status->st_mode)) {
    return Failure{Errc::storage, path + " is not a socket; move it out of the way", {}};
  }
  if (somebody_answers(io, path)) {
    return Failure{Errc::conflict, "another process answers on " + path, {}};
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Failure{Errc::storage, "cannot remove " + path + ": " + std::strerror(errno), {}};
  }
  return {};
}

Result<Local::acceptor> bound_at(asio::io_context& io, const std::string& path) {
  constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() > longest) {
    return Failure{Errc::invalid_argument,
                   path + " is too long for a socket: " + std::to_string(path.size()) +
                       " bytes of at most " + std::to_string(longest) +
                       "; choose a shorter run directory (SELFSCALE_RUN_DIR)",
                   {}};
  }
  const auto clear = clear_the_way(io, path);
  if (!clear) return clear.error();
  Local::acceptor acceptor{io};
  beast::error_code error;
  acceptor.open(Local{}, error);
  if (!error) {
    close_on_exec(acceptor.native_handle());
    ::fchmod(acceptor.native_handle(), 0600);  // bind() gives the file the socket's own mode
    acceptor.bind(Local::endpoint{path}, error);
  }
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return Failure{Errc::storage,
                   "cannot listen on " + path + ": " + error.message() +
                       "; name a directory that this user may write to in SELFSCALE_RUN_DIR",
                   {}};
  }
  return acceptor;
}

}  // namespace

struct Server::State {
  State(asio::io_context& io_, Local::acceptor acceptor_, std::string path_, Handler handler_,
        Limits limits_)
      : io{io_},
        acceptor{std::move(acceptor_)},
        pause{io_},
        path{std::move(path_)},
        file{file_at(path)},
        handler{std::move(handler_)},
        limits{limits_} {}

  static asio::awaitable<void> accept_all(std::shared_ptr<State> state);
  static asio::awaitable<void> serve(std::shared_ptr<State> state, Local::socket socket);
  asio::awaitable<std::optional<Message>> read(Stream& stream, beast::flat_buffer& buffer) const;
  asio::awaitable<bool> write(Stream& stream, Answer answer) const;
  asio::awaitable<Response> respond(Request request) const;
  static void turn_away(Local::socket socket);

  asio::io_context& io;
  Local::acceptor acceptor;
  asio::steady_timer pause;
  std::string path;
  std::optional<File> file;
  Handler handler;
  Limits limits;
  std::vector<Stream*> connections;
  bool stopped = false;
};

asio::awaitable<void> Server::State::accept_all(std::shared_ptr<State> state) {
  while (!state->stopped) {
    auto [error, socket] = co_await state->acceptor.async_accept(with_error);
    if (state->stopped) co_return;
    if (error) {  // out of descriptors: one may come free
      state->pause.expires_after(accept_pause);
      co_await state->pause.async_wait(with_error);
      continue;
    }
    close_on_exec(socket.native_handle());
    if (state->connections.size() >= state->limits.connections) {
      turn_away(std::move(socket));
    } else {
      asio::co_spawn(state->io, serve(state, std::move(socket)), asio::detached);
    }
  }
}

/// The answer fits the empty buffer of a new socket, so writing it does not wait.
void Server::State::turn_away(Local::socket socket) {
  const auto response =
      refusal(503, "throttled", "too many connections at once; close some, or try again");
  std::string text = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: ";
  text += response.content_type + "\r\nContent-Length: " + std::to_string(response.body.size()) +
          "\r\n\r\n" + response.body;
  beast::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(text), ignored);
}

asio::awaitable<void> Server::State::serve(std::shared_ptr<State> state, Local::socket socket) {
  Stream stream{std::move(socket)};
  const Listed here{state->connections, stream};
  beast::flat_buffer buffer;
  bool again = true;
  while (again && !state->stopped) {
    auto message = co_await state->read(stream, buffer);
    if (!message) break;
    const bool keep_alive = message->keep_alive();
    const bool head_only = message->method() == beast::http::verb::head;
    auto request = request_of(std::move(*message));
    auto response = co_await state->respond(std::move(request));
    auto answer = answer_of(std::move(response), keep_alive, head_only);
    const bool sent = co_await state->write(stream, std::move(answer));
    again = sent && keep_alive;
  }
  beast::error_code ignored;
  stream.socket().shutdown(Local::socket::shutdown_send, ignored);
}

/// The next request; empty when the connection is done with, after telling the client why.
asio::awaitable<std::optional<Message>> Server::State::read(Stream& stream,
                                                            beast::flat_buffer& buffer) const {
  beast::http::request_parser<beast::http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  parser.body_limit(limits.body_bytes);
  stream.expires_after(limits.idle);
  auto [error, bytes] = co_await beast::http::async_read(stream, buffer, parser, with_error);
  if (!error) co_return parser.release();
  auto response = answer_to(error, limits);
  if (response) {
    auto answer = answer_of(std::move(*response), false, false);
    co_await write(stream, std::move(answer));
  }
  co_return std::nullopt;
}

asio::awaitable<bool> Server::State::write(Stream& stream, Answer answer) const {
  if (stopped) co_return false;
  stream.expires_after(limits.idle);
  auto [error, bytes] = co_await beast::http::async_write(stream, answer, with_error);
  co_return !error;
}

asio::awaitable<Response> Server::State::respond(Request request) const {
  try {
    auto response = co_await handler(std::move(request));
    co_return response;
  } catch (const std::exception&) {
    co_return refusal(500, "failed", "the request could not be answered: an error inside");
  }
}

Result<std::unique_ptr<Server>> Server::listen(asio::io_context& io, const std::string& path,
                                               Handler handler, Limits limits) {
  auto acceptor = bound_at(io, path);
  if (!acceptor) return acceptor.error();
  auto state = std::make_shared<State>(io, std::move(*acceptor), path, std::move(handler), limits);
  asio::co_spawn(io, State::accept_all(state), asio::detached);
  return std::unique_ptr<Server>{new Server{std::move(state)}};
}

Server::Server(std::shared_ptr<State> state) : state_{std::move(state)} {}

Server::~Server() { stop(); }

void Server::stop() noexcept {
  if (state_->stopped) return;
  state_->stopped = true;
  if (state_->file && file_at(state_->path) == state_->file) ::unlink(state_->path.c_str());
  beast::error_code ignored;
  state_->acceptor.close(ignored);
  state_->pause.cancel();
  for (auto* stream : state_->connections) stream->close();
}

void Server::abandon_in_child() noexcept {
  ::close(state_->acceptor.native_handle());
  for (auto* stream : state_->connections) ::close(stream->socket().native_handle());
}

}  // namespace selfscale::http
