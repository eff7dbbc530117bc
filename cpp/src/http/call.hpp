/// What is asked of a server and what it answers, without the connection between (client.hpp).
/// Pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <selfscale/instant.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/address.hpp"
#include "model/result.hpp"
#include "model/secret.hpp"

namespace selfscale::http {

struct Call {
  std::string method = "GET";
  std::string target = "/";  ///< path and query, percent-encoded; comes after the address's prefix
  std::vector<std::pair<std::string, std::string>> headers;  ///< Host and Content-Length are set
  std::vector<std::pair<std::string, Secret>> secrets;       ///< headers too: "Authorization", …
  std::string body;
  bool is_query = false;             ///< only reads, as a POST of GraphQL may
  Duration deadline{10'000};         ///< for the whole call, redirects included
  Duration connect_deadline{3'000};  ///< within it: to find the host, connect, and shake hands
  std::size_t most_bytes = std::size_t{8} * 1024 * 1024;  ///< of the answer's body
};

struct Answer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  /// The first of that name, in any case; empty: none.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept;
};

/// `Bearer TOKEN`, for the header Authorization.
Secret bearer(const Secret& token);

/// The first 1000 bytes of a server's words, cut where a letter of UTF-8 ends: it may say anything
/// at any length.
std::string shortened(std::string_view words);

/// The failure that an answer stands for, by its status: its code (status.hpp), and `words` after
/// what was called: "PUT https://host/path: 409: words". The query is left out, the words are
/// shortened. Of an answer that asks to be called later (429, 503, …), how long Retry-After says.
Failure failure_of(const Address& address, const Call& call, const Answer& answer,
                   std::string_view words);

/// GET or HEAD: asking twice changes nothing, here or where a redirect points.
bool is_safe(const Call& call) noexcept;
/// Is it a safe one, or a query? Its failures are those of a read.
bool only_reads(const Call& call) noexcept;
/// "PUT https://host/path", as failures begin. The query is left out: it may hold a secret.
std::string name_of(const Address& address, const Call& call);
/// Why the call cannot be sent, as a line end in a header; empty: it can. Shows no value.
std::string wrong_with(const Call& call);

}  // namespace selfscale::http
