#include "drivers/docker/calls.hpp"

#include <charconv>
#include <compare>
#include <nlohmann/json.hpp>

#include "http/percent.hpp"

namespace selfscale::drivers::docker {
namespace {

/// Digits and nothing else.
std::optional<int> read_number(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

struct Version {
  int major = 0;
  int minor = 0;
  auto operator<=>(const Version&) const = default;
};

/// "1.41" and its like; empty: it is none.
std::optional<Version> read_version(std::string_view text) {
  constexpr std::size_t longest = 8;
  const auto dot = text.find('.');
  if (dot == std::string_view::npos || text.size() > longest) return std::nullopt;
  const auto major = read_number(text.substr(0, dot));
  const auto minor = read_number(text.substr(dot + 1));
  if (!major || !minor) return std::nullopt;
  return Version{*major, *minor};
}

}  // namespace

http::Call get(std::string path) {
  http::Call call;
  call.target = std::move(path);
  call.headers = {{"Accept", "application/json"}};
  return call;
}

http::Call post(std::string path, std::string body) {
  auto call = get(std::move(path));
  call.method = "POST";
  if (!body.empty()) call.headers.emplace_back("Content-Type", "application/json");
  call.body = std::move(body);
  return call;
}

http::Call remove(std::string path) {
  auto call = get(std::move(path));
  call.method = "DELETE";
  return call;
}

http::Call ping() {
  http::Call call;
  call.method = "HEAD";
  call.target = "/_ping";
  return call;
}

std::optional<std::string> version_for(std::string_view engines_newest) {
  const auto version = read_version(engines_newest);
  if (!version) return std::nullopt;
  return std::string{*version < read_version(newest_known) ? engines_newest : newest_known};
}

std::string encoded(const Filters& filters) {
  auto all = nlohmann::json::object();
  for (const auto& [name, values] : filters) all[name] = values;
  return http::percent_encoded(all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace selfscale::drivers::docker
