#include "drivers/hosted/api.hpp"

#include "http/status.hpp"

namespace selfscale::drivers::hosted {
namespace {

namespace asio = boost::asio;
using http::Verdict;

constexpr Duration call_deadline{10'000};
constexpr std::chrono::seconds usual_wait{10};  // where a 429 says nothing of it

bool is_on_this_machine(const http::Address& address) {
  return address.scheme == http::Address::Scheme::unix_socket || address.host == "localhost" ||
         address.host == "::1" || address.host.starts_with("127.");
}

}  // namespace

Api::Credentials Api::bearer_of(TokenPlaces places, Environment environment) {
  return [places = std::move(places), environment = std::move(environment)](
             Deadline, bool) -> asio::awaitable<Result<Credential>> {
    const auto token = read_token(places, environment);
    if (!token) co_return token.error();
    co_return Credential{"Authorization", http::bearer(*token)};
  };
}

Api::Api(asio::io_context& io, http::Address address, Manners manners, Credentials credentials,
         Surroundings surroundings)
    : client_{std::make_shared<http::Client>(io, std::move(address))},
      manners_{std::move(manners)},
      credentials_{std::move(credentials)},
      surroundings_{std::move(surroundings)} {}

std::string Api::name_of(const Request& request) {
  const auto& target = request.call.target;
  return request.call.method + " " + target.substr(0, target.find('?'));
}

asio::awaitable<Result<http::Answer>> Api::ask(Request request, Deadline until) {
  const auto held = not_before_.find(request.quota);
  if (held != not_before_.end()) {
    const auto left =
        std::chrono::ceil<std::chrono::seconds>(held->second - surroundings_.steady_now());
    if (left.count() > 0) {
      co_return Failure{Errc::throttled,
                        name_of(request) + ": " + manners_.platform + " asked to wait another " +
                            std::to_string(left.count()) + " s",
                        {},
                        left};
    }
    not_before_.erase(held);
  }
  auto answer = co_await ask_once(request, until, false);
  if (answer && http::verdict_of(answer->status) == Verdict::unauthorized) {
    answer = co_await ask_once(request, until, true);
  }
  if (!answer || http::verdict_of(answer->status) == Verdict::done) co_return answer;
  co_return refusal(request, *answer);
}

asio::awaitable<Result<http::Answer>> Api::ask_once(Request request, Deadline until,
                                                    bool is_refused) {
  const auto client = client_;  // stays while its call is under way
  auto credential = co_await credentials_(until, is_refused);
  if (!credential) co_return credential.error();
  request.call.secrets.emplace_back(std::move(credential->header), std::move(credential->value));
  request.call.deadline = until.left(call_deadline);
  co_return co_await client->call(std::move(request.call));
}

Failure Api::refusal(const Request& request, const http::Answer& answer) {
  const auto body = parse(answer.body);
  auto failure = http::failure_of(client_->address(), request.call, answer,
                                  body ? manners_.words_of(*body) : std::string{});
  const auto verdict = http::verdict_of(answer.status);
  if (verdict == Verdict::throttled) {
    const auto wait = wait_of(answer.header("Retry-After"), answer.header(manners_.reset_header),
                              manners_.reset, surroundings_.now())
                          .value_or(usual_wait);
    not_before_[request.quota] = surroundings_.steady_now() + wait;
    failure.retry_after = wait;
    failure.message +=
        "; " + manners_.platform + " asks to wait " + std::to_string(wait.count()) + " s";
  }
  if (verdict == Verdict::denied) failure.permission = request.permission;
  return failure;
}

Result<http::Address> address_of(const std::string& endpoint, std::string_view usual) {
  auto address = http::parse_address(endpoint.empty() ? usual : endpoint);
  if (!address) {
    return Failure{Errc::invalid_argument, "platform.endpoint: " + address.error().message, {}};
  }
  if (address->scheme == http::Address::Scheme::http && !is_on_this_machine(*address)) {
    return Failure{Errc::invalid_argument,
                   "platform.endpoint must be https: a token would cross the network in the clear",
                   {}};
  }
  return address;
}

}  // namespace selfscale::drivers::hosted
