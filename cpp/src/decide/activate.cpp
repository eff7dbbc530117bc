#include "decide/activate.hpp"

#include <algorithm>

#include "decide/rules/serving.hpp"

namespace selfscale {
namespace {

int within(const Gate& gate, const GateInput& input) noexcept {
  int least = input.is_reachable ? gate.min : 0;
  const bool starts = input.is_reachable && !input.is_initialized && gate.initial_scale > 1;
  if (starts) least = std::max(least, gate.initial_scale);
  const int wanted = input.wanted.value_or(0);
  if (wanted < least) return least;
  return gate.max != 0 ? std::min(wanted, gate.max) : wanted;
}

/// Whether the last replica of an inactive service may go.
bool may_leave(const Gate& gate, const GateInput& input) noexcept {
  if (!gate.is_always_buffered && !input.is_buffered) return false;
  const Duration retention = input.is_reachable ? gate.retention : Duration{0};
  if (input.inactive_for < retention) return false;
  return std::max(input.inactive_for, input.buffered_for) >= gate.grace_period;
}

Gated gate_zero(const Gate& gate, const GateInput& input) noexcept {
  if (!gate.scale_to_zero) return {1, true};
  switch (input.activity) {
    case Activity::activating:
      return input.activation_deadline_passed ? Gated{0, true} : Gated{std::nullopt, false};
    case Activity::active:
      return input.active_for >= gate.stable_window ? Gated{0, false} : Gated{1, true};
    case Activity::inactive:
      break;
  }
  return {0, may_leave(gate, input)};
}

double in_seconds(Duration duration) noexcept {
  return static_cast<double>(duration.count()) / 1000.0;
}

/// Of all rules: some if any says so, else unknown if any does not know.
Work work_of(const Situation& seen) noexcept {
  Work all = Work::none;
  for (const RuleSpec& rule : seen.policy.rules) {
    const Work work = work_of(seen, rule);
    if (work == Work::some) return work;
    if (work == Work::unknown) all = work;
  }
  return all;
}

/// Knative's gate with the parts that there are: no traffic buffer, and idle is what it calls
/// inactive.
int left_when_idle(const ScaleToZero& policy, int current, Duration idle_for) noexcept {
  Gate last;
  last.is_always_buffered = true;
  last.grace_period = Duration{0};
  last.retention = policy.retention;
  GateInput input;
  input.wanted = 0;
  input.current = current;
  input.activity = Activity::inactive;
  input.inactive_for = idle_for;
  return gated(last, input).applies ? 0 : 1;
}

/// Of a service without replicas: one where there is work, else what stands for missing data.
Activated from_none(int wanted, Work work) noexcept {
  if (work == Work::some) return {{1, Code::activated}, true};
  return {{wanted, Code::floor_for_missing}, true};
}

Activated from_some(const Situation& seen, int wanted, Work work, Instant last_active) noexcept {
  const ScaleToZero& policy = *seen.policy.scale_to_zero;
  const Duration idle_for = seen.at - last_active - policy.cooldown;
  const double cooldown = in_seconds(policy.cooldown);
  const int kept = std::max(wanted, 1);
  if (!seen.snapshot.can_be_woken || !sees_without_replicas(seen.snapshot)) {
    return {{kept, Code::nobody_wakes}};
  }
  if (work == Work::some) return {{kept, Code::activated}};
  if (work == Work::unknown) return {{kept, Code::no_data}};
  if (idle_for <= Duration{0}) return {{kept, Code::idle_not_long, cooldown}};
  return {{left_when_idle(policy, seen.current, idle_for), Code::idle, cooldown}, true};
}

}  // namespace

Gated gated(const Gate& gate, const GateInput& input) noexcept {
  if (!input.wanted && input.activity != Activity::activating) return {};
  const int replicas = within(gate, input);
  Gated result = replicas == 0 ? gate_zero(gate, input) : Gated{replicas, true};
  result.writes = result.applies && result.replicas != input.current;
  return result;
}

bool sees_without_replicas(const Snapshot& snapshot) noexcept {
  return std::ranges::any_of(snapshot.metrics,
                             [](const auto& reading) { return reading.has_value(); });
}

Work work_of(const Situation& seen, const RuleSpec& rule) noexcept {
  if (!rule.wakes) return Work::none;
  const auto load = serving_value(seen, static_cast<std::size_t>(rule.metric), Across::sum);
  if (load && load->value > rule.activation) return Work::some;
  return load && load->is_whole ? Work::none : Work::unknown;
}

Activated activate(const Situation& seen, int wanted,
                   std::optional<Instant>& last_active) noexcept {
  if (!seen.policy.scale_to_zero) {
    last_active.reset();
    const bool may_go = seen.snapshot.can_be_woken || seen.current == 0;
    return {{may_go ? wanted : std::max(wanted, 1), Code::nobody_wakes}};
  }
  const Work work = work_of(seen);
  if (work == Work::some || !last_active) last_active = seen.at;
  return seen.current == 0 ? from_none(wanted, work) : from_some(seen, wanted, work, *last_active);
}

}  // namespace selfscale
