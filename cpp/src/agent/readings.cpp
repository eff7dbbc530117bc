#include "agent/readings.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "agent/aggregate.hpp"
#include "agent/series.hpp"

namespace selfscale::agent {
namespace {

using metrics::Buckets;
using metrics::Entry;
using metrics::Kind;

// Recorded by the integrations.
constexpr std::string_view requests_total = "requests_total";
constexpr std::string_view errors_total = "errors_total";
constexpr std::string_view in_flight = "in_flight";

constexpr int points_per_window = 60;

/// What the processes have counted, by name.
struct Counts {
  std::map<std::string, std::uint64_t, std::less<>> counters;
  std::map<std::string, Buckets, std::less<>> distributions;
  std::map<std::string, double, std::less<>> gauges;
};

/// Adds the series without labels, which are totals; of a name that has none, all of them.
void add_entries(Counts& counts, const std::vector<Entry>& entries) {
  std::set<std::string_view> totals;
  for (const auto& entry : entries) {
    if (entry.labels.empty()) totals.insert(entry.name);
  }
  for (const auto& entry : entries) {
    if (!entry.labels.empty() && totals.contains(entry.name)) continue;
    switch (entry.kind) {
      case Kind::counter:
        counts.counters[entry.name] += entry.count;
        break;
      case Kind::gauge:
        counts.gauges[entry.name] += entry.value;
        break;
      case Kind::distribution:
        counts.distributions[entry.name].add(entry.buckets);
        break;
    }
  }
}

/// What an instance did in one tick, and what was seen of it at the end.
struct InstanceTick {
  int processes = 0;     ///< living
  bool reports = false;  ///< at least one of them
  std::map<std::string, double, std::less<>> increments;
  std::map<std::string, double, std::less<>> gauges;
  std::optional<double> cpu_seconds;
  std::optional<double> memory_bytes;
  std::optional<double> open_files;
  std::optional<double> threads;
};

void add_to(std::optional<double>& sum, const std::optional<double>& value) {
  if (value) sum = sum.value_or(0.0) + *value;
}

struct Interval {
  Instant from{};
  Instant to{};
  bool is_first = true;  ///< nothing to compare with
};

/// How a metric is read from the series of one instance.
enum class Source {
  cpu,
  memory,
  open_files,
  threads,
  rate,
  error_rate,
  gauge,
  distribution,
  unknown
};

/// Bucket sums are made of doubles, so an increment can be a hair under zero.
double increment(double now, double before) noexcept { return std::max(0.0, now - before); }

Duration retention_for(const MetricSpec& spec) {
  return spec.needs_previous ? 2 * spec.window : spec.window;
}
Duration resolution_for(const MetricSpec& spec) { return spec.window / points_per_window; }

/// The history of one metric over one window.
struct Watched {
  explicit Watched(const MetricSpec& of)
      : spec{of},
        total{resolution_for(of), retention_for(of)},
        errors{resolution_for(of), retention_for(of)},
        buckets{resolution_for(of), retention_for(of)} {}

  [[nodiscard]] bool is_for(const MetricSpec& other) const {
    return spec.metric == other.metric && spec.window == other.window &&
           spec.needs_previous == other.needs_previous;
  }
  Series<Amount>& amounts_of(const std::string& instance) {
    return amounts.try_emplace(instance, resolution_for(spec), retention_for(spec)).first->second;
  }
  Series<Samples>& samples_of(const std::string& instance) {
    return samples.try_emplace(instance, resolution_for(spec), retention_for(spec)).first->second;
  }
  void forget_before(Instant then) {
    std::erase_if(amounts, [&](const auto& each) { return each.second.newest() < then; });
    std::erase_if(samples, [&](const auto& each) { return each.second.newest() < then; });
  }

  MetricSpec spec;
  std::map<std::string, Series<Amount>> amounts;   ///< by instance
  std::map<std::string, Series<Samples>> samples;  ///< by instance
  Series<Amount> total;  ///< of the service; for error_rate, of its requests
  Series<Amount> errors;
  Series<Buckets> buckets;
};

}  // namespace

struct Readings::History {
  bool share_host = false;
  std::vector<Watched> watched;

  bool fed = false;
  Instant at{};
  HostView host;
  std::map<std::string, InstanceTick> instances;
  std::map<std::string, Kind, std::less<>> kinds;  ///< of all recorded names ever seen

  /// What a process had counted at the last tick; by slot, or by the negative pid of one without a
  /// slot.
  struct Before {
    std::uint32_t generation = 0;
    pid_t pid = 0;
    Counts counts;
    std::optional<double> cpu_seconds;
  };
  std::unordered_map<long, Before> before;
  Counts totals;  ///< of living, dead and retired
  std::optional<double> group_cpu_seconds;

  [[nodiscard]] Source source_of(const MetricSpec& spec) const {
    const std::string& name = spec.metric;
    if (name == "cpu_usage") return Source::cpu;
    if (name == "memory_usage") return Source::memory;
    if (name == "open_files") return Source::open_files;
    if (name == "threads") return Source::threads;
    if (name == "request_rate" || name == "requests_per_second") return Source::rate;
    if (name == "error_rate") return Source::error_rate;
    if (name == "response_time" || name == "request_queue_time") return Source::distribution;
    const auto known = kinds.find(name);
    if (known == kinds.end()) return name == in_flight ? Source::gauge : Source::unknown;
    switch (known->second) {
      case Kind::counter:
        return Source::rate;
      case Kind::gauge:
        return Source::gauge;
      case Kind::distribution:
        break;
    }
    return Source::distribution;
  }

  static std::string_view counter_of(const MetricSpec& spec) {
    const bool requests = spec.metric == "request_rate" || spec.metric == "requests_per_second";
    return requests ? requests_total : std::string_view{spec.metric};
  }

  void feed(const Tick& tick) {
    const Interval interval{fed ? at : tick.at, tick.at, !fed};
    host = tick.host;
    for (const auto* entries : all_entries(tick)) {
      for (const auto& entry : *entries) kinds.insert_or_assign(entry.name, entry.kind);
    }
    collect_instances(tick);
    const Counts now = add_up(tick);
    for (auto& each : watched) keep(each, interval, now);
    totals = now;
    fed = true;
    at = tick.at;
  }

  static std::vector<const std::vector<Entry>*> all_entries(const Tick& tick) {
    std::vector<const std::vector<Entry>*> all{&tick.retired};
    for (const auto& process : tick.processes) all.push_back(&process.entries);
    return all;
  }

  static Counts add_up(const Tick& tick) {
    Counts sums;
    for (const auto* entries : all_entries(tick)) add_entries(sums, *entries);
    return sums;
  }

  void collect_instances(const Tick& tick) {
    instances.clear();
    std::unordered_map<long, Before> seen;
    for (const auto& process : tick.processes) {
      const long key = process.slot > 0 ? process.slot : -static_cast<long>(process.pid);
      const auto known = before.find(key);
      const bool same = known != before.end() && known->second.generation == process.generation &&
                        known->second.pid == process.pid;
      Before now{process.generation, process.pid, {}, process.cpu_seconds};
      add_entries(now.counts, process.entries);
      collect_process(process, now, same ? &known->second : nullptr);
      seen.emplace(key, std::move(now));
    }
    before = std::move(seen);
    std::erase_if(instances, [](const auto& each) { return each.second.processes == 0; });
    take_group_cpu();
  }

  void collect_process(const ProcessView& process, const Before& now, const Before* then) {
    auto& instance = instances[process.instance];
    if (process.reports || !process.alive) {
      for (const auto& [name, count] : now.counts.counters) {
        // One that was not there at the last tick has counted everything since; at the first tick
        // nobody knows since when.
        const auto earlier =
            then != nullptr ? then->counts.counters.find(name) : now.counts.counters.end();
        const bool known = then != nullptr && earlier != then->counts.counters.end();
        const double start = known ? static_cast<double>(earlier->second)
                             : fed ? 0.0
                                   : static_cast<double>(count);
        instance.increments[name] += increment(static_cast<double>(count), start);
      }
    }
    if (!process.alive) return;
    ++instance.processes;
    if (process.reports && process.slot > 0) {
      instance.reports = true;
      for (const auto& [name, value] : now.counts.gauges) instance.gauges[name] += value;
    }
    if (now.cpu_seconds) {
      const double start =
          then != nullptr && then->cpu_seconds ? *then->cpu_seconds : *now.cpu_seconds;
      add_to(instance.cpu_seconds, increment(*now.cpu_seconds, start));
    }
    add_to(instance.memory_bytes, process.memory_bytes);
    add_to(instance.open_files, process.open_files);
    add_to(instance.threads, process.threads);
  }

  /// In a container of its own, an instance's CPU is that of its cgroup: helpers without an agent
  /// count, too.
  void take_group_cpu() {
    const auto earlier = std::exchange(group_cpu_seconds, host.group_cpu_seconds);
    if (share_host || !host.group_cpu_seconds || instances.size() != 1) return;
    instances.begin()->second.cpu_seconds =
        increment(*host.group_cpu_seconds, earlier.value_or(*host.group_cpu_seconds));
  }

  [[nodiscard]] std::optional<double> memory_of(const InstanceTick& instance) const {
    const bool group_is_it = share_host || instances.size() == 1;
    if (group_is_it && host.memory_limit_bytes && host.group_memory_bytes)
      return host.group_memory_bytes;
    if (!share_host) return instance.memory_bytes;
    std::optional<double> all;
    for (const auto& [name, each] : instances) add_to(all, each.memory_bytes);
    return all;
  }

  [[nodiscard]] double cpu_capacity(const MetricSpec& spec, const std::string& instance) const {
    const auto known = instances.find(instance);
    if (share_host) return known == instances.end() ? 1.0 : known->second.processes;
    return spec.of == Of::limit && host.cpu_limit_cores ? *host.cpu_limit_cores : host.cores;
  }

  void keep(Watched& each, const Interval& interval, const Counts& now) {
    const Source source = source_of(each.spec);
    for (const auto& [name, instance] : instances)
      keep_instance(each, source, name, instance, interval);
    if (!interval.is_first) keep_service(each, source, interval, now);
    each.forget_before(interval.to - retention_for(each.spec) - each.spec.window);
  }

  void keep_instance(Watched& each, Source source, const std::string& name,
                     const InstanceTick& instance, const Interval& interval) {
    auto keep_amount = [&](std::optional<double> amount) {
      if (amount && !interval.is_first)
        each.amounts_of(name).add(interval.from, interval.to, Amount{*amount});
    };
    auto keep_sample = [&](std::optional<double> value) {
      if (value) each.samples_of(name).add(interval.from, interval.to, Samples::of(*value));
    };
    switch (source) {
      case Source::cpu:
        return keep_amount(instance.cpu_seconds);
      case Source::memory:
        return keep_sample(memory_of(instance));
      case Source::open_files:
        return keep_sample(instance.open_files);
      case Source::threads:
        return keep_sample(instance.threads);
      case Source::rate: {
        const auto found = instance.increments.find(counter_of(each.spec));
        if (instance.reports && found != instance.increments.end()) keep_amount(found->second);
        return;
      }
      case Source::gauge: {
        const auto found = instance.gauges.find(each.spec.metric);
        if (found != instance.gauges.end()) keep_sample(found->second);
        return;
      }
      case Source::error_rate:
      case Source::distribution:
      case Source::unknown:
        return;
    }
  }

  /// Totals never fall, but when the segment had to be made anew; then they begin again.
  [[nodiscard]] std::optional<double> total_increment(const Counts& now,
                                                      std::string_view name) const {
    const auto found = now.counters.find(name);
    if (found == now.counters.end()) return std::nullopt;
    const auto earlier = totals.counters.find(name);
    const double start =
        earlier == totals.counters.end() ? 0.0 : static_cast<double>(earlier->second);
    return increment(static_cast<double>(found->second), start);
  }

  [[nodiscard]] bool anybody_reports() const {
    return std::any_of(instances.begin(), instances.end(),
                       [](const auto& each) { return each.second.reports; });
  }

  void keep_service(Watched& each, Source source, const Interval& interval, const Counts& now) {
    if (!anybody_reports()) return;
    if (source == Source::distribution) {
      const auto found = now.distributions.find(each.spec.metric);
      if (found == now.distributions.end()) return;
      Buckets window = found->second;
      const auto earlier = totals.distributions.find(each.spec.metric);
      if (earlier != totals.distributions.end()) window.subtract(earlier->second);
      each.buckets.add(interval.from, interval.to, trimmed(std::move(window)));
      return;
    }
    const bool errors = source == Source::error_rate;
    if (!errors && source != Source::rate) return;
    const auto counted = total_increment(now, errors ? requests_total : counter_of(each.spec));
    if (!counted) return;
    each.total.add(interval.from, interval.to, Amount{*counted});
    if (errors) {
      each.errors.add(interval.from, interval.to,
                      Amount{total_increment(now, errors_total).value_or(0.0)});
    }
  }

  /// Only what was counted in, so that a long history stays small.
  static Buckets trimmed(Buckets buckets) {
    auto& counts = buckets.counts;
    while (!counts.empty() && counts.back() == 0) counts.pop_back();
    const auto first =
        std::find_if(counts.begin(), counts.end(), [](std::uint64_t count) { return count != 0; });
    buckets.offset += static_cast<std::int32_t>(first - counts.begin());
    counts.erase(counts.begin(), first);
    counts.shrink_to_fit();
    return buckets;
  }

  [[nodiscard]] const Watched* find(const MetricSpec& spec) const {
    for (const auto& each : watched) {
      if (each.is_for(spec)) return &each;
    }
    return nullptr;
  }

  /// No request, no error: 0.
  static Reading read_error_rate(const Watched& each, const MetricSpec& spec, Instant now) {
    MetricSpec counted = spec;
    counted.aggregation = Aggregation::sum;
    auto reading = read_series(each.total, counted, now);
    if (reading.is_missing()) return reading;
    const auto errors = read_series(each.errors, counted, now);
    auto ratio = [](double part, double whole) {
      return whole > 0.0 ? 100.0 * std::min(1.0, part / whole) : 0.0;
    };
    if (reading.previous)
      reading.previous = ratio(errors.previous.value_or(0.0), *reading.previous);
    reading.value = ratio(errors.value, reading.value);
    return reading;
  }

  static double per_what(const MetricSpec& spec) {
    return spec.metric == "request_rate" && spec.aggregation != Aggregation::sum ? 60.0 : 1.0;
  }
};

Readings::Readings(bool share_host) : history_{std::make_unique<History>()} {
  history_->share_host = share_host;
}
Readings::~Readings() = default;
Readings::Readings(Readings&&) noexcept = default;
Readings& Readings::operator=(Readings&&) noexcept = default;

void Readings::watch(const std::vector<MetricSpec>& specs) {
  std::vector<Watched> wanted;
  for (const auto& spec : specs) {
    const bool twice = std::any_of(wanted.begin(), wanted.end(),
                                   [&](const Watched& each) { return each.is_for(spec); });
    if (twice) continue;
    auto& known = history_->watched;
    const auto kept = std::find_if(known.begin(), known.end(),
                                   [&](const Watched& each) { return each.is_for(spec); });
    if (kept != known.end())
      wanted.push_back(std::move(*kept));
    else
      wanted.emplace_back(spec);
    if (kept != known.end()) known.erase(kept);
  }
  history_->watched = std::move(wanted);
}

void Readings::feed(const Tick& tick) { history_->feed(tick); }

bool Readings::is_service_level(const MetricSpec& spec) const {
  switch (history_->source_of(spec)) {
    case Source::rate:
      return spec.across == Across::sum;
    case Source::error_rate:
    case Source::distribution:
    case Source::unknown:
      return true;
    default:
      return false;
  }
}

Reading Readings::read(const MetricSpec& spec, const std::string& instance, Instant now) const {
  const auto* each = history_->find(spec);
  if (each == nullptr) return Reading::absent(Missing::unknown, "nobody watches " + spec.metric);
  const auto amounts = each->amounts.find(instance);
  const auto samples = each->samples.find(instance);
  switch (history_->source_of(spec)) {
    case Source::cpu:
      if (amounts == each->amounts.end()) break;
      return percent(read_series(amounts->second, spec, now),
                     history_->cpu_capacity(spec, instance));
    case Source::memory:
      if (samples == each->samples.end()) break;
      return percent(read_series(samples->second, spec, now),
                     history_->host.memory_limit_bytes.value_or(history_->host.memory_bytes));
    case Source::rate:
      if (amounts == each->amounts.end()) break;
      return scaled(read_series(amounts->second, spec, now), History::per_what(spec));
    default:
      if (samples == each->samples.end()) break;
      return read_series(samples->second, spec, now);
  }
  return Reading::absent(Missing::not_reported,
                         instance + " has not reported " + spec.metric + " yet");
}

Reading Readings::read_service(const MetricSpec& spec, Instant now) const {
  const auto* each = history_->find(spec);
  if (each == nullptr) return Reading::absent(Missing::unknown, "nobody watches " + spec.metric);
  switch (history_->source_of(spec)) {
    case Source::rate:
      return scaled(read_series(each->total, spec, now), History::per_what(spec));
    case Source::error_rate:
      return History::read_error_rate(*each, spec, now);
    case Source::distribution:
      return read_series(each->buckets, spec, now);
    default:
      return Reading::absent(Missing::not_reported, "nobody has recorded " + spec.metric);
  }
}

std::set<std::string> Readings::instances() const {
  std::set<std::string> names;
  for (const auto& [name, instance] : history_->instances) names.insert(name);
  return names;
}

bool Readings::is_busy(const std::string& instance) const {
  const auto known = history_->instances.find(instance);
  if (known == history_->instances.end()) return false;
  const auto gauge = known->second.gauges.find(in_flight);
  return gauge != known->second.gauges.end() && gauge->second > 0.0;
}

std::set<std::string> Readings::metrics() const {
  std::set<std::string> names;
  for (const auto& [name, kind] : history_->kinds) names.insert(name);
  if (names.contains(std::string{requests_total}))
    names.insert({"request_rate", "requests_per_second", "error_rate"});
  for (const auto& [name, instance] : history_->instances) {
    if (instance.cpu_seconds) names.insert("cpu_usage");
    if (instance.memory_bytes) names.insert("memory_usage");
    if (instance.open_files) names.insert("open_files");
    if (instance.threads) names.insert("threads");
  }
  return names;
}

}  // namespace selfscale::agent
