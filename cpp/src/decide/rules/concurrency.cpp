#include "decide/rules/concurrency.hpp"

#include <algorithm>
#include <cmath>

#include "decide/readings.hpp"
#include "decide/window.hpp"

namespace selfscale {
namespace {

using Memory = DecisionState::Memory;

/// What a load asks for, before and after the rule's limits.
struct Wish {
  int unlimited = 0;
  int replicas = 0;
  bool is_raised = false;  ///< activationScale asks for more than the load
};

Wish wish_for(const ConcurrencyRule& rule, const ConcurrencyInput& input, double load) noexcept {
  const double ready = std::max(1, input.ready);
  const int most = whole_replicas(rule.max_scale_up_rate * ready);
  const int least =
      input.is_reachable ? whole_replicas(std::floor(ready / rule.max_scale_down_rate)) : 0;
  Wish wish;
  wish.unlimited = whole_replicas(load / rule.target);
  wish.replicas = std::min(std::max(wish.unlimited, least), most);
  wish.is_raised = rule.activation_scale > 1 && wish.unlimited > 0 &&
                   rule.activation_scale > wish.replicas;
  if (wish.is_raised) wish.replicas = rule.activation_scale;
  return wish;
}

/// Silent replicas carry a target each: they hold what is there and ask for no more.
int with_silent(int wanted, const ConcurrencyInput& input) noexcept {
  const int loaded = saturated(std::int64_t{wanted} + input.silent);
  return std::max(wanted, std::min(loaded, input.current));
}

bool is_panicking(const ConcurrencyRule& rule, const ConcurrencyInput& input, int panic_wish,
                  Instant at, Memory& memory) noexcept {
  const double ready = std::max(1, input.ready);
  if (static_cast<double>(panic_wish) / ready >= rule.panic_threshold) {
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

/// A number with what decided it.
struct Chosen {
  int replicas = 0;
  Code code = Code::stable_load;

  void raise(int to, Code why) noexcept {
    if (to > replicas) *this = {to, why};
  }
};

Chosen chosen_of(const Wish& wish, int replicas, Code by_load) noexcept {
  return {replicas, wish.is_raised ? Code::scale_floor : by_load};
}

/// Readings of the service, or the sum of those of its instances; empty: none.
std::optional<ConcurrencyInput> input_of(const Situation& seen, std::size_t index) noexcept {
  const MetricSpec& metric = seen.policy.metrics[index];
  ConcurrencyInput input;
  input.ready = ready_replicas(seen.snapshot);
  input.current = seen.current;
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
      if (standing == Standing::missing) ++input.silent;
    }
  }
  return is_there ? std::optional{input} : std::nullopt;
}

}  // namespace

void meet(Memory& memory, int ready, Instant at) noexcept {
  if (ready > 1) memory.panic_since = at;
  memory.peak = ready;
}

Proposal judge_concurrency(const ConcurrencyRule& rule, const ConcurrencyInput& input, Instant at,
                           Memory& memory) {
  const Wish stable = wish_for(rule, input, input.stable);
  const Wish panic = wish_for(rule, input, input.panic);
  Chosen chosen = chosen_of(stable, with_silent(stable.replicas, input), Code::stable_load);
  if (is_panicking(rule, input, panic.unlimited, at, memory)) {
    const Chosen short_term = chosen_of(panic, panic.replicas, Code::panic_load);
    chosen.raise(short_term.replicas, short_term.code);
    chosen.raise(memory.peak, Code::panic_held);
    memory.peak = chosen.replicas;
  }
  if (input.is_reachable && rule.scale_down_delay.count() > 0) {
    const int most = sliding_maximum(memory.delayed, {at, chosen.replicas}, rule.scale_down_delay,
                                     delay_bucket);
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
                             bool is_new, Memory& memory) {
  const bool is_platform_known = seen.snapshot.platform.error.empty();
  const int ready = ready_replicas(seen.snapshot);
  if (is_new && is_platform_known) meet(memory, ready, seen.at);
  const auto input = is_platform_known ? input_of(seen, metric) : std::nullopt;
  if (!input) {
    Proposal proposal = without_data(seen.current);
    proposal.threshold = rule.target;
    return proposal;
  }
  return judge_concurrency(rule, *input, seen.at, memory);
}

}  // namespace selfscale
