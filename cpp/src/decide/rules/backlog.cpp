#include "decide/rules/backlog.hpp"

#include <algorithm>

#include "decide/rules/added_already.hpp"
#include "decide/rules/serving.hpp"

namespace selfscale {
namespace {

double seconds(Duration duration) noexcept {
  return static_cast<double>(duration.count()) / 1000.0;
}

std::optional<ServingValue> total(const Situation& seen, int metric) noexcept {
  return serving_value(seen, static_cast<std::size_t>(metric), Across::sum);
}

void add_running(const BacklogRule& rule, const Situation& seen, Backlog& backlog) noexcept {
  if (rule.running.index < 0) return;
  const auto running = total(seen, rule.running.index);
  backlog.may_lower = backlog.may_lower && running && running->is_whole;
  if (running) backlog.in_hand += running->value;
}

void add_oldest(const BacklogRule& rule, const Situation& seen, Backlog& backlog) noexcept {
  if (rule.oldest.index < 0) return;
  const auto oldest = serving_value(seen, static_cast<std::size_t>(rule.oldest.index), Across::max);
  backlog.may_lower = backlog.may_lower && oldest;
  if (oldest) backlog.oldest_age = oldest->value;
}

Proposal holding(int current, Code code) noexcept {
  return wanting(current, current, code, code, code);
}

}  // namespace

Proposal judge_backlog(const BacklogRule& rule, const Backlog& backlog, int current) noexcept {
  const double latency = seconds(rule.target_latency);
  const int needed = whole_replicas(backlog.due / (backlog.throughput * latency));
  const int kept = whole_replicas(backlog.in_hand / (backlog.surest_throughput * latency));
  const bool is_late = backlog.oldest_age && *backlog.oldest_age > latency;
  Proposal proposal;
  if (needed > current) {
    proposal = wanting(needed, current, Code::backlog_due, Code::backlog_due, Code::backlog_due);
  } else if (is_late) {
    const bool one_starts = backlog.starting > 0;
    proposal = one_starts
                   ? holding(current, Code::starting)
                   : wanting(saturated(std::int64_t{current} + 1), current, Code::oldest_job_late,
                             Code::oldest_job_late, Code::oldest_job_late);
  } else if (kept < current && backlog.may_lower) {
    proposal = wanting(kept, current, Code::backlog_due, Code::backlog_due, Code::backlog_due);
  } else {
    proposal = holding(current, Code::backlog_due);
  }
  const bool says_age = proposal.code == Code::oldest_job_late || proposal.code == Code::starting;
  proposal.value = says_age ? *backlog.oldest_age : backlog.due;
  proposal.threshold = says_age ? latency : backlog.throughput * latency;
  return proposal;
}

Proposal propose_backlog(const BacklogRule& rule, const Situation& seen,
                         std::size_t metric) noexcept {
  const auto due = total(seen, static_cast<int>(metric));
  if (!due) return without_data(seen.current);
  const auto& learned = seen.snapshot.estimates.throughput_per_replica;
  const bool is_known = rule.throughput || (learned && learned->value > 0.0);
  if (!is_known) {
    Proposal proposal = without_data(seen.current, Code::throughput_unknown);
    proposal.value = due->value;
    return proposal;
  }
  Backlog backlog;
  backlog.due = backlog.in_hand = due->value;
  backlog.starting = starting_replicas(seen);
  backlog.may_lower = due->is_whole;
  backlog.throughput = rule.throughput ? *rule.throughput : learned->value;
  backlog.surest_throughput = rule.throughput ? *rule.throughput : learned->low;
  add_running(rule, seen, backlog);
  add_oldest(rule, seen, backlog);
  Proposal proposal = judge_backlog(rule, backlog, seen.current);
  if (!rule.throughput) proposal.samples = learned->samples;
  return proposal;
}

}  // namespace selfscale
