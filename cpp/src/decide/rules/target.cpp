#include "decide/rules/target.hpp"

#include <algorithm>

#include "decide/rules/load.hpp"

namespace selfscale {
namespace {

/// Inclusive at both ends.
bool is_within_tolerance(const TargetRule& rule, double ratio) noexcept {
  return 1.0 - rule.tolerance_down <= ratio && ratio <= 1.0 + rule.tolerance_up;
}

/// The code says on which side of the target the load is, whatever becomes of the count.
Proposal towards(double ratio, int replicas, int current) noexcept {
  const Code code = ratio < 1.0 ? Code::below_target : Code::above_target;
  return wanting(replicas, current, code, code, code);
}

Proposal within_tolerance(int replicas, int current) noexcept {
  constexpr Code code = Code::within_tolerance;
  return wanting(replicas, current, code, code, code);
}

Proposal held_by_fill_in(int current) noexcept {
  return wanting(current, current, Code::unready_held, Code::unready_held, Code::unready_held);
}

bool has_turned(double before, double after) noexcept {
  return (before < 1.0 && after > 1.0) || (before > 1.0 && after < 1.0);
}

/// How many instances are of which standing.
struct Standings {
  int listed = 0;
  int ready = 0;
  int missing = 0;
  int unready = 0;
};

template <class Load>
Standings gather(const Situation& seen, std::size_t index, Load& load) noexcept {
  const MetricSpec& metric = seen.policy.metrics[index];
  Standings count;
  for (const Instance& instance : seen.snapshot.instances) {
    const Reading* entry = entry_of(instance, index);
    if (!instance.listed) {
      if (entry != nullptr && is_usable(*entry, metric)) load.add(*entry, false);
      continue;
    }
    ++count.listed;
    load.list(entry);
    switch (standing_of(instance, metric, index, seen.policy.readiness, seen.at)) {
      case Standing::ignored:
        break;
      case Standing::unready:
        ++count.unready;
        load.add_unready(entry);
        break;
      case Standing::missing:
        ++count.missing;
        load.add_missing(entry);
        break;
      case Standing::ready:
        ++count.ready;
        load.add(*entry, true);
        break;
    }
  }
  return count;
}

template <class Load>
Proposal judge_filled(const TargetRule& rule, Load load, int current) noexcept {
  const double before = load.ratio();
  if (before != 1.0) load.fill_missing(before < 1.0);
  if (before > 1.0) load.fill_unready();
  const double ratio = load.ratio();
  const bool was_within = is_within_tolerance(rule, before);
  if (is_within_tolerance(rule, ratio) || has_turned(before, ratio)) {
    return was_within ? within_tolerance(current, current) : held_by_fill_in(current);
  }
  const int replicas = whole_replicas(ratio * static_cast<double>(load.samples()));
  const bool turns = (ratio < 1.0 && replicas > current) || (ratio > 1.0 && replicas < current);
  return turns ? held_by_fill_in(current) : towards(ratio, replicas, current);
}

template <class Load>
Proposal judge(const TargetRule& rule, const Load& load, const Standings& count,
               int current) noexcept {
  const double ratio = load.ratio();
  if (count.missing > 0 || (count.unready > 0 && ratio > 1.0)) {
    return judge_filled(rule, load, current);
  }
  if (is_within_tolerance(rule, ratio)) return within_tolerance(current, current);
  return towards(ratio, whole_replicas(ratio * static_cast<double>(count.ready)), current);
}

template <class Load>
Proposal judge_with(const TargetRule& rule, const Situation& seen, std::size_t index,
                    Load load) noexcept {
  const Standings count = gather(seen, index, load);
  if (count.listed == 0 || load.samples() == 0 || !load.is_known()) {
    const bool are_there =
        load.samples() == 0 && count.missing == 0 && !seen.snapshot.instances.empty();
    const bool is_strangers = load.samples() > 0 && count.listed == 0;
    return without_data(seen.current,
                        are_there || is_strangers ? Code::no_ready_instances : Code::no_data);
  }
  Proposal proposal = judge(rule, load, count, seen.current);
  // Old and new ones side by side are more than are asked for; that is no reason to ask for more.
  const bool is_surge = seen.snapshot.platform.updating && load.ratio() < 1.0;
  if (is_surge && proposal.replicas > seen.current) {
    proposal = wanting(seen.current, seen.current, Code::updating, Code::updating, Code::updating);
  }
  proposal.value = load.usage();
  proposal.silent = count.missing;
  proposal.counted = count.missing > 0 ? count.ready + count.unready + count.missing : 0;
  return proposal;
}

/// A quantity in thousandths, as HPA divides them. What differs from a whole number of them by the
/// last bits alone is that number; what is finer stays as it is.
double thousandths(double quantity) noexcept {
  const double exact = quantity * 1000.0;
  const double whole = std::round(exact);
  return std::abs(exact - whole) <= std::abs(exact) * 1e-15 ? whole : exact;
}

/// HPA knows no ready count where nobody is listed.
bool has_ready_count(const Situation& seen) noexcept {
  return seen.current == 0 || seen.snapshot.platform.ready_replicas ||
         !seen.snapshot.instances.empty();
}

Proposal judge_service(const TargetRule& rule, const Situation& seen, std::size_t index,
                       const Reading& reading) noexcept {
  if (!is_usable(reading, seen.policy.metrics[index])) return without_data(seen.current);
  if (rule.per_replica) {
    return judge_total(rule, reading.value, seen.current, seen.snapshot.platform.current_replicas);
  }
  const Proposal proposal =
      judge_value(rule, reading.value, seen.current, ready_replicas(seen.snapshot));
  if (proposal.code != Code::within_tolerance && !has_ready_count(seen)) {
    return without_data(seen.current, Code::no_ready_instances);
  }
  return proposal;
}

/// Too much for those that serve: what it has asked for must not be taken away before it does.
bool is_short(const TargetRule& rule, const Proposal& proposal) noexcept {
  return proposal.code == Code::above_target ||
         (proposal.code == Code::unready_held && proposal.value > rule.target);
}

}  // namespace

Proposal judge_instances(const TargetRule& rule, const Situation& seen,
                         std::size_t index) noexcept {
  const MetricSpec& metric = seen.policy.metrics[index];
  if (rule.per_replica) return judge_with(rule, seen, index, MeanLoad{rule});
  if (metric.of == Of::request && metric.across == Across::avg) {
    return judge_with(rule, seen, index, RequestShare{rule});
  }
  return judge_with(rule, seen, index, AcrossLoad{rule, metric});
}

Proposal judge_value(const TargetRule& rule, double value, int current, int ready) noexcept {
  const double ratio = thousandths(value) / thousandths(rule.target);
  if (current == 0) return towards(ratio, whole_replicas(ratio), current);
  if (is_within_tolerance(rule, ratio)) return within_tolerance(current, current);
  return towards(ratio, whole_replicas(ratio * static_cast<double>(ready)), current);
}

Proposal judge_total(const TargetRule& rule, double value, int current, int existing) noexcept {
  const double load = thousandths(value);
  const double target = thousandths(rule.target);
  // Nothing exists yet: infinite, or no number; outside any tolerance.
  const double ratio = load / (target * static_cast<double>(existing));
  if (is_within_tolerance(rule, ratio)) return within_tolerance(existing, current);
  return towards(ratio, whole_replicas(load / target), current);
}

Proposal propose_target(const TargetRule& rule, const Situation& seen, std::size_t index) noexcept {
  const Reading* service = service_reading(seen, index);
  Proposal proposal = service != nullptr ? judge_service(rule, seen, index, *service)
                                         : judge_instances(rule, seen, index);
  proposal.threshold = rule.target;
  if (service != nullptr && proposal.answer != Answer::missing) proposal.value = service->value;
  if (!rule.scale_down && (proposal.answer == Answer::hold || proposal.answer == Answer::down)) {
    const bool waits = is_short(rule, proposal);
    proposal.answer = waits ? Answer::hold : Answer::abstain;
    proposal.replicas = seen.current;
    if (!waits) proposal.code = Code::no_lowering;
  }
  return proposal;
}

}  // namespace selfscale
