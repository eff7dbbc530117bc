/// Where a server is: parsed once, from a text in a configuration.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/result.hpp"

namespace selfscale::http {

struct Address {
  enum class Scheme : std::uint8_t { http, https, unix_socket } scheme = Scheme::http;
  std::string host;  ///< name or IP address, IPv6 without its brackets; empty for a Unix socket
  std::uint16_t port = 80;
  std::string path;  ///< of the Unix socket
  std::string
      prefix;  ///< stands before every call's target: "" or "/api", never with a "/" at its end
};

/// Of `https://host[:port][/prefix]`, `http://host[:port][/prefix]` or `unix:/path`.
/// Errc::invalid_argument: it is none of these, or holds a user, password, query or fragment. The
/// message does not repeat what may be a password.
Result<Address> parse_address(std::string_view text);

/// "https://host:6443/prefix", as messages show it; the port only where it is not the scheme's own.
std::string to_text(const Address& address);
/// The value of the header Host: "host:6443", "[::1]"; "localhost" for a Unix socket.
std::string host_header(const Address& address);

}  // namespace selfscale::http
