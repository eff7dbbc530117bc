#include "agent/tally.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace selfscale::agent {
namespace {

using metrics::Buckets;
using metrics::Entry;
using metrics::Kind;

void add_to(std::optional<double>& sum, const std::optional<double>& value) {
  if (value) sum = sum.value_or(0.0) + *value;
}

/// Totals never fall, but when the segment had to be made anew; then they begin again.
double increment(double now, double before) noexcept { return std::max(0.0, now - before); }

std::optional<double> increment(const std::optional<double>& now,
                                const std::optional<double>& before) noexcept {
  if (!now || !before) return std::nullopt;
  return increment(*now, *before);
}

HostTick tick_of_host(const HostView& now, const HostView& before) noexcept {
  HostTick tick;
  tick.network_bytes = increment(now.network_bytes, before.network_bytes);
  tick.cpu_stalled_seconds = increment(now.stalled.cpu_seconds, before.stalled.cpu_seconds);
  tick.memory_stalled_seconds =
      increment(now.stalled.memory_seconds, before.stalled.memory_seconds);
  tick.io_stalled_seconds = increment(now.stalled.io_seconds, before.stalled.io_seconds);
  const bool same_quota = now.cpu_limit_level == before.cpu_limit_level;
  if (same_quota && now.throttling && before.throttling) {
    tick.quota_periods = increment(static_cast<double>(now.throttling->periods),
                                   static_cast<double>(before.throttling->periods));
    tick.throttled_periods = increment(static_cast<double>(now.throttling->throttled),
                                       static_cast<double>(before.throttling->throttled));
  }
  return tick;
}

/// A sum in which a part is missing would look like less.
void forget_partial_sums(InstanceTick& instance) noexcept {
  if (instance.hides_files) instance.open_files.reset();
  if (!instance.is_hidden) return;
  instance.cpu_seconds.reset();
  instance.memory_bytes.reset();
  instance.open_files.reset();
  instance.threads.reset();
}

std::vector<const std::vector<Entry>*> all_entries(const Tick& tick) {
  std::vector<const std::vector<Entry>*> all{&tick.retired};
  for (const auto& process : tick.processes) all.push_back(&process.entries);
  return all;
}

/// Only what was counted in, so that a long history stays small.
Buckets trimmed(Buckets buckets) {
  auto& counts = buckets.counts;
  while (!counts.empty() && counts.back() == 0) counts.pop_back();
  const auto first =
      std::find_if(counts.begin(), counts.end(), [](std::uint64_t count) { return count != 0; });
  buckets.offset += static_cast<std::int32_t>(first - counts.begin());
  counts.erase(counts.begin(), first);
  counts.shrink_to_fit();
  return buckets;
}

}  // namespace

void Counts::add(const std::vector<Entry>& entries) {
  std::set<std::string_view> with_total;
  for (const auto& entry : entries) {
    if (entry.labels.empty()) with_total.insert(entry.name);
  }
  for (const auto& entry : entries) {
    if (!entry.labels.empty() && with_total.contains(entry.name)) continue;
    switch (entry.kind) {
      case Kind::counter:
        counters[entry.name] += entry.count;
        break;
      case Kind::gauge:
        gauges[entry.name] += entry.value;
        break;
      case Kind::distribution:
        distributions[entry.name].add(entry.buckets);
        break;
    }
  }
}

void Tally::feed(const Tick& tick, bool share_host) {
  interval_ = {ticks_ == 0 ? tick.at : interval_.to, tick.at};
  ticks_ = std::min(ticks_ + 1, 2);
  totals_before_ = std::exchange(totals_, {});
  for (const auto* entries : all_entries(tick)) {
    totals_.add(*entries);
    for (const auto& entry : *entries) kinds_.insert_or_assign(entry.name, entry.kind);
  }

  instances_.clear();
  std::unordered_map<long, Before> seen;
  for (const auto& process : tick.processes) {
    const long key = process.slot > 0 ? process.slot : -static_cast<long>(process.pid);
    const auto known = before_.find(key);
    const bool same = known != before_.end() && known->second.generation == process.generation &&
                      known->second.pid == process.pid;
    Before now{process.generation, process.pid, {}, process.cpu_seconds};
    now.counts.add(process.entries);
    collect(process, now, same ? &known->second : nullptr);
    seen.emplace(key, std::move(now));
  }
  before_ = std::move(seen);
  std::erase_if(instances_, [](const auto& each) { return each.second.processes == 0; });
  for (auto& [name, instance] : instances_) forget_partial_sums(instance);
  const auto host_before = std::exchange(host_, tick.host);
  host_tick_ = tick_of_host(host_, host_before);
  take_group_cpu(host_before, share_host);
}

void Tally::collect(const ProcessView& process, const Before& now, const Before* then) {
  auto& instance = instances_[process.instance];
  collect_counters(instance, now.counts, then);
  if (!process.alive) return;
  if (!process.waits) ++instance.processes;
  if (process.started_at) {
    instance.started_at =
        std::min(instance.started_at.value_or(*process.started_at), *process.started_at);
  }
  if (process.slot > 0) {
    instance.reports = instance.reports || process.reports;
    const bool may_be_old = process.has_thread && !process.reports;
    for (const auto& [name, value] : now.counts.gauges) {
      if (!may_be_old) instance.gauges[name] += value;
    }
  }
  if (now.cpu_seconds) {
    instance.shows_cpu = true;
    if (then != nullptr && then->cpu_seconds) {
      add_to(instance.cpu_seconds, increment(*now.cpu_seconds, *then->cpu_seconds));
    }
  }
  instance.is_hidden = instance.is_hidden || process.is_hidden;
  instance.hides_files = instance.hides_files || !process.open_files;
  add_to(instance.memory_bytes, process.memory_bytes);
  add_to(instance.open_files, process.open_files);
  add_to(instance.threads, process.threads);
}

/// A counter that was not there at the last tick has counted everything since.
void Tally::collect_counters(InstanceTick& instance, const Counts& now, const Before* then) const {
  for (const auto& [name, count] : now.counters) {
    double start = 0.0;
    if (then != nullptr) {
      const auto earlier = then->counts.counters.find(name);
      if (earlier != then->counts.counters.end()) start = static_cast<double>(earlier->second);
    }
    instance.increments[name] += increment(static_cast<double>(count), start);
  }
}

/// In a container of its own, an instance's CPU is that of its cgroup: helpers without an agent
/// count, too.
void Tally::take_group_cpu(const HostView& before, bool share_host) {
  if (share_host || instances_.size() != 1) return;
  if (!host_.group_cpu_seconds || !before.group_cpu_seconds) return;
  if (host_.cpu_limit_level != before.cpu_limit_level) return;  // of another group
  instances_.begin()->second.cpu_seconds =
      increment(*host_.group_cpu_seconds, *before.group_cpu_seconds);
}

bool Tally::anybody_reports() const {
  return std::any_of(instances_.begin(), instances_.end(),
                     [](const auto& each) { return each.second.reports; });
}

std::optional<double> Tally::memory_of_all() const {
  std::optional<double> all;
  for (const auto& [name, each] : instances_) add_to(all, each.memory_bytes);
  return all;
}

std::optional<double> Tally::counted(std::string_view counter) const {
  const auto found = totals_.counters.find(counter);
  if (found == totals_.counters.end()) return std::nullopt;
  const auto earlier = totals_before_.counters.find(counter);
  const bool known = earlier != totals_before_.counters.end();
  return increment(static_cast<double>(found->second),
                   known ? static_cast<double>(earlier->second) : 0.0);
}

const Buckets* Tally::ever_observed(std::string_view distribution) const {
  const auto found = totals_.distributions.find(distribution);
  return found == totals_.distributions.end() ? nullptr : &found->second;
}

std::optional<Buckets> Tally::observed(std::string_view distribution) const {
  const auto found = totals_.distributions.find(distribution);
  if (found == totals_.distributions.end()) return std::nullopt;
  Buckets window = found->second;
  const auto earlier = totals_before_.distributions.find(distribution);
  if (earlier != totals_before_.distributions.end()) window.subtract(earlier->second);
  return trimmed(std::move(window));
}

}  // namespace selfscale::agent
