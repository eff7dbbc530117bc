#include "fleet/kubernetes_lease.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "http/status.hpp"
#include "model/json/document.hpp"
#include "model/json/shallow.hpp"
#include "model/rfc3339.hpp"

namespace selfscale::fleet {
namespace {

using Json = nlohmann::json;

constexpr auto annotation = "selfscale/record";

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

// --- what is asked and answered: what is not there, or is something else, reads as nothing

Duration seconds_at(const Json& object, const char* key) {
  const auto& value = at(object, key);
  const bool is_count = value.is_number_integer() && value >= 0 && value <= 1'000'000;
  return is_count ? std::chrono::seconds{value.get<int>()} : Duration{0};
}

/// As the API has times with microseconds: all six digits.
std::string micro_time(std::chrono::system_clock::time_point time) {
  using std::chrono::microseconds;
  const auto since = std::chrono::ceil<microseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  auto digits = std::to_string((since - seconds).count() + 1'000'000);
  digits.front() = '.';
  auto text = to_rfc3339(static_cast<double>(seconds.count()));
  return text.replace(text.size() - 1, 1, digits + "Z");
}

}  // namespace

std::string lease_name(const Key& key) {
  auto name = "selfscale-" + std::string{word_of(key.kind)};
  if (key.service.empty()) return name;
  return is_plain(key.service) ? name + "-" + key.service : name + "." + hexadecimal(key.service);
}

std::string lease_manifest(const std::string& name_space, const Wanted& wanted,
                           std::chrono::system_clock::time_point now) {
  Json metadata = {{"name", lease_name(wanted.key)},
                   {"namespace", name_space},
                   {"labels", {{"app.kubernetes.io/managed-by", "selfscale"}}},
                   {"annotations", {{annotation, wanted.text}}}};
  if (!wanted.over.empty()) metadata["resourceVersion"] = wanted.over;
  Json spec = Json::object();
  if (wanted.held_for > Duration{0}) {
    spec["holderIdentity"] = wanted.holder;
    spec["leaseDurationSeconds"] = std::chrono::ceil<std::chrono::seconds>(wanted.held_for).count();
    // What changes nothing gets no new version, and would look like silence.
    spec["renewTime"] = micro_time(now);
  }
  return Json{{"apiVersion", "coordination.k8s.io/v1"},
              {"kind", "Lease"},
              {"metadata", std::move(metadata)},
              {"spec", std::move(spec)}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Kept> parse_lease(const std::string& name, std::string_view body) {
  const auto lease = parse_shallow<Json>(body);
  const auto& metadata = at(lease, "metadata");
  Kept kept;
  kept.version = text(at(metadata, "resourceVersion"));
  if (text(at(lease, "kind")) != "Lease" || kept.version.empty()) {
    return Failure{Errc::malformed, "the API's answer is no Lease " + name, {}};
  }
  kept.text = text(at(metadata, "annotations", annotation));
  const auto& spec = at(lease, "spec");
  kept.is_held = !text(at(spec, "holderIdentity")).empty();
  kept.runs_out_unchanged_for = seconds_at(spec, "leaseDurationSeconds");
  return kept;
}

Failure lease_refusal(const http::Address& server, const http::Call& call,
                      const http::Answer& answer, const std::string& name) {
  const auto status = parse_shallow<Json>(answer.body);
  auto failure = http::failure_of(server, call, answer, text(at(status, "message")));
  if (http::verdict_of(answer.status) == http::Verdict::denied) {
    const auto verb = call.method == "GET" ? "get" : call.method == "PUT" ? "update" : "create";
    failure.permission = std::string{verb} + " leases " + name + " (coordination.k8s.io)";
    failure.message += "; the agent needs the permission to " + failure.permission;
  }
  return failure;
}

}  // namespace selfscale::fleet
