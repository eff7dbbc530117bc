/// Where a server is, parsed once from a text in a configuration, and how it is known.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/result.hpp"
#include "model/secret.hpp"

namespace selfscale::http {

struct Address {
  enum class Scheme : std::uint8_t { http, https, unix_socket } scheme = Scheme::http;
  std::string host;  ///< name or IP address, IPv6 without its brackets; empty for a Unix socket
  std::uint16_t port = 80;
  std::string path;  ///< of the Unix socket
  std::string
      prefix;  ///< stands before every call's target: "" or "/api", never with a "/" at its end
};

/// Whom to trust, and who we are, on a TLS connection. The server's certificate is always verified,
/// its name too: there is no switch for that.
struct Tls {
  std::string authorities;       ///< PEM; with the file's, instead of the system's
  std::string authorities_file;  ///< PEM; read again after a certificate was not accepted
  std::string certificate;       ///< PEM, ours, with its chain; empty: none is shown
  Secret key;                    ///< PEM, of `certificate`
  std::string server_name;       ///< what the certificate must name; empty: the address's host
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
