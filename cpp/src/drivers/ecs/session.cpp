#include "drivers/ecs/session.hpp"

#include <utility>

#include "drivers/ecs/endpoints.hpp"
#include "drivers/ecs/refusal.hpp"
#include "drivers/ecs/signature.hpp"

namespace selfscale::drivers::ecs {
namespace {

namespace asio = boost::asio;

constexpr Duration call_deadline{10'000};
constexpr auto content_type = "application/x-amz-json-1.1";

http::Call signed_call(const Operation& operation, const http::Address& address,
                       const Credentials& credentials, const Scope& scope) {
  http::Call call;
  call.method = "POST";
  call.headers = {{"Content-Type", content_type}, {"X-Amz-Target", target_of(operation)}};
  call.body = operation.body;
  call.is_query = !operation.writes;
  Signable signable;
  signable.path = address.prefix + "/";
  signable.headers = call.headers;
  signable.headers.emplace_back("Host", http::host_header(address));
  signable.body = call.body;
  auto made = sign(std::move(signable), credentials, scope);
  call.headers.emplace_back("X-Amz-Date", std::move(made.date));
  call.headers.emplace_back("Authorization", std::move(made.authorization));
  if (!made.security_token.empty()) {
    call.secrets.emplace_back("X-Amz-Security-Token", std::move(made.security_token));
  }
  return call;
}

Answered answered(const http::Answer& answer) {
  return {answer.status, answer.body, answer.header("X-Amzn-ErrorType").value_or(""),
          answer.header("Date").value_or("")};
}

}  // namespace

Session::Session(asio::io_context& io, const Options& options,
                 CredentialChain::Surroundings surroundings)
    : io_{io},
      options_{options},
      surroundings_{std::move(surroundings)},
      chain_{io, {surroundings_.environment, [this] { return now(); }}, options.endpoint} {}

asio::awaitable<Result<std::string>> Session::call(Operation operation, Deadline until) {
  for (bool may_try_again = true;; may_try_again = false) {
    is_refused_for_its_clock_ = false;
    auto answer = co_await send(operation, until);
    if (!answer) {
      auto failure = answer.error();
      failure.message.insert(0, operation.name + ": ");
      co_return failure;
    }
    if (answer->status / 100 == 2) co_return std::move(answer->body);
    const auto own_time = surroundings_.now();
    const auto refusal = refusal_of(operation, answered(*answer), own_time);
    is_refused_for_its_clock_ = refusal.remedy == Remedy::set_clock;
    if (!may_try_again || refusal.remedy == Remedy::none) co_return refusal.failure;
    if (refusal.remedy == Remedy::renew_credentials) {
      chain_.reject();
    } else {
      ahead_ = clock_difference(answered(*answer), own_time).value_or(ahead_);
    }
  }
}

asio::awaitable<Result<http::Answer>> Session::send(const Operation& operation, Deadline until) {
  const auto where = region();
  if (!where) co_return where.error();
  const auto credentials = co_await chain_.get(*where, until);
  if (!credentials) co_return credentials.error();
  const auto client = client_of(operation.api, *where);
  if (!client) co_return client.error();
  auto call = signed_call(operation, (*client)->address(), *credentials,
                          {*where, std::string{signing_name(operation.api)}, now()});
  call.deadline = until.left(call_deadline);
  co_return co_await (*client)->call(std::move(call));
}

/// What the policy says, before what happens to be set where this process runs.
Result<std::string> Session::region() const {
  const auto& environment = surroundings_.environment;
  for (const auto& region :
       {options_.region, region_in(options_.place.service), region_in(options_.place.cluster),
        environment("AWS_REGION").value_or(""), environment("AWS_DEFAULT_REGION").value_or(""),
        setting_of(chain_.profile(), "region")}) {
    if (!region.empty()) return region;
  }
  return Failure{Errc::invalid_argument,
                 "the region of AWS is not known: set platform.region in the policy, or AWS_REGION",
                 {}};
}

Result<http::Client*> Session::client_of(Api api, const std::string& region) {
  auto& client = clients_[api];
  if (!client) {
    const auto address =
        address_of(signing_name(api), region, options_.endpoint, surroundings_.environment);
    if (!address) return address.error();
    client = std::make_unique<http::Client>(io_, *address);
  }
  return client.get();
}

}  // namespace selfscale::drivers::ecs
