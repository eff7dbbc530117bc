#include "fleet/redis.hpp"

#include <fcntl.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/redis/request.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "fleet/redis_replies.hpp"
#include "http/lookup.hpp"
#include "http/tls.hpp"

namespace selfscale::fleet {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto with_error = asio::as_tuple(asio::use_awaitable);

/// {there is one, version, text, somebody holds it}
constexpr std::string_view read_script =
    "local kept = redis.call('HMGET', KEYS[1], 'version', 'text') "
    "if not kept[1] then return {'0', '', '', '0'} end "
    "return {'1', kept[1], kept[2] or '', tostring(redis.call('EXISTS', KEYS[2]))}";

/// {it was written, the new version}; ARGV: the version that must stand, text, milliseconds. The
/// first version is the time, so that none comes again after all was lost.
constexpr std::string_view write_script =
    "local stands = redis.call('HGET', KEYS[1], 'version') or '' "
    "if stands ~= ARGV[1] then return {'0', ''} end "
    "local now = redis.call('TIME') "
    "if stands == '' then redis.call('HSET', KEYS[1], 'version', now[1] .. '000000') end "
    "redis.call('HINCRBY', KEYS[1], 'version', tonumber(now[2]) + 1) "
    "redis.call('HSET', KEYS[1], 'text', ARGV[2]) "
    "if ARGV[3] == '0' then redis.call('DEL', KEYS[2]) "
    "else redis.call('SET', KEYS[2], '1', 'PX', ARGV[3]) end "
    "return {'1', redis.call('HGET', KEYS[1], 'version')}";

/// The braces keep both keys of a text on one server.
std::string name_of(const Key& key) {
  constexpr std::array words{"lease", "switches", "published"};
  return std::string{"selfscale:{"} + words.at(static_cast<std::size_t>(key.kind)) + ":" +
         key.service + "}";
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> starts) {
  for (const auto start : starts) {
    if (text.starts_with(start)) return true;
  }
  return false;
}

Errc code_of(std::string_view error) {
  if (starts_with_any(error, {"WRONGPASS", "NOAUTH", "NOPERM"})) return Errc::denied;
  if (starts_with_any(error, {"LOADING", "BUSY", "READONLY", "MASTERDOWN", "CLUSTERDOWN",
                              "TRYAGAIN", "NOREPLICAS"})) {
    return Errc::unreachable;
  }
  if (starts_with_any(error, {"MOVED", "ASK", "CROSSSLOT"})) return Errc::unsupported;
  return Errc::failed;
}

/// A connection, and whether it was closed for being late.
struct Line {
  explicit Line(asio::io_context& io) : socket{io} {}
  tcp::socket socket;
  bool is_late = false;
};

class Redis final : public Store {
 public:
  explicit Redis(RedisSetting setting)
      : setting_{std::move(setting)}, lookup_{setting_.io, setting_.url.host, setting_.url.port} {}

  asio::awaitable<Result<std::optional<Kept>>> read(Key key) override;
  asio::awaitable<Result<std::string>> write(Wanted wanted) override;

 private:
  template <class... Words>
  std::string commands(std::string_view script, const std::string& key, const Words&... words);
  asio::awaitable<Result<std::vector<std::string>>> call(std::string commands, std::size_t values);
  asio::awaitable<Result<std::vector<Reply>>> exchange(std::string commands);
  asio::awaitable<Result<void>> connect(Line& line);
  asio::awaitable<Result<std::vector<Reply>>> over_tls(Line& line, const std::string& commands);
  template <class Connection>
  asio::awaitable<Result<std::vector<Reply>>> talk(Line& line, Connection& connection,
                                                   const std::string& commands);
  [[nodiscard]] std::size_t commands_before() const { return setting_.url.database == 0 ? 1U : 2U; }
  [[nodiscard]] Failure refusal(std::size_t command, const std::string& error) const;
  [[nodiscard]] Failure failure(Errc code, const std::string& words) const;
  [[nodiscard]] Failure broken(const Line& line, const error_code& error, bool is_sent) const;

  RedisSetting setting_;
  http::Lookup lookup_;
};

Failure Redis::failure(Errc code, const std::string& words) const {
  return Failure{code, to_text(setting_.url) + ": " + words, {}};
}

Failure Redis::broken(const Line& line, const error_code& error, bool is_sent) const {
  const bool is_stopped = error == asio::error::operation_aborted && !line.is_late;
  if (is_stopped) return failure(Errc::stopped, "stopped");
  return failure(is_sent ? Errc::timed_out : Errc::unreachable,
                 line.is_late ? "no answer in time" : error.message());
}

/// A server that does not know a command repeats its arguments, and the first has the password.
Failure Redis::refusal(std::size_t command, const std::string& error) const {
  if (command == 0 && code_of(error) == Errc::failed) {
    return failure(Errc::unsupported,
                   "it does not greet as Redis 6 or later does, or wants no password");
  }
  return failure(code_of(error), error);
}

// --- one call

template <class... Words>
std::string Redis::commands(std::string_view script, const std::string& key,
                            const Words&... words) {
  const auto& url = setting_.url;
  boost::redis::request request;
  if (url.password.empty()) {
    request.push("HELLO", "3");
  } else {
    const std::string_view user = url.user.empty() ? "default" : std::string_view{url.user};
    request.push("HELLO", "3", "AUTH", user, url.password.reveal());
  }
  if (url.database != 0) request.push("SELECT", url.database);
  request.push("EVAL", script, 2, key, key + ":held", words...);
  return std::string{request.payload()};
}

asio::awaitable<Result<void>> Redis::connect(Line& line) {
  const auto found = co_await lookup_.find(setting_.deadline);
  if (!found) co_return found.error();
  error_code error = asio::error::host_not_found;
  for (const auto& endpoint : *found) {
    if (line.is_late) break;
    error_code ignored;
    line.socket.close(ignored);
    line.socket.open(endpoint.protocol(), error);
    if (error) continue;
    ::fcntl(line.socket.native_handle(), F_SETFD, FD_CLOEXEC);
    const auto [failed] = co_await line.socket.async_connect(endpoint, with_error);
    error = failed;
    if (!error) co_return Result<void>{};
  }
  co_return broken(line, error, /*is_sent=*/false);
}

template <class Connection>
asio::awaitable<Result<std::vector<Reply>>> Redis::talk(Line& line, Connection& connection,
                                                        const std::string& commands) {
  const auto [unsent, sent] =
      co_await asio::async_write(connection, asio::buffer(commands), with_error);
  if (unsent) co_return broken(line, unsent, /*is_sent=*/true);
  Replies replies;
  std::array<char, 4096> bytes{};
  while (replies.all().size() <= commands_before()) {
    const auto [error, got] = co_await connection.async_read_some(asio::buffer(bytes), with_error);
    if (error) co_return broken(line, error, /*is_sent=*/true);
    if (!replies.take({bytes.data(), got})) {
      co_return failure(Errc::malformed, "what answers there is no Redis");
    }
  }
  co_return std::move(replies.all());
}

asio::awaitable<Result<std::vector<Reply>>> Redis::over_tls(Line& line,
                                                            const std::string& commands) {
  http::Tls tls;
  tls.authorities_file = setting_.url.authorities_file;
  const auto context = http::tls_context(tls);
  if (!context) co_return failure(context.error().code, context.error().message);
  asio::ssl::stream<tcp::socket&> secured{line.socket, **context};
  const auto named = http::expect_name(secured.native_handle(), setting_.url.host);
  if (!named) co_return failure(named.error().code, named.error().message);
  const auto [error] = co_await secured.async_handshake(asio::ssl::stream_base::client, with_error);
  if (error) {
    const auto why = http::why_not_accepted(secured.native_handle());
    if (why.empty()) co_return broken(line, error, /*is_sent=*/false);
    co_return failure(Errc::denied, "the server's certificate is not accepted: " + why);
  }
  auto replies = co_await talk(line, secured, commands);
  co_return replies;
}

asio::awaitable<Result<std::vector<Reply>>> Redis::exchange(std::string commands) {
  const auto line = std::make_shared<Line>(setting_.io);
  asio::steady_timer timer{setting_.io, setting_.deadline};
  timer.async_wait([line](const error_code& cancelled) {
    if (cancelled) return;
    line->is_late = true;
    error_code ignored;
    line->socket.close(ignored);
  });
  const auto connected = co_await connect(*line);
  if (!connected) co_return connected.error();
  if (setting_.url.is_secured) {
    auto replies = co_await over_tls(*line, commands);
    co_return replies;
  }
  auto replies = co_await talk(*line, line->socket, commands);
  co_return replies;
}

/// The values that the script returned.
asio::awaitable<Result<std::vector<std::string>>> Redis::call(std::string commands,
                                                              std::size_t values) {
  auto replies = co_await exchange(std::move(commands));
  if (!replies) co_return replies.error();
  for (std::size_t i = 0; i < replies->size(); ++i) {
    const auto& error = (*replies)[i].error;
    if (!error.empty()) co_return refusal(i, error);
  }
  auto& last = replies->back().values;
  if (last.size() != values) co_return failure(Errc::malformed, "what answers there is no Redis");
  co_return std::move(last);
}

// --- the store

asio::awaitable<Result<std::optional<Kept>>> Redis::read(Key key) {
  auto asked = commands(read_script, name_of(key));
  auto values = co_await call(std::move(asked), 4);
  if (!values) co_return values.error();
  if ((*values)[0] == "0") co_return std::optional<Kept>{};
  Kept kept;
  kept.version = std::move((*values)[1]);
  kept.text = std::move((*values)[2]);
  kept.is_held = (*values)[3] == "1";
  co_return std::optional{std::move(kept)};
}

asio::awaitable<Result<std::string>> Redis::write(Wanted wanted) {
  auto asked = commands(write_script, name_of(wanted.key), wanted.over, wanted.text,
                        wanted.held_for.count());
  auto values = co_await call(std::move(asked), 2);
  if (!values) co_return values.error();
  if ((*values)[0] == "0") {
    co_return failure(Errc::conflict, name_of(wanted.key) + " was changed meanwhile");
  }
  co_return std::move((*values)[1]);
}

}  // namespace

std::unique_ptr<Store> make_redis_store(RedisSetting setting) {
  return std::make_unique<Redis>(std::move(setting));
}

}  // namespace selfscale::fleet
