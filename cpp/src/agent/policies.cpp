#include "agent/policies.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "policy/compiled.hpp"
#include "policy/presets.hpp"
#include "policy/write.hpp"
#include "sampling/text.hpp"

namespace selfscale::agent {
namespace {

constexpr auto default_preset = "balanced";
constexpr auto default_service = "app";

Policy with_guardrails(const Policy& policy, const std::optional<int>& most,
                       const std::optional<double>& memory) {
  if (!most && !memory) return policy;
  CompiledPolicy changed = policy.compiled();
  if (most) changed.max_total_replicas = most;
  if (memory) changed.min_available_memory_mb = memory;
  finish(changed);
  return Policy{std::make_shared<const CompiledPolicy>(std::move(changed))};
}

std::string names_of(const std::vector<Policy>& policies) {
  std::string names;
  for (const auto& policy : policies) names += (names.empty() ? "" : ", ") + policy.service();
  return names;
}

}  // namespace

Policies::Policies(const Settings& settings)
    : path_{settings.policies_path},
      text_{settings.policies_text},
      service_{settings.service},
      max_total_replicas_{settings.max_total_replicas},
      min_available_memory_mb_{settings.min_available_memory_mb} {
  read();
}

void Policies::read() {
  if (path_.empty() && text_.empty()) {
    if (service_.empty()) service_ = default_service;
    origin_ = std::string{"the preset "} + default_preset + ", as there is no policy file";
    return take({{preset_policy(default_preset, service_)}, {}});
  }
  if (path_.empty()) {
    origin_ = "the agent's options";
    return take(load_policies(text_));
  }
  origin_ = path_;
  std::error_code unknown;
  changed_at_ = std::filesystem::last_write_time(path_, unknown);
  size_ = std::filesystem::file_size(path_, unknown);
  const auto text = sampling::read_text(path_);
  if (!text) throw Error{Errc::storage, "the policy file " + path_ + " cannot be read"};
  take(load_policies(*text));
}

void Policies::take(PolicyDocument document) {
  if (service_.empty() && document.policies.size() != 1) {
    throw Error{Errc::invalid_argument, origin_ + " has policies for " +
                                            names_of(document.policies) +
                                            ": say which service this is (SELFSCALE_SERVICE)"};
  }
  if (service_.empty()) service_ = document.policies.front().service();
  const auto own =
      std::find_if(document.policies.begin(), document.policies.end(),
                   [this](const Policy& policy) { return policy.service() == service_; });
  if (own == document.policies.end()) {
    throw Error{Errc::invalid_argument, origin_ + " has no policy for the service " + service_ +
                                            "; it has " + names_of(document.policies)};
  }
  written_ = with_guardrails(*own, max_total_replicas_, min_available_memory_mb_);
  all_ = std::move(document.policies);
  hints_ = std::move(document.hints);
  problems_.clear();
  refit();
}

std::string Policies::whose_bounds(const std::vector<Code>& codes) const {
  const bool speaks_of_bounds = std::ranges::any_of(codes, [](Code code) {
    return code == Code::below_minimum || code == Code::above_maximum || code == Code::at_minimum ||
           code == Code::at_maximum;
  });
  if (!speaks_of_bounds || !path_.empty() || !text_.empty()) return {};
  return "; the bounds are those of " + origin_ + ": name one in SELFSCALE_POLICIES";
}

bool Policies::refresh() {
  if (path_.empty()) return false;
  std::error_code gone;
  const auto changed_at = std::filesystem::last_write_time(path_, gone);
  if (gone) return false;  // being replaced, or removed: what was read stays
  const auto size = std::filesystem::file_size(path_, gone);
  if (gone || (changed_at == changed_at_ && size == size_)) return false;
  try {
    read();
  } catch (const PolicyError& error) {
    problems_ = error.problems();
  } catch (const Error& error) {
    problems_ = {{"", "", error.what()}};
  }
  return true;
}

bool Policies::fit(const std::set<std::string>& metrics) {
  const auto known = metrics_.size();
  metrics_.insert(metrics.begin(), metrics.end());
  if (metrics_.size() == known) return false;
  const auto before = fitted_->hash();
  refit();
  return fitted_->hash() != before;
}

void Policies::refit() {
  std::vector<std::string> absent;
  for (const auto& metric : written_->compiled().metrics) {
    if (!metrics_.contains(metric.metric)) absent.push_back(metric.metric);
  }
  fitted_ = without_metrics(*written_, absent);
}

}  // namespace selfscale::agent
