#include "fleet/postgres_url.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "fleet/libpq.hpp"
#include "http/percent.hpp"

namespace selfscale::fleet {
namespace {

constexpr std::array<std::string_view, 6> ssl_modes{"disable", "allow",     "prefer",
                                                    "require", "verify-ca", "verify-full"};

using Parameters = std::map<std::string, std::string>;

Failure wrong(const std::string& words) {
  return Failure{Errc::invalid_argument,
                 words +
                     ": say postgresql://[user:password@]host[:port]/database, with "
                     "?sslmode=verify-full&sslrootcert=/path for TLS, and %40 for an @ of the "
                     "password, %2F for a /",
                 {}};
}

/// What libpq reads, by the names of its parameters; empty: it is no URL to it. Its own words would
/// repeat the URL.
Parameters parameters_of(const Libpq& pq, const std::string& url) {
  Parameters all;
  auto* const list = pq.conninfo_parse(url.c_str(), nullptr);
  for (const auto* each = list; each != nullptr && each->keyword != nullptr; ++each) {
    if (each->val != nullptr) all[each->keyword] = each->val;
  }
  if (list != nullptr) pq.conninfo_free(list);
  return all;
}

bool has(const std::string& text, char letter) { return text.find(letter) != std::string::npos; }

bool is_number(const std::string& text) {
  return std::ranges::all_of(text, [](char letter) { return letter >= '0' && letter <= '9'; });
}

/// The names may be any bytes.
std::string place_of(const std::string& host, const std::string& port,
                     const std::string& database) {
  const auto name = http::percent_encoded(database);
  if (host.starts_with('/')) {
    return "postgresql:///" + name + "?host=" + http::percent_encoded(host, "/");
  }
  const auto server = http::percent_encoded(host, ":");
  return "postgresql://" + (has(host, ':') ? "[" + server + "]" : server) + ":" +
         (port.empty() ? "5432" : port) + "/" + name;
}

}  // namespace

Result<PostgresUrl> parse_postgres_url(std::string_view text) {
  const bool is_url = text.starts_with("postgresql://") || text.starts_with("postgres://");
  if (!is_url) return wrong("it is no PostgreSQL URL");
  const auto pq = libpq();
  if (!pq) return pq.error();
  auto found = parameters_of(**pq, std::string{text});
  if (found.empty()) return wrong("libpq does not understand it");
  const auto host = found["host"].empty() ? found["hostaddr"] : found["host"];
  const auto port = found["port"];
  const auto database = found["dbname"];
  if (host.empty()) return wrong("it names no host");
  if (has(host + port + found["hostaddr"], ',')) return wrong("it names more than one host");
  // An @ or / that the password holds as it is ends up in the names beside it.
  if (has(host, '@') || has(database, '@')) return wrong("host or database have an @");
  if (!is_number(port)) return wrong("the port is none");
  if (database.empty()) return wrong("it names no database");
  const auto& mode = found["sslmode"];
  if (!mode.empty() && std::ranges::find(ssl_modes, mode) == ssl_modes.end()) {
    return wrong("sslmode is disable, allow, prefer, require, verify-ca or verify-full");
  }
  PostgresUrl url;
  url.url = Secret{text};
  if (!host.starts_with('/') && found["hostaddr"].empty()) url.host = host;
  url.place = place_of(host, port, database);
  return url;
}

std::string to_text(const PostgresUrl& url) { return url.place; }

}  // namespace selfscale::fleet
