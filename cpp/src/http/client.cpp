#include "http/client.hpp"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstdint>
#include <exception>

#include "http/listed.hpp"
#include "http/lookup.hpp"
#include "http/tls.hpp"

namespace selfscale::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Generic = asio::generic::stream_protocol;
using Stream = beast::basic_stream<Generic>;
using Message = beast::http::request<beast::http::string_body>;
using Parser = beast::http::response_parser<beast::http::string_body>;
using Time = asio::steady_timer::time_point;

constexpr auto with_error = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t most_header_bytes = 64 * 1024;
constexpr int most_redirects = 3;

// --- what is asked

Message message_of(const Address& address, const Call& call) {
  Message message;
  message.version(11);
  message.method_string(call.method);
  message.target(address.prefix + call.target);
  message.set(beast::http::field::host, host_header(address));
  message.set(beast::http::field::user_agent, "selfscale");
  for (const auto& [name, value] : call.headers) message.insert(name, value);
  for (const auto& [name, value] : call.secrets) message.insert(name, value.reveal());
  message.keep_alive(false);
  message.body() = call.body;
  if (!call.body.empty() || !is_safe(call)) message.content_length(call.body.size());
  return message;
}

// --- what came back

Answer answer_of(beast::http::response<beast::http::string_body> response) {
  Answer answer;
  answer.status = static_cast<int>(response.result_int());
  for (const auto& field : response) {
    answer.headers.emplace_back(std::string{field.name_string()}, std::string{field.value()});
  }
  answer.body = std::move(response.body());
  return answer;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// The target on the same server that a Location names; empty: it is on another.
std::optional<std::string> same_server_target(const Address& here, std::string_view location) {
  location = location.substr(0, location.find('#'));
  if (location.starts_with('/') && !location.starts_with("//")) return std::string{location};
  const auto scheme_end = location.find("://");
  if (scheme_end == std::string_view::npos) return std::nullopt;
  const auto path = std::min(location.find_first_of("/?", scheme_end + 3), location.size());
  const auto there = parse_address(location.substr(0, path));
  if (!there || there->scheme != here.scheme || there->port != here.port) return std::nullopt;
  if (!beast::iequals(there->host, here.host)) return std::nullopt;
  std::string target{location.substr(path)};
  return target.starts_with('/') ? target : "/" + target;
}

// --- what went wrong

/// How far a call had come when it broke off.
struct Progress {
  bool is_sent = false;     ///< as much as a byte of it
  bool has_answer = false;  ///< as much as a byte of it
};

Failure failure(Errc code, const std::string& name, const std::string& words) {
  return Failure{code, name + ": " + words, {}};
}

Failure stopped(const std::string& name) { return failure(Errc::stopped, name, "stopped"); }

bool is_http_error(const beast::error_code& error) {
  return error.category() ==
         beast::http::make_error_code(beast::http::error::bad_method).category();
}

bool is_cut_off(const beast::error_code& error) {
  return error == beast::http::error::partial_message ||
         error == asio::ssl::error::stream_truncated;
}

std::string words_of(const beast::error_code& error, Progress progress) {
  if (error == beast::error::timeout) return "no answer in time";
  if (error == beast::http::error::end_of_stream || error == asio::error::eof) {
    return "the server closed the connection without an answer";
  }
  if (is_cut_off(error)) {
    return progress.has_answer ? "the answer is cut off"
                               : "the server closed the connection without an answer";
  }
  if (error == beast::http::error::body_limit) return "the answer is too large";
  if (is_http_error(error)) return "the answer is no HTTP: " + error.message();
  return error.message();
}

Errc code_of_read(const beast::error_code& error, Progress progress) {
  if (error == beast::error::timeout) return Errc::timed_out;
  if (error == beast::http::error::end_of_stream) return Errc::unreachable;
  if (is_cut_off(error)) return progress.has_answer ? Errc::malformed : Errc::unreachable;
  return is_http_error(error) ? Errc::malformed : Errc::unreachable;
}

Failure broken(const Call& call, const std::string& name, const beast::error_code& error,
               Progress progress) {
  if (error == asio::error::operation_aborted) return stopped(name);
  if (is_refusal_of_ours(error)) {
    return failure(Errc::denied, name,
                   "the server does not accept our certificate: " + error.message());
  }
  const auto words = words_of(error, progress);
  if (!progress.is_sent) return failure(Errc::unreachable, name, words);
  if (only_reads(call)) return failure(code_of_read(error, progress), name, words);
  return failure(Errc::timed_out, name, words + "; it may have been carried out");
}

}  // namespace

struct Client::State {
  State(asio::io_context& io_, Address address_, Tls tls_)
      : io{io_},
        address{std::move(address_)},
        tls{std::move(tls_)},
        lookup{io_, address.host, address.port} {}

  asio::awaitable<Result<Answer>> follow(Call call);
  asio::awaitable<Result<Answer>> once(const Call& call, const std::string& name, Time until);
  asio::awaitable<Result<Answer>> over_tls(Stream& stream, const Call& call,
                                           const std::string& name, Time connected_until,
                                           Time until);
  asio::awaitable<Result<void>> connect(Stream& stream, const std::string& name, Time until);
  asio::awaitable<Result<std::vector<Generic::endpoint>>> endpoints(const std::string& name,
                                                                    Time until);
  Failure refused_tls(const std::string& name, const beast::error_code& error, SSL* connection);

  asio::io_context& io;
  Address address;
  Tls tls;
  Lookup lookup;
  std::shared_ptr<asio::ssl::context> context;  ///< made by the first call that needs it
  std::vector<Stream*> connections;
  bool is_stopped = false;
};

namespace {

Duration left_until(Time until) {
  const auto left = until - asio::steady_timer::clock_type::now();
  return std::max(std::chrono::ceil<Duration>(left), Duration{0});
}

/// A read whose time is over has timed out, however far it had come.
Failure late(Failure failure) {
  if (failure.code == Errc::unreachable) failure.code = Errc::timed_out;
  return failure;
}

/// Sends the call and reads the answer; interim answers (1xx) are passed over.
template <class Connection>
asio::awaitable<Result<Answer>> exchange(Connection& connection, const Address& address,
                                         const Call& call, const std::string& name) {
  auto message = message_of(address, call);
  Progress progress;
  progress.is_sent = true;
  auto [write_error, sent] = co_await beast::http::async_write(connection, message, with_error);
  if (write_error) co_return broken(call, name, write_error, progress);
  beast::flat_buffer buffer;
  for (;;) {
    Parser parser;
    parser.header_limit(most_header_bytes);
    parser.body_limit(call.most_bytes);
    parser.skip(call.method == "HEAD");
    auto [error, received] =
        co_await beast::http::async_read(connection, buffer, parser, with_error);
    progress.has_answer = progress.has_answer || received > 0 || buffer.size() > 0;
    if (error) co_return broken(call, name, error, progress);
    if (parser.get().result_int() >= 200) co_return answer_of(parser.release());
  }
}

}  // namespace

/// To the end of the redirects.
asio::awaitable<Result<Answer>> Client::State::follow(Call call) {
  const auto until = asio::steady_timer::clock_type::now() + call.deadline;
  for (int redirects = 0;; ++redirects) {
    const auto name = name_of(address, call);
    auto answer = co_await once(call, name, until);
    if (!answer && only_reads(call) && left_until(until) == Duration{0}) {
      co_return late(answer.error());
    }
    if (!answer || !is_redirect(answer->status) || !is_safe(call)) co_return answer;
    const auto location = answer->header("Location");
    if (!location) co_return answer;
    if (redirects == most_redirects) {
      co_return failure(Errc::unsupported, name, "more than 3 redirects");
    }
    const auto target = same_server_target(address, *location);
    if (!target) {
      co_return failure(Errc::unsupported, name,
                        "redirected to another server, which is not followed");
    }
    if (!target->starts_with(address.prefix + "/")) {
      co_return failure(Errc::unsupported, name, "redirected to outside of the address's prefix");
    }
    call.target = target->substr(address.prefix.size());
    if (!wrong_with(call).empty()) {
      co_return failure(Errc::unsupported, name, "redirected to what cannot be asked for");
    }
  }
}

asio::awaitable<Result<Answer>> Client::State::once(const Call& call, const std::string& name,
                                                    Time until) {
  Stream stream{io};
  const Listed here{connections, stream};
  const auto connected_until =
      std::min(until, asio::steady_timer::clock_type::now() + call.connect_deadline);
  const auto connected = co_await connect(stream, name, connected_until);
  if (!connected) co_return connected.error();
  if (address.scheme == Address::Scheme::https) {
    auto answer = co_await over_tls(stream, call, name, connected_until, until);
    co_return answer;
  }
  stream.expires_at(until);
  auto answer = co_await exchange(stream, address, call, name);
  co_return answer;
}

asio::awaitable<Result<Answer>> Client::State::over_tls(Stream& stream, const Call& call,
                                                        const std::string& name,
                                                        Time connected_until, Time until) {
  if (!context) {
    auto made = tls_context(tls);
    if (!made) co_return failure(made.error().code, name, made.error().message);
    context = *made;
  }
  const auto used = context;
  asio::ssl::stream<Stream&> secured{stream, *used};
  const auto& server = tls.server_name.empty() ? address.host : tls.server_name;
  const auto named = expect_name(secured.native_handle(), server);
  if (!named) co_return failure(named.error().code, name, named.error().message);
  stream.expires_at(connected_until);
  const auto [error] = co_await secured.async_handshake(asio::ssl::stream_base::client, with_error);
  if (error) {
    auto refused = refused_tls(name, error, secured.native_handle());
    co_return refused.message.empty() ? broken(call, name, error, Progress{}) : refused;
  }
  stream.expires_at(until);
  auto answer = co_await exchange(secured, address, call, name);
  co_return answer;
}

/// A handshake that failed for good; without words where it may do better next time.
Failure Client::State::refused_tls(const std::string& name, const beast::error_code& error,
                                   SSL* connection) {
  if (const auto why = why_not_accepted(connection); !why.empty()) {
    context.reset();  // the file of authorities may be another by now
    return failure(Errc::denied, name, "the server's certificate is not accepted: " + why);
  }
  if (error.category() != asio::error::get_ssl_category() || is_refusal_of_ours(error)) return {};
  return failure(Errc::malformed, name,
                 "the server does not speak TLS as we do: " + error.message());
}

/// Each address gets its share of the time, so that one that swallows everything does not take it
/// all.
asio::awaitable<Result<void>> Client::State::connect(Stream& stream, const std::string& name,
                                                     Time until) {
  const auto found = co_await endpoints(name, until);
  if (!found) co_return found.error();
  beast::error_code error = asio::error::host_not_found;
  for (std::size_t i = 0; i < found->size() && !is_stopped; ++i) {
    const auto& endpoint = (*found)[i];
    beast::error_code ignored;
    stream.socket().close(ignored);
    stream.socket().open(endpoint.protocol(), error);
    if (error) continue;
    ::fcntl(stream.socket().native_handle(), F_SETFD, FD_CLOEXEC);
    const auto share = left_until(until) / static_cast<Duration::rep>(found->size() - i);
    stream.expires_after(share);
    const auto [connect_error] = co_await stream.async_connect(endpoint, with_error);
    error = connect_error;
    if (!error) co_return Result<void>{};
    if (error == asio::error::operation_aborted) break;
  }
  if (error == asio::error::operation_aborted) co_return stopped(name);
  const auto why = error == beast::error::timeout ? "no connection in time" : error.message();
  co_return failure(Errc::unreachable, name, why);
}

asio::awaitable<Result<std::vector<Generic::endpoint>>> Client::State::endpoints(
    const std::string& name, Time until) {
  std::vector<Generic::endpoint> all;
  if (address.scheme == Address::Scheme::unix_socket) {
    if (address.path.size() >= sizeof(sockaddr_un::sun_path)) {
      co_return failure(Errc::invalid_argument, name, "the path is too long for a Unix socket");
    }
    all.emplace_back(asio::local::stream_protocol::endpoint{address.path});
    co_return all;
  }
  const auto found = co_await lookup.find(left_until(until));
  if (!found) co_return failure(found.error().code, name, found.error().message);
  all.assign(found->begin(), found->end());
  co_return all;
}

Client::Client(asio::io_context& io, Address address, Tls tls)
    : state_{std::make_shared<State>(io, std::move(address), std::move(tls))} {}

Client::~Client() { stop(); }

void Client::stop() noexcept {
  state_->is_stopped = true;
  state_->lookup.stop();
  for (auto* connection : state_->connections) connection->close();
}

const Address& Client::address() const noexcept { return state_->address; }

asio::awaitable<Result<Answer>> Client::call(Call call) {
  const auto state = state_;  // the client may go while we wait
  const auto name = name_of(state->address, call);
  if (const auto wrong = wrong_with(call); !wrong.empty()) {
    co_return Failure{Errc::invalid_argument, "a call cannot be made: " + wrong, {}};
  }
  if (state->is_stopped) co_return stopped(name);
  try {
    auto answer = co_await state->follow(std::move(call));
    if (!answer && state->is_stopped) co_return stopped(name);
    co_return answer;
  } catch (const boost::system::system_error&) {  // a wait was begun after the cancellation
    co_return stopped(name);
  } catch (const std::exception& error) {
    co_return failure(Errc::failed, name, error.what());
  }
}

}  // namespace selfscale::http
