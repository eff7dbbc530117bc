#include "decide/rules/concurrency.hpp"

#include <algorithm>
#include <cmath>

#include "decide/readings.hpp"
#include "decide/window.hpp"

namespace selfscale {
namespace {

using Memory = DecisionState::Memory;

/// A number with what decided it.
struct Chosen {
  int replicas = 0;
  Code code = Code::stable_load;

  void raise(int to, Code why) noexcept {
    if (to > replicas) *this = {to, why};
  }
};

/// What a load asks for, before the rule's limits.
int heard(const ConcurrencyRule& rule, double load) noexcept {
  return whole_replicas(load / rule.target);
}

/// The same with a target for each replica that is silent.
int loaded(const ConcurrencyRule& rule, const ConcurrencyInput& input, double load) noexcept {
  return saturated(std::int64_t{heard(rule, load)} + input.silent);
}

/// Within what the rates allow; above 0, at least activationScale.
Chosen limited(const ConcurrencyRule& rule, const ConcurrencyInput& input, int wanted,
               Code by_load) noexcept {
  const double ready = std::max(1, input.ready);
  const int most = whole_replicas(rule.max_scale_up_rate * ready);
  const int least =
      input.is_reachable ? whole_replicas(std::floor(ready / rule.max_scale_down_rate)) : 0;
  Chosen chosen{std::min(std::max(wanted, least), most), by_load};
  const bool is_active = rule.activation_scale > 1 && wanted > 0;
  if (is_active) chosen.raise(rule.activation_scale, Code::scale_floor);
  return chosen;
}

/// Silent replicas hold what is there and ask for no more.
Chosen wish_for(const ConcurrencyRule& rule, const ConcurrencyInput& input, double load,
                Code by_load) noexcept {
  Chosen wish = limited(rule, input, heard(rule, load), by_load);
  const Chosen held = limited(rule, input, loaded(rule, input, load), by_load);
  wish.raise(std::min(held.replicas, input.current), held.code);
  return wish;
}

/// Whether there is panic now.
bool note_panic(const ConcurrencyRule& rule, const ConcurrencyInput& input, Instant at,
                Memory& memory) noexcept {
  const double wanted = loaded(rule, input, input.panic);
  const double ready = std::max(1, input.ready);
  if (wanted / ready >= rule.panic_threshold) {
    memory.panic_since = at;
  } else if (memory.panic_since && *memory.panic_since + rule.window < at) {
    memory.panic_since.reset();
    memory.peak = 0;
  }
  return memory.panic_since.has_value();
}

double excess_burst_capacity(const ConcurrencyRule& rule, const ConcurrencyInput& input) noexcept {
  if (rule.target_burst_capacity == 0.0) return 0.0;
  if (rule.target_burst_capacity < 0.0) return -1.0;
  const double capacity = static_cast<double>(input.ready) * rule.capacity;
  return std::floor(capacity - rule.target_burst_capacity - input.panic);
}

/// Readings of the service, or the sum of those of its instances; empty: none.
std::optional<ConcurrencyInput> input_of(const Situation& seen, std::size_t index) noexcept {
  const MetricSpec& metric = seen.policy.metrics[index];
  ConcurrencyInput input;
  input.ready = ready_replicas(seen.snapshot);
  input.current = seen.current;
  input.is_reachable = seen.snapshot.is_reachable;
  bool is_there = false;
  const auto add = [&](const Reading& reading) {
    input.stable += reading.value;
    input.panic += reading.short_value.value_or(reading.value);
    is_there = true;
  };
  if (const Reading* service = service_reading(seen, index)) {
    if (is_usable(*service, metric)) add(*service);
  } else {
    for (const Instance& instance : seen.snapshot.instances) {
      const Standing standing =
          standing_of(instance, metric, index, seen.policy.readiness, seen.at);
      if (standing == Standing::ready) add(*instance.metrics[index]);
      if (serving_standing(instance, metric, index) == Standing::missing) ++input.silent;
    }
  }
  return is_there ? std::optional{input} : std::nullopt;
}

/// initialScale is a floor until so many replicas have been ready once.
void raise_to_initial(const ConcurrencyRule& rule, int ready, int current, Memory& memory,
                      Proposal& proposal) noexcept {
  memory.is_initialized = memory.is_initialized || ready >= rule.initial_scale;
  if (memory.is_initialized || proposal.replicas >= rule.initial_scale) return;
  proposal.replicas = rule.initial_scale;
  proposal.answer = answer_of(rule.initial_scale, current);
  proposal.code = Code::scale_floor;
}

}  // namespace

void meet(Memory& memory, int ready, Instant at) noexcept {
  memory.is_met = true;
  if (ready > 1) memory.panic_since = at;
  memory.peak = ready;
}

Proposal judge_concurrency(const ConcurrencyRule& rule, const ConcurrencyInput& input, Instant at,
                           Memory& memory) noexcept {
  Chosen chosen = wish_for(rule, input, input.stable, Code::stable_load);
  if (note_panic(rule, input, at, memory)) {
    const Chosen burst = wish_for(rule, input, input.panic, Code::panic_load);
    chosen.raise(burst.replicas, burst.code);
    chosen.raise(memory.peak, Code::panic_held);
    memory.peak = chosen.replicas;
  }
  if (input.is_reachable && rule.scale_down_delay.count() > 0) {
    const int most = sliding_maximum(memory.delayed, {at, chosen.replicas}, rule.scale_down_delay,
                                     delay_bucket, rule.delayed_kept);
    chosen.raise(most, Code::delayed_down);
  }
  Proposal proposal =
      wanting(chosen.replicas, input.current, chosen.code, chosen.code, chosen.code);
  proposal.value = chosen.code == Code::panic_load ? input.panic : input.stable;
  proposal.threshold = rule.target;
  proposal.excess_burst_capacity = excess_burst_capacity(rule, input);
  return proposal;
}

Proposal propose_concurrency(const ConcurrencyRule& rule, const Situation& seen, std::size_t metric,
                             Memory& memory) noexcept {
  const bool is_platform_known = seen.snapshot.platform.error.empty();
  if (!memory.is_met && is_platform_known) meet(memory, ready_replicas(seen.snapshot), seen.at);
  const auto input = is_platform_known ? input_of(seen, metric) : std::nullopt;
  if (!input) {
    Proposal proposal = without_data(seen.current);
    proposal.threshold = rule.target;
    return proposal;
  }
  Proposal proposal = judge_concurrency(rule, *input, seen.at, memory);
  if (rule.initial_scale > 1) raise_to_initial(rule, input->ready, seen.current, memory, proposal);
  return proposal;
}

}  // namespace selfscale
