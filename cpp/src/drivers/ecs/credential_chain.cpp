#include "drivers/ecs/credential_chain.hpp"

#include <algorithm>
#include <utility>

#include "drivers/ecs/endpoints.hpp"
#include "drivers/ecs/refusal.hpp"
#include "http/percent.hpp"
#include "model/may_pass.hpp"
#include "sampling/text.hpp"

namespace selfscale::drivers::ecs {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::minutes renewed_before{5};
constexpr Duration container_deadline{2'000};
constexpr Duration instance_deadline{1'000};  // a container that may not reach it waits in vain
constexpr int container_tries = 3;
constexpr std::size_t most_bytes = std::size_t{64} * 1024;

constexpr auto who_container = "the container's endpoint of credentials";
constexpr auto who_instance = "the instance's metadata";

std::string home_file(const Environment& environment, const char* variable, const char* name) {
  if (auto path = environment(variable)) return *path;
  return environment("HOME").value_or("") + "/.aws/" + name;
}

/// Somebody has to set something: what was looked for, and where.
Failure none_found(std::string why) {
  return {Errc::denied,
          "no credentials for AWS: neither AWS_ACCESS_KEY_ID, a web identity, a profile with keys "
          "nor a container's endpoint is set, and " +
              std::move(why),
          {}};
}

Result<std::string> body_of(const http::Answer& answer, const std::string& who) {
  if (answer.status == 200) return answer.body;
  return no_credentials(who + " answered", answer.status, endpoint_refusal(answer.body));
}

/// As IAM has it.
bool is_role_name(std::string_view name) {
  constexpr std::string_view others = "+=,.@-_";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || others.find(letter) != std::string_view::npos;
  });
}

Failure said_of(const std::string& who, Failure failure) {
  failure.message.insert(0, who + " ");
  return failure;
}

/// Of a place that has answered before, or does now: what passes says nothing of what is set, and
/// neither does what is no answer.
Failure none_found_unless_it_passes(const Failure& failure, const std::string& why) {
  const bool says_nothing = failure.code == Errc::stopped || failure.code == Errc::malformed;
  if (may_pass(failure) || says_nothing) return failure;
  return none_found(why + failure.message);
}

}  // namespace

CredentialChain::CredentialChain(asio::io_context& io, Surroundings surroundings,
                                 std::string endpoint)
    : io_{io}, surroundings_{std::move(surroundings)}, endpoint_{std::move(endpoint)} {}

Profile CredentialChain::profile() const {
  const auto& environment = surroundings_.environment;
  const auto text = [&environment](const char* variable, const char* name) {
    return sampling::read_text(home_file(environment, variable, name)).value_or("");
  };
  return read_profile(environment("AWS_PROFILE").value_or("default"),
                      text("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
                      text("AWS_CONFIG_FILE", "config"));
}

asio::awaitable<Result<Credentials>> CredentialChain::get(std::string region, Deadline until) {
  if (auto found = credentials_of(surroundings_.environment)) co_return *found;
  const auto in_files = profile();
  auto identity = web_identity_of(surroundings_.environment);
  if (!identity) identity = web_identity_of(in_files);
  if (!identity) {
    if (auto found = credentials_of(in_files)) co_return *found;
  }
  if (lasts(renewed_before)) co_return *held_;
  auto fetched = co_await fetch(identity, std::move(region), until);
  if (!fetched && lasts({})) co_return *held_;
  if (fetched) held_ = *fetched;
  co_return fetched;
}

bool CredentialChain::lasts(std::chrono::seconds longer_than) const {
  if (!held_) return false;
  return !held_->expires || surroundings_.now() + longer_than < *held_->expires;
}

asio::awaitable<Result<Credentials>> CredentialChain::fetch(const Configured<WebIdentity>& identity,
                                                            std::string region, Deadline until) {
  if (identity && !*identity) co_return identity->error();
  if (identity) co_return co_await assume(**identity, std::move(region), until);
  const auto container = container_endpoint_of(surroundings_.environment);
  if (container && !*container) co_return container->error();
  if (container) co_return co_await ask_container(**container, until);
  co_return co_await ask_instance(until);
}

asio::awaitable<Result<Credentials>> CredentialChain::assume(WebIdentity identity,
                                                             std::string region, Deadline until) {
  const auto token = sampling::read_text(identity.token_file);
  if (!token) {
    co_return Failure{
        Errc::denied, "the web identity's token, " + identity.token_file + ", cannot be read", {}};
  }
  const auto address = address_of("sts", region, endpoint_, surroundings_.environment);
  if (!address) co_return address.error();
  http::Call call;
  call.method = "POST";
  call.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  call.body = web_identity_form(identity, header_token(*token)).reveal();
  call.is_query = true;  // nothing comes about by it but a key
  call.most_bytes = most_bytes;
  call.deadline = until.left(call.deadline);
  const auto who = "AssumeRoleWithWebIdentity for " + identity.role_arn + ":";
  http::Client client{io_, *address};
  const auto answer = co_await client.call(std::move(call));
  if (!answer) co_return said_of(who, answer.error());
  if (answer->status != 200) {
    co_return no_credentials(who, answer->status, web_identity_refusal(answer->body));
  }
  const auto read = parse_web_identity(answer->body);
  if (!read) co_return said_of(who, read.error());
  co_return read;
}

asio::awaitable<Result<http::Answer>> CredentialChain::send(http::Address address,
                                                            http::Call call) {
  call.most_bytes = most_bytes;
  call.connect_deadline = call.deadline;
  http::Client client{io_, std::move(address)};
  co_return co_await client.call(std::move(call));
}

asio::awaitable<Result<std::string>> CredentialChain::ask(http::Address address, http::Call call,
                                                          std::string who) {
  const auto answer = co_await send(std::move(address), std::move(call));
  if (!answer) co_return answer.error();
  co_return body_of(*answer, who);
}

asio::awaitable<Result<Credentials>> CredentialChain::ask_container(ContainerEndpoint endpoint,
                                                                    Deadline until) {
  http::Call call;
  call.target = endpoint.target;
  call.deadline = until.left(container_deadline);
  auto token = endpoint.authorization;
  if (!endpoint.authorization_file.empty()) {
    token = header_token(sampling::read_text(endpoint.authorization_file).value_or(""));
    if (token.empty()) {
      co_return Failure{Errc::denied,
                        "the token for " + std::string{who_container} + ", " +
                            endpoint.authorization_file + ", cannot be read",
                        {}};
    }
  }
  if (!token.empty()) call.secrets = {{"Authorization", token}};
  for (int tries = 1;; ++tries) {
    const auto answer = co_await ask(endpoint.address, call, who_container);
    if (answer) co_return parse_endpoint(*answer, who_container);
    const auto code = answer.error().code;
    const bool may_try = code == Errc::unreachable || code == Errc::timed_out;
    const bool has_time = until.left() > Duration{1};
    if (!may_try || !has_time || tries == container_tries) co_return answer.error();
  }
}

asio::awaitable<Result<Credentials>> CredentialChain::ask_instance(Deadline until) {
  const auto& environment = surroundings_.environment;
  if (environment("AWS_EC2_METADATA_DISABLED").value_or("") == "true") {
    co_return none_found("AWS_EC2_METADATA_DISABLED is");
  }
  const auto address = http::parse_address(
      environment("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or("http://169.254.169.254"));
  if (!address) co_return address.error();
  http::Call token_call;
  token_call.method = "PUT";
  token_call.is_query = true;
  token_call.target = "/latest/api/token";
  token_call.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}};
  token_call.deadline = until.left(instance_deadline);
  const std::string no_instance = "this is no EC2 instance with a role: ";
  const auto answered = co_await send(*address, std::move(token_call));
  if (!answered) {
    if (answered.error().code == Errc::stopped) co_return answered.error();
    co_return none_found(no_instance + answered.error().message);
  }
  const auto token = body_of(*answered, who_instance);
  if (!token) co_return none_found_unless_it_passes(token.error(), no_instance);
  http::Call role_call;
  role_call.target = "/latest/meta-data/iam/security-credentials/";
  role_call.secrets = {{"X-aws-ec2-metadata-token", header_token(*token)}};
  role_call.deadline = until.left(instance_deadline);
  const auto role = co_await ask(*address, role_call, who_instance);
  if (!role) co_return none_found_unless_it_passes(role.error(), "the instance has no role: ");
  const auto name = role->substr(0, role->find('\n'));
  if (!is_role_name(name)) {
    co_return Failure{
        Errc::malformed, std::string{who_instance} + " answered with no name of a role", {}};
  }
  auto call = role_call;
  call.deadline = until.left(instance_deadline);
  call.target += http::percent_encoded(name);
  const auto answer = co_await ask(*address, std::move(call), who_instance);
  if (!answer) co_return answer.error();
  co_return parse_endpoint(*answer, who_instance);
}

}  // namespace selfscale::drivers::ecs
