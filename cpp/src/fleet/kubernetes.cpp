#include "fleet/kubernetes.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "http/status.hpp"
#include "model/rfc3339.hpp"

namespace selfscale::fleet {
namespace {

namespace asio = boost::asio;
using Json = nlohmann::json;

constexpr auto annotation = "selfscale/record";
constexpr std::size_t largest_text = std::size_t{128} * 1024;  // all annotations: 256 KiB
constexpr std::size_t longest_name = 253;

// --- names

bool is_small(char letter) { return letter >= 'a' && letter <= 'z'; }
bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

/// Can it be the end of a name, as RFC 1123 has names?
bool is_plain(std::string_view service) {
  return !service.empty() && service.back() != '-' &&
         std::all_of(service.begin(), service.end(), [](char letter) {
           return is_small(letter) || is_digit(letter) || letter == '-';
         });
}

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text += digits[value >> 4U];
    text += digits[value & 0xfU];
  }
  return text;
}

std::string_view word_of(Key::Kind kind) {
  switch (kind) {
    case Key::Kind::lease:
      return "lease";
    case Key::Kind::switches:
      return "switches";
    case Key::Kind::published:
      break;
  }
  return "published";
}

std::string name_of(const Key& key) {
  auto name = "selfscale-" + std::string{word_of(key.kind)};
  if (key.service.empty()) return name;
  return is_plain(key.service) ? name + "-" + key.service : name + "." + hexadecimal(key.service);
}

// --- what is asked and answered: what is not there, or is something else, reads as nothing

const Json& at(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

std::string text_at(const Json& object, const char* key) {
  const auto& value = at(object, key);
  return value.is_string() ? value.get<std::string>() : std::string{};
}

Duration seconds_at(const Json& object, const char* key) {
  const auto& value = at(object, key);
  const bool is_count = value.is_number_integer() && value >= 0 && value <= 1'000'000;
  return is_count ? std::chrono::seconds{value.get<int>()} : Duration{0};
}

/// As the API has times with microseconds: all six digits.
std::string now() {
  using std::chrono::microseconds;
  const auto since =
      std::chrono::ceil<microseconds>(std::chrono::system_clock::now().time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  auto digits = std::to_string((since - seconds).count() + 1'000'000);
  digits.front() = '.';
  auto text = to_rfc3339(static_cast<double>(seconds.count()));
  return text.replace(text.size() - 1, 1, digits + "Z");
}

std::string manifest(const std::string& name, const std::string& name_space, const Wanted& wanted) {
  Json metadata = {{"name", name},
                   {"namespace", name_space},
                   {"labels", {{"app.kubernetes.io/managed-by", "selfscale"}}},
                   {"annotations", {{annotation, wanted.text}}}};
  if (!wanted.over.empty()) metadata["resourceVersion"] = wanted.over;
  Json spec = Json::object();
  if (wanted.held_for > Duration{0}) {
    spec["holderIdentity"] = wanted.holder;
    spec["leaseDurationSeconds"] = std::chrono::ceil<std::chrono::seconds>(wanted.held_for).count();
    // What changes nothing gets no new version, and would look like silence.
    spec["renewTime"] = now();
  }
  return Json{{"apiVersion", "coordination.k8s.io/v1"},
              {"kind", "Lease"},
              {"metadata", std::move(metadata)},
              {"spec", std::move(spec)}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// A Lease that was found; its version alone after a write.
Result<Kept> parse_lease(const std::string& name, std::string_view body) {
  const auto lease = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  const auto& metadata = at(lease, "metadata");
  Kept kept;
  kept.version = text_at(metadata, "resourceVersion");
  if (text_at(lease, "kind") != "Lease" || kept.version.empty()) {
    return Failure{Errc::malformed, "the API's answer is no Lease " + name, {}};
  }
  kept.text = text_at(at(metadata, "annotations"), annotation);
  const auto& spec = at(lease, "spec");
  kept.is_held = !text_at(spec, "holderIdentity").empty();
  kept.runs_out_unchanged_for = seconds_at(spec, "leaseDurationSeconds");
  return kept;
}

class Kubernetes final : public Store {
 public:
  explicit Kubernetes(KubernetesSetting setting)
      : setting_{std::move(setting)}, client_{setting_.io, setting_.server, setting_.tls} {}

  asio::awaitable<Result<std::optional<Kept>>> read(Key key) override;
  asio::awaitable<Result<std::string>> write(Wanted wanted) override;

 private:
  [[nodiscard]] std::string path() const {
    return "/apis/coordination.k8s.io/v1/namespaces/" + setting_.name_space + "/leases";
  }
  asio::awaitable<Result<http::Answer>> call(http::Call call);
  [[nodiscard]] Failure refusal(const http::Call& call, const http::Answer& answer,
                                const std::string& name) const;

  KubernetesSetting setting_;
  http::Client client_;
};

asio::awaitable<Result<http::Answer>> Kubernetes::call(http::Call call) {
  auto token = setting_.token();
  if (!token) co_return token.error();
  if (!token->empty()) call.secrets.emplace_back("Authorization", http::bearer(*token));
  call.headers.emplace_back("Accept", "application/json");
  if (!call.body.empty()) call.headers.emplace_back("Content-Type", "application/json");
  call.deadline = setting_.deadline;
  call.connect_deadline = setting_.deadline;
  auto answer = co_await client_.call(std::move(call));
  co_return answer;
}

/// In the API's own words, with the permission where that is missing.
Failure Kubernetes::refusal(const http::Call& call, const http::Answer& answer,
                            const std::string& name) const {
  const auto status = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  auto failure = http::failure_of(client_.address(), call, answer, text_at(status, "message"));
  if (http::verdict_of(answer.status) == http::Verdict::denied) {
    const auto verb = call.method == "GET" ? "get" : call.method == "PUT" ? "update" : "create";
    failure.permission = std::string{verb} + " leases " + name + " (coordination.k8s.io)";
    failure.message += "; the agent needs the permission to " + failure.permission;
  }
  return failure;
}

asio::awaitable<Result<std::optional<Kept>>> Kubernetes::read(Key key) {
  const auto name = name_of(key);
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
  const auto name = name_of(wanted.key);
  if (wanted.text.size() > largest_text || name.size() > longest_name) {
    co_return Failure{
        Errc::unsupported, "the Lease " + name + " would be too large or its name too long", {}};
  }
  http::Call asked;
  asked.method = wanted.over.empty() ? "POST" : "PUT";
  asked.target = wanted.over.empty() ? path() : path() + "/" + name;
  asked.body = manifest(name, setting_.name_space, wanted);
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
