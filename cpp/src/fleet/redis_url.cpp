#include "fleet/redis_url.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace selfscale::fleet {
namespace {

Failure wrong(const std::string& words) {
  return Failure{
      Errc::invalid_argument,
      words + ": say redis://[user:password@]host[:port][/database], or rediss:// for TLS",
      {}};
}

int digit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

/// Empty: a % is not followed by two hexadecimal digits.
std::optional<std::string> decoded(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = digit(text[i + 1]);
    const int low = digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return bytes;
}

std::optional<int> number(std::string_view text, int least, int most) {
  int value = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  const bool is_number = read.ec == std::errc{} && read.ptr == end;
  if (!is_number || value < least || value > most) return std::nullopt;
  return value;
}

/// A name or an address, as far as its letters tell.
bool may_be_host(std::string_view text) {
  return std::ranges::all_of(text, [](char letter) {
    return letter > ' ' && letter <= '~' && letter != '[' && letter != ']';
  });
}

/// Takes the text up to `mark` off the front, the mark too; all of it where there is no mark.
std::string_view take_until(std::string_view& rest, char mark) {
  const auto at = rest.find(mark);
  const auto taken = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return taken;
}

Result<void> read_credentials(std::string_view text, RedisUrl& url) {
  const auto user = decoded(take_until(text, ':'));
  const auto password = decoded(text);
  if (!user || !password) return wrong("user or password are not percent-encoded");
  url.user = *user;
  url.password = Secret{*password};
  if (url.password.empty()) return wrong("a user without a password");
  return {};
}

Result<void> read_place(std::string_view text, RedisUrl& url) {
  if (text.starts_with('[')) {
    text.remove_prefix(1);
    if (text.find(']') == std::string_view::npos) return wrong("the host is none");
    url.host = take_until(text, ']');
    if (!text.empty() && text.front() != ':') return wrong("the host is none");
    if (!text.empty()) text.remove_prefix(1);
  } else {
    url.host = take_until(text, ':');
  }
  if (url.host.empty()) return wrong("it names no host");
  if (!may_be_host(url.host)) return wrong("the host is none");
  if (text.empty()) return {};
  const auto port = number(text, 1, std::numeric_limits<std::uint16_t>::max());
  if (!port) return wrong("the port is none");
  url.port = static_cast<std::uint16_t>(*port);
  return {};
}

Result<void> read_options(std::string_view text, RedisUrl& url) {
  while (!text.empty()) {
    auto option = take_until(text, '&');
    const auto name = take_until(option, '=');
    const auto value = decoded(option);
    if (name != "ssl_ca_certs" || !value) return wrong("the only option known is ssl_ca_certs");
    url.authorities_file = *value;
  }
  return {};
}

}  // namespace

Result<RedisUrl> parse_redis_url(std::string_view text) {
  RedisUrl url;
  url.is_secured = text.starts_with("rediss://");
  if (!url.is_secured && !text.starts_with("redis://")) return wrong("it is no Redis URL");
  text.remove_prefix(text.find("//") + 2);
  auto options = text;
  text = take_until(options, '?');
  auto database = text;
  auto place = take_until(database, '/');
  if (const auto at = place.rfind('@'); at != std::string_view::npos) {
    if (const auto read = read_credentials(place.substr(0, at), url); !read) return read.error();
    place.remove_prefix(at + 1);
  }
  if (const auto read = read_place(place, url); !read) return read.error();
  if (!database.empty()) {
    const auto value = number(database, 0, 1'000'000);
    if (!value) return wrong("the database is no number");
    url.database = *value;
  }
  if (const auto read = read_options(options, url); !read) return read.error();
  return url;
}

std::string to_text(const RedisUrl& url) {
  const bool is_v6 = url.host.find(':') != std::string::npos;
  return (url.is_secured ? "rediss://" : "redis://") + (is_v6 ? "[" + url.host + "]" : url.host) +
         ":" + std::to_string(url.port) + "/" + std::to_string(url.database);
}

}  // namespace selfscale::fleet
