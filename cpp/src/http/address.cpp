#include "http/address.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace selfscale::http {
namespace {

constexpr std::string_view forms =
    "https://host[:port][/prefix], http://host[:port][/prefix] or unix:/path";

Failure wrong(const std::string& why) {
  return Failure{Errc::invalid_argument, why + "; an address is " + std::string{forms}, {}};
}

bool is_plain(char letter) noexcept { return letter > ' ' && letter < '\x7f'; }

constexpr std::uint16_t usual_port(Address::Scheme scheme) noexcept {
  return scheme == Address::Scheme::https ? 443 : 80;
}

std::optional<std::uint16_t> port_in(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

Result<Address> unix_socket_at(std::string_view path) {
  if (!path.starts_with('/')) return wrong("the path of a Unix socket begins with \"/\"");
  Address address;
  address.scheme = Address::Scheme::unix_socket;
  address.path = path;
  return address;
}

/// Splits "[::1]:80", "host:80" and "host" into `address`; false: it is none of these.
bool read_authority(std::string_view text, Address& address) {
  const bool is_bracketed = text.starts_with('[');
  const auto end = is_bracketed ? text.find(']') : std::min(text.find(':'), text.size());
  if (end == std::string_view::npos) return false;
  const auto host = is_bracketed ? text.substr(1, end - 1) : text.substr(0, end);
  if (host.empty()) return false;
  address.host = host;
  auto rest = text.substr(is_bracketed ? end + 1 : end);
  if (rest.empty()) return true;
  if (rest.front() != ':') return false;
  const auto port = port_in(rest.substr(1));
  if (!port) return false;
  address.port = *port;
  return true;
}

std::string authority(const Address& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  std::string text = is_v6 ? "[" + address.host + "]" : address.host;
  if (address.port != usual_port(address.scheme)) text += ":" + std::to_string(address.port);
  return text;
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), is_plain)) {
    return wrong("the address holds a blank, a control character or a letter beyond ASCII");
  }
  if (text.starts_with("unix:")) return unix_socket_at(text.substr(5));
  Address address;
  if (text.starts_with("https://")) {
    address.scheme = Address::Scheme::https;
  } else if (!text.starts_with("http://")) {
    return wrong("the address has no scheme that is known");
  }
  address.port = usual_port(address.scheme);
  text.remove_prefix(text.find("//") + 2);
  if (text.find('@') != std::string_view::npos) {
    return wrong("an address holds no user or password; credentials have settings of their own");
  }
  if (text.find_first_of("?#") != std::string_view::npos) {
    return wrong("an address holds no query or fragment");
  }
  const auto slash = std::min(text.find('/'), text.size());
  if (!read_authority(text.substr(0, slash), address)) {
    return wrong("\"" + std::string{text.substr(0, slash)} + "\" is not host or host:port");
  }
  auto prefix = text.substr(slash);
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  address.prefix = prefix;
  return address;
}

std::string to_text(const Address& address) {
  switch (address.scheme) {
    case Address::Scheme::unix_socket:
      return "unix:" + address.path;
    case Address::Scheme::https:
      return "https://" + authority(address) + address.prefix;
    case Address::Scheme::http:
      break;
  }
  return "http://" + authority(address) + address.prefix;
}

std::string host_header(const Address& address) {
  return address.scheme == Address::Scheme::unix_socket ? "localhost" : authority(address);
}

}  // namespace selfscale::http
