#include "agent/readings.hpp"

#include <algorithm>
#include <utility>

#include "agent/aggregate.hpp"
#include "agent/series.hpp"
#include "agent/tally.hpp"
#include "agent/throughput.hpp"
#include "agent/usage.hpp"

namespace selfscale::agent {
namespace {

using metrics::Buckets;
using metrics::Kind;

// Recorded by the integrations.
constexpr std::string_view requests_total = "requests_total";
constexpr std::string_view errors_total = "errors_total";
constexpr std::string_view in_flight = "in_flight";

constexpr int points_per_window = 60;

/// How a metric is read from the series of one instance.
enum class Source {
  cpu,
  memory,
  host_cpu,
  load_average,
  throttled,
  cpu_pressure,
  memory_pressure,
  io_pressure,
  network,
  open_files,
  threads,
  rate,
  error_rate,
  gauge,
  distribution,
  unknown
};

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
           spec.needs_previous == other.needs_previous && spec.short_window == other.short_window;
  }
  Series<Amount>& amounts_of(const std::string& instance) {
    return amounts.try_emplace(instance, resolution_for(spec), retention_for(spec)).first->second;
  }
  Series<Amount>& wholes_of(const std::string& instance) {
    return wholes.try_emplace(instance, resolution_for(spec), retention_for(spec)).first->second;
  }
  Series<Samples>& samples_of(const std::string& instance) {
    return samples.try_emplace(instance, resolution_for(spec), retention_for(spec)).first->second;
  }
  void forget_before(Instant then) {
    std::erase_if(amounts, [&](const auto& each) { return each.second.newest() < then; });
    std::erase_if(wholes, [&](const auto& each) { return each.second.newest() < then; });
    std::erase_if(samples, [&](const auto& each) { return each.second.newest() < then; });
  }

  MetricSpec spec;
  std::map<std::string, Series<Amount>> amounts;   ///< by instance
  std::map<std::string, Series<Amount>> wholes;    ///< by instance: what `amounts` are a share of
  std::map<std::string, Series<Samples>> samples;  ///< by instance
  Series<Amount> total;  ///< of the service; for error_rate, of its requests
  Series<Amount> errors;
  Series<Buckets> buckets;
};

}  // namespace

struct Readings::History {
  bool share_host = false;
  Requests requests;
  std::vector<Watched> watched;
  Tally tally;
  JobThroughput throughput;

  [[nodiscard]] Source source_of(const MetricSpec& spec) const {
    const std::string& name = spec.metric;
    if (name == "cpu_usage" || name == "cpu_cores") return Source::cpu;
    if (name == "memory_usage" || name == "memory_bytes") return Source::memory;
    if (name == "host_cpu_usage") return Source::host_cpu;
    if (name == "load_average") return Source::load_average;
    if (name == "cpu_throttled") return Source::throttled;
    if (name == "cpu_pressure") return Source::cpu_pressure;
    if (name == "memory_pressure") return Source::memory_pressure;
    if (name == "io_pressure") return Source::io_pressure;
    if (name == "network_io") return Source::network;
    if (name == "open_files") return Source::open_files;
    if (name == "threads") return Source::threads;
    if (counter_of(spec) != name) return Source::rate;
    if (name == "error_rate") return Source::error_rate;
    if (name == "response_time" || name == "request_queue_time") return Source::distribution;
    const auto known = tally.kinds().find(name);
    if (known == tally.kinds().end()) return name == in_flight ? Source::gauge : Source::unknown;
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

  static bool counts_requests(const MetricSpec& spec) {
    return spec.metric == "request_rate" || spec.metric == "requests_per_second";
  }
  static std::string_view counter_of(const MetricSpec& spec) {
    if (counts_requests(spec)) return requests_total;
    if (spec.metric == "disk_io") return process_disk_bytes;
    if (spec.metric == "context_switches") return process_context_switches;
    return spec.metric;
  }

  void feed(const Tick& tick) {
    tally.feed(tick, share_host);
    throughput.feed(tally);
    for (auto& each : watched) keep(each);
  }

  [[nodiscard]] std::optional<double> memory_of(const InstanceTick& instance) const {
    const auto& host = tally.host();
    const bool group_is_it = share_host || tally.instances().size() == 1;
    if (group_is_it && host.memory_limit_bytes && host.group_memory_bytes) {
      return host.group_memory_bytes;
    }
    return share_host ? tally.memory_of_all() : instance.memory_bytes;
  }

  [[nodiscard]] std::optional<double> memory_capacity(const MetricSpec& spec) const {
    if (spec.of == Of::request) return requests.memory_bytes;
    return tally.host().memory_limit_bytes.value_or(tally.host().memory_bytes);
  }

  [[nodiscard]] std::optional<double> cpu_capacity(const MetricSpec& spec,
                                                   const std::string& instance) const {
    if (spec.of == Of::request) return requests.cpu_cores;
    const auto& host = tally.host();
    if (share_host) {
      const auto known = tally.instances().find(instance);
      return known == tally.instances().end() ? 1.0 : known->second.processes;
    }
    return spec.of == Of::limit && host.cpu_limit_cores ? *host.cpu_limit_cores : host.cores;
  }

  [[nodiscard]] std::optional<double> capacity(const MetricSpec& spec,
                                               const std::string& instance) const {
    if (spec.metric == "cpu_usage") return cpu_capacity(spec, instance);
    if (spec.metric == "memory_usage") return memory_capacity(spec);
    return std::nullopt;
  }

  /// Of a capacity, or as it is.
  [[nodiscard]] Reading of_resource(Reading amount, const MetricSpec& spec,
                                    const std::string& instance) const {
    if (spec.metric == "cpu_cores" || spec.metric == "memory_bytes") return amount;
    if (const auto known = capacity(spec, instance)) return percent(std::move(amount), *known);
    return Reading::absent(Missing::unknown,
                           spec.metric == "cpu_usage"
                               ? "its request is not known: set SELFSCALE_CPU_REQUEST"
                               : "its request is not known: set SELFSCALE_MEMORY_REQUEST");
  }

  void keep(Watched& each) {
    const Source source = source_of(each.spec);
    for (const auto& [name, instance] : tally.instances()) {
      keep_instance(each, source, name, instance);
    }
    if (!tally.is_first() && tally.anybody_reports()) keep_service(each, source);
    each.forget_before(tally.interval().to - retention_for(each.spec) - each.spec.window);
  }

  void keep_instance(Watched& each, Source source, const std::string& name,
                     const InstanceTick& instance) {
    const Tally::Interval over = tally.interval();
    auto keep_amount = [&](std::optional<double> amount) {
      if (amount && !tally.is_first())
        each.amounts_of(name).add(over.from, over.to, Amount{*amount});
    };
    auto keep_sample = [&](std::optional<double> value) {
      if (value) each.samples_of(name).add(over.from, over.to, Samples::of(*value));
    };
    switch (source) {
      case Source::cpu:
        return keep_amount(instance.cpu_seconds);
      case Source::memory:
        return keep_sample(memory_of(instance));
      case Source::host_cpu:
        return keep_sample(tally.host().cpu_percent);
      case Source::load_average:
        return keep_sample(tally.host().load_average);
      case Source::throttled:
        if (tally.host_tick().quota_periods && !tally.is_first()) {
          each.wholes_of(name).add(over.from, over.to, Amount{*tally.host_tick().quota_periods});
        }
        return keep_amount(tally.host_tick().throttled_periods);
      case Source::cpu_pressure:
        return keep_amount(tally.host_tick().cpu_stalled_seconds);
      case Source::memory_pressure:
        return keep_amount(tally.host_tick().memory_stalled_seconds);
      case Source::io_pressure:
        return keep_amount(tally.host_tick().io_stalled_seconds);
      case Source::network:
        return keep_amount(tally.host_tick().network_bytes);
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

  void keep_service(Watched& each, Source source) {
    const auto& [from, to] = tally.interval();
    if (source == Source::distribution) {
      if (auto observed = tally.observed(each.spec.metric)) each.buckets.add(from, to, *observed);
      return;
    }
    const bool errors = source == Source::error_rate;
    if (!errors && source != Source::rate) return;
    const auto counted = tally.counted(errors ? requests_total : counter_of(each.spec));
    if (!counted) return;
    each.total.add(from, to, Amount{*counted});
    if (errors) each.errors.add(from, to, Amount{tally.counted(errors_total).value_or(0.0)});
  }

  [[nodiscard]] const Watched* find(const MetricSpec& spec) const {
    for (const auto& each : watched) {
      if (each.is_for(spec)) return &each;
    }
    return nullptr;
  }

  /// The percentage that one counter grew of what another did. Of nothing: 0.
  static Reading read_share(const Series<Amount>& part, const Series<Amount>& whole,
                            const MetricSpec& spec, Instant now) {
    MetricSpec counted = spec;
    counted.aggregation = Aggregation::sum;
    auto reading = read_series(whole, counted, now);
    if (reading.is_missing()) return reading;
    const auto parts = read_series(part, counted, now);
    auto share = [](double of_it, double all) {
      return all > 0.0 ? 100.0 * std::min(1.0, of_it / all) : 0.0;
    };
    if (reading.previous) reading.previous = share(parts.previous.value_or(0.0), *reading.previous);
    if (reading.short_value)
      reading.short_value = share(parts.short_value.value_or(0.0), *reading.short_value);
    reading.value = share(parts.value, reading.value);
    return reading;
  }

  [[nodiscard]] Reading silence(const MetricSpec& spec, const std::string& instance) const {
    const auto known = tally.instances().find(instance);
    auto silence = Reading::absent(Missing::unheard, instance + " is not heard on this host");
    if (known != tally.instances().end()) {
      silence = Reading::absent(Missing::not_reported,
                                known->second.is_hidden
                                    ? "/proc hides a process of " + instance
                                    : instance + " has not reported " + spec.metric + " yet");
    }
    silence.capacity = capacity(spec, instance);
    return silence;
  }

  static double per_what(const MetricSpec& spec) {
    return spec.metric == "request_rate" && spec.aggregation != Aggregation::sum ? 60.0 : 1.0;
  }
};

Readings::Readings(bool share_host, Requests requests) : history_{std::make_unique<History>()} {
  history_->share_host = share_host;
  history_->requests = requests;
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

bool Readings::is_sum(const MetricSpec& spec) const {
  return history_->source_of(spec) == Source::rate && spec.across == Across::sum;
}

bool Readings::may_be_of_service(const MetricSpec& spec) const {
  const auto source = history_->source_of(spec);
  const bool is_of_requests = spec.metric == in_flight || History::counts_requests(spec);
  return (source == Source::gauge || source == Source::rate) && !is_of_requests;
}

Reading Readings::read(const MetricSpec& spec, const std::string& instance, Instant now) const {
  const auto* each = history_->find(spec);
  if (each == nullptr) return Reading::absent(Missing::unknown, "nobody watches " + spec.metric);
  const auto amounts = each->amounts.find(instance);
  const auto samples = each->samples.find(instance);
  switch (history_->source_of(spec)) {
    case Source::cpu:
      if (amounts == each->amounts.end()) break;
      return history_->of_resource(read_series(amounts->second, spec, now), spec, instance);
    case Source::memory:
      if (samples == each->samples.end()) break;
      return history_->of_resource(read_series(samples->second, spec, now), spec, instance);
    case Source::rate:
    case Source::network:
      if (amounts == each->amounts.end()) break;
      return scaled(read_series(amounts->second, spec, now), History::per_what(spec));
    case Source::throttled:
      if (amounts == each->amounts.end()) break;
      return History::read_share(amounts->second, each->wholes.at(instance), spec, now);
    case Source::cpu_pressure:
    case Source::memory_pressure:
    case Source::io_pressure:
      if (amounts == each->amounts.end()) break;
      return scaled(read_series(amounts->second, spec, now), 100.0);
    default:
      if (samples == each->samples.end()) break;
      return read_series(samples->second, spec, now);
  }
  return history_->silence(spec, instance);
}

Reading Readings::read_service(const MetricSpec& spec, Instant now) const {
  const auto* each = history_->find(spec);
  if (each == nullptr) return Reading::absent(Missing::unknown, "nobody watches " + spec.metric);
  switch (history_->source_of(spec)) {
    case Source::rate:
      return scaled(read_series(each->total, spec, now), History::per_what(spec));
    case Source::error_rate:
      return History::read_share(each->errors, each->total, spec, now);
    case Source::distribution:
      return read_series(each->buckets, spec, now);
    default:
      return Reading::absent(Missing::not_reported, "nobody has recorded " + spec.metric);
  }
}

std::set<std::string> Readings::instances() const {
  std::set<std::string> names;
  for (const auto& [name, instance] : history_->tally.instances()) names.insert(name);
  return names;
}

bool Readings::is_reporting(const std::string& instance) const {
  const auto known = history_->tally.instances().find(instance);
  return known != history_->tally.instances().end() && known->second.reports;
}

std::optional<Instant> Readings::started_at(const std::string& instance) const {
  const auto known = history_->tally.instances().find(instance);
  if (known == history_->tally.instances().end()) return std::nullopt;
  return known->second.started_at;
}

bool Readings::is_busy(const std::string& instance) const {
  const auto known = history_->tally.instances().find(instance);
  return known != history_->tally.instances().end() && agent::is_busy(known->second);
}

std::optional<Throughput> Readings::throughput() const {
  return history_->throughput.per_replica();
}

std::optional<drivers::LongestWork> Readings::longest_work() const {
  std::optional<drivers::LongestWork> longest;
  for (const auto name : drivers::durations_of_work) {
    const auto* all = history_->tally.ever_observed(name);
    if (all == nullptr || all->count() == 0) continue;
    const bool is_open = all->above > 0;
    const double edge =
        std::max(all->highest_edge().value_or(0.0), is_open ? all->above_edge : 0.0);
    const bool was_open = longest && longest->is_open;
    if (!longest || edge > longest->seconds) longest = {std::string{name}, edge};
    longest->is_open = was_open || is_open;
  }
  return longest;
}

std::set<std::string> Readings::metrics() const {
  std::set<std::string> names;
  const auto& kinds = history_->tally.kinds();
  for (const auto& [name, kind] : kinds) names.insert(name);
  const auto add_if = [&names](bool is_there, std::initializer_list<const char*> known) {
    if (is_there) names.insert(known.begin(), known.end());
  };
  add_if(kinds.contains(requests_total), {"request_rate", "requests_per_second", "error_rate"});
  add_if(kinds.contains(process_disk_bytes), {"disk_io"});
  add_if(kinds.contains(process_context_switches), {"context_switches"});
  const auto& host = history_->tally.host();
  add_if(host.cpu_percent.has_value(), {"host_cpu_usage"});
  add_if(host.load_average.has_value(), {"load_average"});
  add_if(host.throttling.has_value(), {"cpu_throttled"});
  add_if(host.network_bytes.has_value(), {"network_io"});
  add_if(host.stalled.cpu_seconds.has_value(), {"cpu_pressure"});
  add_if(host.stalled.memory_seconds.has_value(), {"memory_pressure"});
  add_if(host.stalled.io_seconds.has_value(), {"io_pressure"});
  for (const auto& [name, instance] : history_->tally.instances()) {
    add_if(instance.shows_cpu, {"cpu_usage", "cpu_cores"});
    add_if(instance.memory_bytes.has_value(), {"memory_usage", "memory_bytes"});
    add_if(instance.open_files.has_value(), {"open_files"});
    add_if(instance.threads.has_value(), {"threads"});
  }
  return names;
}

}  // namespace selfscale::agent
