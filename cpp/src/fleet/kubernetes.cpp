#include "fleet/kubernetes.hpp"

#include <chrono>
#include <utility>

#include "fleet/kubernetes_lease.hpp"
#include "http/status.hpp"

namespace selfscale::fleet {
namespace {

namespace asio = boost::asio;

constexpr std::size_t largest_text = std::size_t{128} * 1024;  // all annotations: 256 KiB
constexpr std::size_t longest_name = 253;
constexpr Duration time_for_a_token{10'000};  // a program may give it

class Kubernetes final : public Store {
 public:
  explicit Kubernetes(KubernetesSetting setting) : setting_{std::move(setting)} {}

  asio::awaitable<Result<std::optional<Kept>>> read(Key key) override;
  asio::awaitable<Result<std::string>> write(Wanted wanted) override;

 private:
  [[nodiscard]] std::string path() const {
    return "/apis/coordination.k8s.io/v1/namespaces/" + setting_.name_space + "/leases";
  }
  Result<void> find_cluster();
  asio::awaitable<Result<http::Answer>> call(http::Call call);
  asio::awaitable<Result<http::Answer>> call_once(http::Call call);
  [[nodiscard]] Failure refusal(const http::Call& call, const http::Answer& answer,
                                const std::string& name) const {
    return lease_refusal(access_.server, call, answer, name);
  }

  KubernetesSetting setting_;
  KubernetesAccess access_;
  std::shared_ptr<http::Client> client_;  ///< null: the cluster is to be found (anew)
};

Result<void> Kubernetes::find_cluster() {
  if (client_) return {};
  auto access = setting_.find();
  if (!access) return access.error();
  access_ = std::move(*access);
  client_ = std::make_shared<http::Client>(setting_.io, access_.server, access_.tls);
  return {};
}

/// Who is refused has done nothing, and calls once more by what the credentials are now.
asio::awaitable<Result<http::Answer>> Kubernetes::call(http::Call call) {
  if (const auto found = find_cluster(); !found) co_return found.error();
  auto answer = co_await call_once(call);
  if (answer && http::verdict_of(answer->status) == http::Verdict::unauthorized) {
    access_.forget_token();
    client_.reset();
    if (const auto found = find_cluster(); !found) co_return found.error();
    answer = co_await call_once(std::move(call));
  }
  if (!answer) client_.reset();  // it may be elsewhere by now, or of another authority
  co_return answer;
}

asio::awaitable<Result<http::Answer>> Kubernetes::call_once(http::Call call) {
  const auto client = client_;  // another call may find the cluster anew meanwhile
  const auto token_now = access_.token;
  const auto token = co_await token_now(time_for_a_token);
  if (!token) co_return token.error();
  if (!token->empty()) call.secrets.emplace_back("Authorization", http::bearer(*token));
  call.headers.emplace_back("Accept", "application/json");
  if (!call.body.empty()) call.headers.emplace_back("Content-Type", "application/json");
  call.deadline = setting_.deadline;
  call.connect_deadline = setting_.deadline;
  auto answer = co_await client->call(std::move(call));
  co_return answer;
}

asio::awaitable<Result<std::optional<Kept>>> Kubernetes::read(Key key) {
  const auto name = lease_name(key);
  http::Call asked;
  asked.target = path() + "/" + name;
  const auto answer = co_await call(asked);
  if (!answer) co_return answer.error();
  const auto verdict = http::verdict_of(answer->status);
  if (verdict == http::Verdict::not_found) co_return std::optional<Kept>{};
  if (verdict != http::Verdict::done) co_return refusal(asked, *answer, name);
  auto kept = parse_lease(name, answer->body);
  if (!kept) co_return kept.error();
  co_return std::optional{std::move(*kept)};
}

asio::awaitable<Result<std::string>> Kubernetes::write(Wanted wanted) {
  const auto name = lease_name(wanted.key);
  if (wanted.text.size() > largest_text || name.size() > longest_name) {
    co_return Failure{
        Errc::unsupported, "the Lease " + name + " would be too large or its name too long", {}};
  }
  http::Call asked;
  asked.method = wanted.over.empty() ? "POST" : "PUT";
  asked.target = wanted.over.empty() ? path() : path() + "/" + name;
  asked.body = lease_manifest(setting_.name_space, wanted, std::chrono::system_clock::now());
  const auto answer = co_await call(asked);
  if (!answer) co_return answer.error();
  const auto verdict = http::verdict_of(answer->status);
  const bool is_gone = verdict == http::Verdict::not_found && !wanted.over.empty();
  if (is_gone || verdict == http::Verdict::conflict) {
    co_return Failure{Errc::conflict, "the Lease " + name + " was changed meanwhile", {}};
  }
  if (verdict != http::Verdict::done) co_return refusal(asked, *answer, name);
  auto kept = parse_lease(name, answer->body);
  if (!kept) co_return kept.error();
  co_return std::move(kept->version);
}

}  // namespace

std::unique_ptr<Store> make_kubernetes_store(KubernetesSetting setting) {
  return std::make_unique<Kubernetes>(std::move(setting));
}

}  // namespace selfscale::fleet
