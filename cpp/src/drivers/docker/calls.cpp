#include "drivers/docker/calls.hpp"

#include <nlohmann/json.hpp>

#include "http/percent.hpp"

namespace selfscale::drivers::docker {
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

std::optional<std::string> version_in(std::string_view text) {
  constexpr std::string_view digits = "0123456789";
  const auto dot = text.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == text.size() || text.size() > 8) {
    return std::nullopt;
  }
  const bool is_version = text.find_first_not_of(digits) == dot &&
                          text.find_first_not_of(digits, dot + 1) == std::string_view::npos;
  if (!is_version) return std::nullopt;
  return std::string{text};
}

std::string encoded(const Filters& filters) {
  auto all = nlohmann::json::object();
  for (const auto& [name, values] : filters) all[name] = values;
  return http::percent_encoded(all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace selfscale::drivers::docker
