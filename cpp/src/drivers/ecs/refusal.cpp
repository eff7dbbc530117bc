#include "drivers/ecs/refusal.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "drivers/finding.hpp"
#include "http/call.hpp"
#include "http/status.hpp"

namespace selfscale::drivers::ecs {
namespace {

using Json = nlohmann::json;
using http::Verdict;

constexpr std::size_t longest_message = 1'000;
// AWS takes signatures that are five minutes old.
constexpr std::chrono::seconds notable_difference{240};
constexpr auto why_on_clock = "AWS refuses what is signed at another time than its own";
constexpr auto how_to_set_clock = "timedatectl set-ntp true   # of a container: on its host";

struct Kind {
  std::string_view type;
  Verdict verdict;
  Remedy remedy = Remedy::none;
};

// Those that their status does not tell. Sources: the services' lists of common errors, and the
// retry rules of AWS' SDKs.
constexpr std::array kinds{
    Kind{"Throttling", Verdict::throttled},
    Kind{"ThrottlingException", Verdict::throttled},
    Kind{"ThrottledException", Verdict::throttled},
    Kind{"RequestThrottled", Verdict::throttled},
    Kind{"RequestThrottledException", Verdict::throttled},
    Kind{"RequestLimitExceeded", Verdict::throttled},
    Kind{"TooManyRequestsException", Verdict::throttled},
    Kind{"SlowDown", Verdict::throttled},
    Kind{"ConcurrentUpdateException", Verdict::conflict},
    Kind{"ServerException", Verdict::transient},
    Kind{"InternalServiceException", Verdict::transient},
    Kind{"InternalFailure", Verdict::transient},
    Kind{"ServiceUnavailable", Verdict::transient},
    Kind{"RequestTimeout", Verdict::transient},
    Kind{"RequestTimeoutException", Verdict::transient},
    Kind{"IDPCommunicationError", Verdict::transient},
    Kind{"ExpiredToken", Verdict::unauthorized, Remedy::renew_credentials},
    Kind{"ExpiredTokenException", Verdict::unauthorized, Remedy::renew_credentials},
    Kind{"UnrecognizedClientException", Verdict::unauthorized, Remedy::renew_credentials},
    Kind{"InvalidClientTokenId", Verdict::unauthorized, Remedy::renew_credentials},
    Kind{"InvalidSignatureException", Verdict::unauthorized, Remedy::renew_credentials},
    Kind{"SignatureDoesNotMatch", Verdict::unauthorized, Remedy::renew_credentials},
    Kind{"IncompleteSignature", Verdict::unauthorized},
    Kind{"MissingAuthenticationToken", Verdict::unauthorized},
    Kind{"RequestExpired", Verdict::unauthorized, Remedy::set_clock},
    Kind{"RequestTimeTooSkewed", Verdict::unauthorized, Remedy::set_clock},
    Kind{"AccessDenied", Verdict::denied},
    Kind{"AccessDeniedException", Verdict::denied},
    Kind{"NotAuthorized", Verdict::denied},
    Kind{"ClusterNotFoundException", Verdict::not_found},
    Kind{"ServiceNotFoundException", Verdict::not_found},
    Kind{"ServiceNotActiveException", Verdict::not_found},
    Kind{"ResourceNotFoundException", Verdict::not_found},
    Kind{"ObjectNotFoundException", Verdict::not_found},
};

/// "ThrottlingException" of "com.amazonaws.ecs#ThrottlingException:http://…".
std::string bare_type(std::string_view text) {
  text = text.substr(0, text.find(':'));
  if (const auto hash = text.rfind('#'); hash != std::string_view::npos) {
    text.remove_prefix(hash + 1);
  }
  return std::string{text.substr(0, longest_message)};
}

std::string text_in(const Json& body, std::initializer_list<const char*> keys) {
  if (!body.is_object()) return {};
  for (const char* key : keys) {
    const auto found = body.find(key);
    if (found != body.end() && found->is_string()) return found->get<std::string>();
  }
  return {};
}

Kind kind_of(const std::string& type, int status) {
  const auto* const known = std::find_if(kinds.begin(), kinds.end(),
                                         [&type](const Kind& each) { return each.type == type; });
  return known != kinds.end() ? *known : Kind{{}, http::verdict_of(status)};
}

/// "… is not authorized to perform: ecs:UpdateService on resource: …" names the right itself.
std::string missing_permission(const Operation& operation, std::string_view message) {
  constexpr std::string_view before = "to perform: ";
  const auto at = message.find(before);
  if (at == std::string_view::npos) return permission_of(operation);
  const auto begin = at + before.size();
  return std::string{message.substr(begin, message.find(' ', begin) - begin)};
}

bool speaks_of_time(std::string_view message) {
  return message.find("Signature expired") != std::string_view::npos ||
         message.find("Signature not yet current") != std::string_view::npos;
}

/// Empty: the difference is one that AWS bears.
std::string words_on_clock(std::chrono::seconds ahead) {
  if (std::chrono::abs(ahead) < notable_difference) return {};
  const auto seconds = ahead.count();
  return "this machine's clock is " + std::to_string(seconds > 0 ? seconds : -seconds) + " s " +
         (seconds > 0 ? "behind" : "ahead of") + " AWS'";
}

}  // namespace

std::optional<Finding> clock_finding(std::chrono::seconds ahead) {
  const auto words = words_on_clock(ahead);
  if (words.empty()) return std::nullopt;
  return Finding{words + ": calls are made by AWS' time until it is set", why_on_clock,
                 how_to_set_clock};
}

Finding finding_of(const Failure& failure, const Place& place, bool is_for_the_clock) {
  const auto what = with_permission(failure);
  if (!failure.permission.empty()) {
    return {
        what, "without this right the service can be neither seen whole nor scaled",
        R"({"Effect": "Allow", "Action": [")" + failure.permission +
            R"("], "Resource": "*"}   # into the policy of the agent's role; docs/drivers/ecs.md )"
            "has all of them, with narrower resources"};
  }
  const auto cluster = place.cluster.empty() ? "" : " --cluster " + place.cluster;
  switch (failure.code) {
    case Errc::not_found:
      return {what, "there is nothing to scale",
              "aws ecs list-services" + cluster +
                  "   # the name goes into platform.service, its cluster into platform.cluster"};
    case Errc::denied:
      if (is_for_the_clock) return {what, why_on_clock, how_to_set_clock};
      return {what, "AWS does not know who asks",
              R"("taskRoleArn": "arn:aws:iam::ACCOUNT:role/selfscale"   # in the task definition; )"
              "elsewhere AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"};
    default:
      return drivers::finding_of(failure);
  }
}

Finding no_scale_in(const Failure& failure) {
  const auto what = "no scale-in can be carried out: " + with_permission(failure);
  constexpr auto why = "the tasks that are to stay are protected first; steps up are made";
  if (failure.permission.empty()) {
    return {what, why,
            R"("protectBusyTasks": false   # in the policy's platform: ECS chooses whom it ends)"};
  }
  return {what, why,
          R"({"Effect": "Allow", "Action": ["ecs:ListTasks", "ecs:DescribeTasks", )"
          R"("ecs:GetTaskProtection", "ecs:UpdateTaskProtection"], "Resource": "*"}   # into the )"
          "policy of the agent's role; docs/drivers/ecs.md has narrower resources. Or, in the "
          R"(policy's platform, "protectBusyTasks": false: ECS then chooses who goes)"};
}

std::optional<Finding> kept_elsewhere(const Service& service) {
  if (!service.stack.empty()) {
    return Finding{"the service is made by the CloudFormation stack " + service.stack,
                   "a DesiredCount in its template is put back by the stack's next update, in the "
                   "middle of the load",
                   "leave DesiredCount out of the template   # with the CDK desiredCount"};
  }
  if (service.is_of_terraform) {
    return Finding{"the service is made by Terraform, as a tag of it says",
                   "its desired_count is put back each time that Terraform is applied, in the "
                   "middle of the load",
                   "lifecycle { ignore_changes = [desired_count] }   # of the aws_ecs_service"};
  }
  return std::nullopt;
}

Finding finding_of_own_task(const Failure& failure) {
  const auto what = "this task cannot protect itself while it works: " + with_permission(failure);
  constexpr auto why = "a scale-in may end it with jobs in hand";
  if (failure.permission.empty()) {
    return {what, why,
            R"("protectBusyTasks": false   # in the policy's platform, where its tasks need no )"
            "protection"};
  }
  return {
      what, why,
      R"({"Effect": "Allow", "Action": ["ecs:GetTaskProtection", )"
      R"("ecs:UpdateTaskProtection"], "Resource": "*"}   # into the policy of the task's role, )"
      "which docs/drivers/ecs.md has with a narrower resource"};
}

std::optional<std::chrono::seconds> clock_difference(const Answered& answer, WallTime now) {
  const auto time = http::seconds_since_epoch(answer.date);
  if (!time) return std::nullopt;
  return WallTime{std::chrono::seconds{static_cast<std::int64_t>(*time)}} - now;
}

Refusal refusal_of(const Operation& operation, const Answered& answer, WallTime now) {
  const auto body = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  const auto type = bare_type(answer.error_type.empty() ? text_in(body, {"__type", "code"})
                                                        : std::string{answer.error_type});
  const auto message = http::shortened(text_in(body, {"message", "Message"}));
  const auto kind = kind_of(type, answer.status);
  Refusal refusal;
  refusal.remedy = kind.remedy;
  refusal.failure.code = http::code_of(kind.verdict, operation.writes);
  auto& words = refusal.failure.message;
  words = operation.name + ": " + std::to_string(answer.status);
  if (!type.empty()) words += " " + type;
  if (!message.empty()) words += ": " + message;
  if (kind.verdict == Verdict::denied) {
    refusal.failure.permission = missing_permission(operation, message);
  }
  if (kind.verdict == Verdict::unauthorized && speaks_of_time(message)) {
    refusal.remedy = Remedy::set_clock;
  }
  if (refusal.remedy == Remedy::set_clock) {
    const auto ahead = clock_difference(answer, now).value_or(std::chrono::seconds{0});
    if (const auto clock = words_on_clock(ahead); !clock.empty()) words += "; " + clock;
  }
  return refusal;
}

Failure no_credentials(const std::string& who, int status, const std::string& words) {
  const auto verdict = kind_of(bare_type(words), status).verdict;
  auto code = Errc::denied;
  if (verdict == Verdict::throttled) {
    code = Errc::throttled;
  } else if (verdict == Verdict::transient || status >= 500) {
    code = Errc::unreachable;
  }
  const auto said = http::shortened(words);
  return {code, who + " " + std::to_string(status) + (said.empty() ? "" : " " + said), {}};
}

}  // namespace selfscale::drivers::ecs
