#include "drivers/cloud_run/token_source.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "http/status.hpp"

namespace selfscale::drivers::cloud_run {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds renewed_ahead{300};
constexpr std::chrono::seconds asked_again_after{30};  // where a renewal brought nothing new
constexpr Duration metadata_deadline{2'000};
constexpr Duration exchange_deadline{10'000};
constexpr auto usual_metadata_host = "metadata.google.internal";

Result<ServiceAccount> read_key(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) {
    return Failure{Errc::storage, "the key file " + path + " cannot be read", {}};
  }
  auto account = parse_service_account(text.str());
  if (account) return account;
  auto failure = account.error();
  failure.message.insert(0, "the key file " + path + ": ");
  return failure;
}

}  // namespace

TokenSource::TokenSource(asio::io_context& io, std::string key_file,
                         hosted::Surroundings surroundings)
    : io_{io}, key_file_{std::move(key_file)}, surroundings_{std::move(surroundings)} {}

asio::awaitable<Result<hosted::Credential>> TokenSource::get(Deadline until, bool is_refused) {
  const auto now = surroundings_.now();
  if (is_refused || now >= ends_at_) held_.reset();
  if (!held_ || now >= renew_at_) {
    auto fetched = co_await fetch(until);
    const bool may_go_on = held_ && !fetched && fetched.error().code != Errc::stopped;
    if (!fetched && !may_go_on) {
      auto failure = fetched.error();
      failure.message.insert(0, "no access token for Google: ");
      co_return failure;
    }
    if (fetched) {
      held_ = std::move(fetched->token);
      ends_at_ = now + fetched->lasts;
    }
    renew_at_ = std::max(ends_at_ - renewed_ahead, now + asked_again_after);
  }
  co_return hosted::Credential{"Authorization", http::bearer(*held_)};
}

asio::awaitable<Result<AccessToken>> TokenSource::fetch(Deadline until) {
  const auto file = key_file_.empty()
                        ? surroundings_.environment("GOOGLE_APPLICATION_CREDENTIALS").value_or("")
                        : key_file_;
  if (!file.empty()) co_return co_await by_key(file, until);
  co_return co_await from_metadata(until);
}

asio::awaitable<Result<AccessToken>> TokenSource::by_key(std::string file, Deadline until) {
  const auto account = read_key(file);
  if (!account) co_return account.error();
  auto address = hosted::address_of(account->token_uri, {});
  if (!address) {
    co_return Failure{Errc::denied, "token_uri of the key file is no https address", {}};
  }
  const auto assertion = signed_assertion(*account, surroundings_.now());
  if (!assertion) co_return assertion.error();
  auto call = exchange(*assertion);
  if (!address->prefix.empty()) call.target = std::exchange(address->prefix, {});
  call.deadline = until.left(exchange_deadline);
  const auto answer = co_await ask(*address, std::move(call));
  if (!answer) co_return answer.error();
  co_return parse_access_token(answer->body);
}

asio::awaitable<Result<AccessToken>> TokenSource::from_metadata(Deadline until) {
  const auto host = surroundings_.environment("GCE_METADATA_HOST").value_or(usual_metadata_host);
  const auto address = http::parse_address("http://" + host);
  if (!address) co_return Failure{Errc::denied, "GCE_METADATA_HOST is no host", {}};
  auto call = ask_metadata();
  call.deadline = until.left(metadata_deadline);
  const auto answer = co_await ask(*address, std::move(call));
  if (!answer) {
    auto failure = answer.error();
    failure.message +=
        "; outside of Google Cloud name a service account's key file in "
        "GOOGLE_APPLICATION_CREDENTIALS";
    co_return failure;
  }
  if (const auto checked = check_metadata_server(*answer); !checked) co_return checked.error();
  co_return parse_access_token(answer->body);
}

/// Asking for a token changes nothing, so whatever became of it, it may be asked for again.
asio::awaitable<Result<http::Answer>> TokenSource::ask(http::Address address, http::Call call) {
  http::Client client{io_, address};
  auto answer = co_await client.call(call);
  if (!answer || http::verdict_of(answer->status) == http::Verdict::done) co_return answer;
  auto failure = http::failure_of(address, call, *answer, words_of_refusal(answer->body));
  const bool is_refusal = answer->status == 400 || answer->status == 401 || answer->status == 403;
  if (is_refusal) failure.code = Errc::denied;
  co_return failure;
}

}  // namespace selfscale::drivers::cloud_run
