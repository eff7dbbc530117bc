#include "drivers/kubernetes/request.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "http/percent.hpp"
#include "http/status.hpp"

namespace selfscale::drivers::kubernetes {
namespace {

constexpr std::string_view page_size = "500";

std::optional<Duration> wait_in(const Json& seconds) {
  constexpr std::int64_t most = 86'400;
  if (!seconds.is_number_integer()) return std::nullopt;
  return std::chrono::seconds{std::clamp(seconds.get<std::int64_t>(), std::int64_t{0}, most)};
}

Request with_body(Request request, const char* type, const std::string& body) {
  request.call.headers.emplace_back("Content-Type", type);
  request.call.body = body;
  return request;
}

}  // namespace

std::string to_text(const Permission& permission) {
  auto words = permission.verb + " " + permission.resource;
  if (!permission.name.empty()) words += " " + permission.name;
  return permission.group.empty() ? words : words + " (" + permission.group + ")";
}

std::string to_rule(const Permission& permission) {
  const auto group = permission.group.empty() ? R"("")" : permission.group;
  const auto name = permission.name.empty() ? "" : ", resourceNames: [" + permission.name + "]";
  return "- {apiGroups: [" + group + "], resources: [" + permission.resource + "], verbs: [" +
         permission.verb + "]" + name + "}";
}

Request get(std::string path, Permission needs) {
  Request request;
  request.call.target = std::move(path);
  request.call.headers = {{"Accept", "application/json"}};
  request.needs = std::move(needs);
  return request;
}

Request write(std::string method, std::string path, const std::string& body, Permission needs) {
  auto request = get(std::move(path), std::move(needs));
  request.call.method = std::move(method);
  return with_body(std::move(request), "application/json", body);
}

Request patch(std::string path, const std::string& body, Permission needs) {
  auto request = get(std::move(path), std::move(needs));
  request.call.method = "PATCH";
  return with_body(std::move(request), "application/merge-patch+json", body);
}

std::string paged(std::string path, const std::string& page) {
  path += path.find('?') == std::string::npos ? '?' : '&';
  path += "limit=" + std::string{page_size};
  if (!page.empty()) path += "&continue=" + http::percent_encoded(page);
  return path;
}

Failure refusal(const http::Address& server, const Request& request, const http::Answer& answer) {
  const auto status = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  auto failure = http::failure_of(server, request.call, answer, text(at(status, "message")));
  const auto verdict = http::verdict_of(answer.status);
  if (verdict == http::Verdict::denied) failure.permission = to_text(request.needs);
  if (!failure.retry_after && http::may_succeed_later(verdict)) {
    failure.retry_after = wait_in(at(status, "details", "retryAfterSeconds"));
  }
  return failure;
}

}  // namespace selfscale::drivers::kubernetes
