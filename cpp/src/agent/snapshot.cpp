#include "agent/snapshot.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "agent/published.hpp"
#include "policy/compiled.hpp"

namespace selfscale::agent {
namespace {

constexpr auto nobody_says =
    "how many replicas there are is not known: no platform says it, and none reports on this host";

Instance listed(const drivers::Replica& replica, Instant at) {
  Instance instance;
  instance.id = replica.instance;
  instance.ready = replica.ready ? Ready::yes : Ready::no;
  instance.deleting = replica.deleting;
  if (replica.started_seconds_ago) {
    const auto ago = std::llround(*replica.started_seconds_ago * 1000.0);
    instance.started_at = at - Duration{ago};
  }
  return instance;
}

bool names_replicas(const Surroundings& now) {
  return now.observation && !now.observation->replicas.empty();
}

std::vector<Instance> named_by_platform(const Surroundings& now) {
  std::vector<Instance> instances;
  for (const auto& replica : now.observation->replicas) {
    instances.push_back(listed(replica, now.at));
  }
  return instances;
}

/// Who reports from inside can serve, for all we know.
std::vector<Instance> seen_from_inside(const Readings& readings) {
  std::vector<Instance> instances;
  for (const auto& name : readings.instances()) {
    auto& instance = instances.emplace_back();
    instance.id = name;
    instance.started_at = readings.started_at(name);
    instance.ready = readings.is_reporting(name) ? Ready::yes : Ready::unknown;
  }
  return instances;
}

/// Replicas that exist, and that nobody names or hears of: so that they count as silent.
void add_silent(std::vector<Instance>& instances, const PlatformCounts& platform) {
  const int exist = platform.current_replicas;
  const int silent = exist - static_cast<int>(instances.size());
  if (silent <= 0) return;
  const auto unready = std::ranges::count(instances, Ready::no, &Instance::ready);
  const int not_ready = exist - platform.ready_replicas.value_or(exist) - static_cast<int>(unready);
  const int pending = std::clamp(not_ready, 0, silent);
  for (int number = 1; number <= silent; ++number) {
    auto& instance = instances.emplace_back();
    instance.id = "silent-" + std::to_string(number);
    if (number <= silent - pending) continue;
    instance.phase = Phase::pending;
    instance.ready = Ready::no;
    instance.started_at.reset();
  }
}

std::set<std::string> reporters(const Readings& readings) {
  auto names = readings.instances();
  std::erase_if(names, [&](const std::string& name) { return !readings.is_reporting(name); });
  return names;
}

/// A sum over the replicas that leaves some out would have a busy service made smaller. Empty: none
/// is left out.
std::optional<Reading> why_no_sum(const Readings& readings, const PlatformCounts& platform,
                                  const Surroundings& now) {
  if (!names_replicas(now) && !now.others_report_elsewhere) return std::nullopt;
  const auto heard = static_cast<int>(reporters(readings).size());
  const int serving = platform.ready_replicas.value_or(platform.current_replicas);
  if (heard >= serving) return std::nullopt;
  return Reading::absent(Missing::not_reported,
                         "of " + std::to_string(serving) + " replicas that serve " +
                             std::to_string(heard) + " can be heard here, and a sum needs all");
}

/// The only one that reports, where it is none of the replicas that the platform names, or the
/// platform names none: an agent beside the workers, say. What it counts for the service nobody
/// else will ever report.
std::optional<std::string> sole_reporter(const std::vector<Instance>& instances,
                                         const Readings& readings, const Surroundings& now) {
  const bool are_named = names_replicas(now);
  if (!are_named && now.others_report_elsewhere) return std::nullopt;
  const auto names = reporters(readings);
  if (names.size() != 1) return std::nullopt;
  const auto& sole = *names.begin();
  const bool is_listed = std::ranges::find(instances, sole, &Instance::id) != instances.end();
  const bool is_beside = are_named ? !is_listed : instances.size() > 1;
  return is_beside ? std::optional{sole} : std::nullopt;
}

/// Empty where there is no count: what is published may be another version's.
std::optional<int> count_at(const nlohmann::json& value,
                            const nlohmann::json::json_pointer& pointer) {
  constexpr std::int64_t most = 1'000'000;
  if (!value.contains(pointer) || !value[pointer].is_number_integer()) return std::nullopt;
  const auto count = value[pointer].get<std::int64_t>();
  if (count < 0 || count > most) return std::nullopt;
  return static_cast<int>(count);
}

}  // namespace

Snapshot SnapshotMaker::make(const Policy& policy, const Readings& readings,
                             const Surroundings& now) {
  const auto& compiled = policy.compiled();
  Snapshot snapshot;
  snapshot.at = now.at;
  snapshot.wall_time_seconds = now.wall_time_seconds;
  snapshot.service = policy.service();
  snapshot.platform = counts(readings, now);
  snapshot.instances = names_replicas(now) ? named_by_platform(now) : seen_from_inside(readings);
  note_readiness(snapshot.instances, now.at);
  const auto heard_of = snapshot.instances.size();
  add_silent(snapshot.instances, snapshot.platform);
  snapshot.shared = now.shared;
  snapshot.estimates = now.estimates;
  snapshot.can_be_woken = std::ranges::find(snapshot.instances, now.own_instance, &Instance::id) ==
                          snapshot.instances.end();
  for (auto& instance : snapshot.instances) {
    instance.busy = readings.is_busy(instance.id);
    instance.metrics.resize(compiled.metrics.size());
  }
  snapshot.metrics.resize(compiled.metrics.size());
  const auto sole = sole_reporter(snapshot.instances, readings, now);
  const auto no_sum = sole ? std::nullopt : why_no_sum(readings, snapshot.platform, now);
  for (std::size_t i = 0; i < compiled.metrics.size(); ++i) {
    const auto& spec = compiled.metrics[i];
    if (spec.is_computed()) continue;
    if (no_sum && readings.is_sum(spec)) {
      snapshot.metrics[i] = *no_sum;
    } else if (readings.is_service_level(spec)) {
      snapshot.metrics[i] = readings.read_service(spec, now.at);
    } else if (sole && readings.may_be_of_service(spec)) {
      snapshot.metrics[i] = readings.read(spec, *sole, now.at);
    } else {
      // Of the silent ones it is known what a replica has asked for, and where they may report.
      const bool tells_of_silent = spec.of == Of::request || now.others_report_elsewhere;
      const auto told = tells_of_silent ? snapshot.instances.size() : heard_of;
      for (auto& instance : std::span{snapshot.instances}.first(told)) {
        instance.metrics[i] = readings.read(spec, instance.id, now.at);
      }
    }
  }
  return snapshot;
}

PlatformCounts SnapshotMaker::counts(const Readings& readings, const Surroundings& now) {
  PlatformCounts counts;
  has_counted_ = true;
  if (now.observation) {
    counts.desired_replicas = now.observation->desired;
    counts.current_replicas = now.observation->current;
    counts.ready_replicas = now.observation->ready;
    counts.updating = now.observation->updating;
    last_ = counts;
    return counts;
  }
  if (!now.failure.empty() && last_) {
    counts = *last_;
    counts.error = now.failure;
    return counts;
  }
  const int own = now.is_replica ? 1 : 0;
  const int heard = std::max(own, static_cast<int>(readings.instances().size()));
  const int seen = now.others_report_elsewhere ? 0 : heard;
  has_counted_ = seen > 0;
  counts.desired_replicas = seen;
  counts.current_replicas = seen;
  counts.error = has_counted_ || !now.failure.empty() ? now.failure : nobody_says;
  return counts;
}

/// Of one that was so when first looked at it is known only since when it may have been.
void SnapshotMaker::note_readiness(std::vector<Instance>& instances, Instant at) {
  std::map<std::string, Readiness> seen;
  for (auto& instance : instances) {
    const bool ready = instance.ready == Ready::yes;
    Readiness now{ready, instance.started_at};
    const auto before = readiness_.find(instance.id);
    if (before == readiness_.end()) {
      if (ready && has_looked_) now.changed_at = at;
    } else {
      now.changed_at = before->second.ready == ready ? before->second.changed_at : at;
    }
    instance.ready_changed_at = now.changed_at;
    seen.emplace(instance.id, now);
  }
  readiness_ = std::move(seen);
  has_looked_ = true;
}

void add_other_service(const Policy& own, const Policy& other, std::string_view published,
                       Shared& shared) {
  const auto value = parse_published(published);
  const auto replicas = count_at(value, nlohmann::json::json_pointer{"/replicas/current"});
  if (!replicas) return;
  shared.other_replicas = shared.other_replicas.value_or(0) + *replicas;
  const auto events = count_at(value, nlohmann::json::json_pointer{"/eventsLastHour"});
  shared.other_events_last_hour += events.value_or(0);
  const auto& budgets = own.compiled().uses;
  shared.budgets_used.resize(budgets.size());
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    for (const BudgetUse& use : other.compiled().uses) {
      if (use.budget.name != budgets[i].budget.name) continue;
      shared.budgets_used[i] = shared.budgets_used[i].value_or(0.0) + use.per_replica * *replicas;
    }
  }
}

std::uint64_t count_refused(const Snapshot& snapshot) {
  std::uint64_t count = 0;
  const auto look_at = [&count](const std::vector<std::optional<Reading>>& readings) {
    for (const auto& each : readings) count += each && each->missing == Missing::refused ? 1 : 0;
  };
  look_at(snapshot.metrics);
  for (const auto& instance : snapshot.instances) look_at(instance.metrics);
  return count;
}

std::vector<std::string> victims(const Snapshot& snapshot, const std::string& own) {
  std::vector<const Instance*> candidates;
  for (const auto& instance : snapshot.instances) {
    if (instance.ready == Ready::yes && !instance.deleting) candidates.push_back(&instance);
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&own](const Instance* a, const Instance* b) {
                     if ((a->id == own) != (b->id == own)) return b->id == own;
                     if (a->busy != b->busy) return !a->busy;
                     return a->started_at > b->started_at;
                   });
  std::vector<std::string> names;
  for (const auto* instance : candidates) names.push_back(instance->id);
  return names;
}

std::vector<std::string> victims_of_rollback(const std::vector<drivers::Replica>& seen,
                                             const std::vector<std::string>& may_go,
                                             const std::string& own) {
  std::vector<std::string> names;
  std::vector<std::string> new_ones;
  for (const auto& replica : seen) {
    if (replica.instance.empty() || replica.deleting) continue;
    const bool is_known = std::ranges::find(may_go, replica.instance) != may_go.end();
    if (!replica.ready) {
      names.push_back(replica.instance);
    } else if (!is_known) {
      new_ones.push_back(replica.instance);
    }
  }
  std::ranges::move(new_ones, std::back_inserter(names));
  for (const auto& name : may_go) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  if (std::erase(names, own) > 0) names.push_back(own);
  return names;
}

}  // namespace selfscale::agent
