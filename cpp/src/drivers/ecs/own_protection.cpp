#include "drivers/ecs/own_protection.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "drivers/ecs/answers.hpp"
#include "drivers/ecs/operations.hpp"
#include "drivers/ecs/refusal.hpp"
#include "model/json/document.hpp"
#include "model/json/shallow.hpp"
#include "model/rfc3339.hpp"

namespace selfscale::drivers::ecs {
namespace {

using Json = nlohmann::json;

constexpr double clocks_differ_by = 60.0;

http::Call put(const Json& body) {
  auto call = get_own_protection();
  call.method = "PUT";
  call.headers = {{"Content-Type", "application/json"}};
  call.body = body.dump();
  return call;
}

/// What the endpoint asks of ECS.
Operation asked_of_ecs(const http::Call& call) {
  const bool writes = call.method == "PUT";
  return {Api::ecs, writes ? "UpdateTaskProtection" : "GetTaskProtection", {}, writes};
}

/// ECS' refusal, which the endpoint hands on, in the form in which ECS says it.
Failure refusal_in(const Json& error, const http::Call& call, int status) {
  const auto code = http::shortened(text(at(error, "Code")));
  const auto body = Json{{"message", text(at(error, "Message"))}}.dump(
      -1, ' ', false, Json::error_handler_t::replace);
  return refusal_of(asked_of_ecs(call), {status, body, code, {}}, {}).failure;
}

Failure failure_in(const Json& failure, const http::Call& call) {
  auto words = asked_of_ecs(call).name + ": " + text(at(failure, "Reason"));
  if (const auto detail = text(at(failure, "Detail")); !detail.empty()) words += ": " + detail;
  return {Errc::failed, http::shortened(words), {}};
}

double time_in(const Json& value) {
  if (value.is_number()) return value.get<double>();
  return from_rfc3339(text(value)).value_or(0.0);
}

}  // namespace

http::Call get_own_protection() {
  http::Call call;
  call.target = "/task-protection/v1/state";
  return call;
}

http::Call protect_own_task(int minutes) {
  return put({{"ProtectionEnabled", true}, {"ExpiresInMinutes", minutes}});
}

http::Call unprotect_own_task() { return put({{"ProtectionEnabled", false}}); }

Result<OwnProtection> parse_own_protection(const http::Call& call, int status,
                                           std::string_view answer) {
  const auto said = parse_shallow<Json>(answer);
  if (const auto& error = at(said, "error"); error.is_object()) {
    return refusal_in(error, call, status);
  }
  if (status != 200) return refusal_in({}, call, status);
  if (const auto& failure = at(said, "failure"); failure.is_object()) {
    return failure_in(failure, call);
  }
  const auto& is_on = at(said, "protection", "ProtectionEnabled");
  if (!is_on.is_boolean()) {
    return Failure{
        Errc::malformed, "the endpoint of the task's protection answered with no protection", {}};
  }
  return OwnProtection{is_on.get<bool>(), time_in(at(said, "protection", "ExpirationDate"))};
}

bool is_ours(const OwnProtection& seen, double ours) noexcept {
  return seen.is_on && ours > 0.0 && std::abs(seen.until - ours) <= clocks_differ_by;
}

OwnStep own_step(bool is_wanted, const OwnProtection& seen, double ours, double now) noexcept {
  if (!is_wanted) return is_ours(seen, ours) ? OwnStep::release : OwnStep::none;
  const double left = seen.is_on ? seen.until - now : 0.0;
  const double enough = is_ours(seen, ours) ? own_protection_renewed_below : longest_of_a_scale_in;
  return left <= enough ? OwnStep::protect : OwnStep::none;
}

}  // namespace selfscale::drivers::ecs
