#include "agent/snapshot.hpp"

#include <algorithm>
#include <cmath>

#include "policy/compiled.hpp"

namespace selfscale::agent {
namespace {

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

}  // namespace

Snapshot SnapshotMaker::make(const Policy& policy, const Readings& readings,
                             const Surroundings& now) {
  const auto& compiled = policy.compiled();
  Snapshot snapshot;
  snapshot.at = now.at;
  snapshot.wall_time_seconds = now.wall_time_seconds;
  snapshot.service = policy.service();
  snapshot.platform = counts(readings, now);
  snapshot.instances = instances(readings, now);
  snapshot.shared = now.shared;
  for (auto& instance : snapshot.instances) {
    instance.busy = readings.is_busy(instance.id);
    instance.metrics.resize(compiled.metrics.size());
  }
  snapshot.metrics.resize(compiled.metrics.size());
  for (std::size_t i = 0; i < compiled.metrics.size(); ++i) {
    const auto& spec = compiled.metrics[i];
    if (readings.is_service_level(spec)) {
      snapshot.metrics[i] = readings.read_service(spec, now.at);
      continue;
    }
    for (auto& instance : snapshot.instances) {
      instance.metrics[i] = readings.read(spec, instance.id, now.at);
    }
  }
  return snapshot;
}

PlatformCounts SnapshotMaker::counts(const Readings& readings, const Surroundings& now) {
  PlatformCounts counts;
  if (now.observation) {
    counts.desired_replicas = now.observation->desired;
    counts.current_replicas = now.observation->current;
    counts.ready_replicas = now.observation->ready;
    counts.updating = now.observation->updating;
    last_ = counts;
    return counts;
  }
  if (!now.failure.empty()) {
    counts = last_;
    counts.error = now.failure;
    return counts;
  }
  const auto seen = std::max<std::size_t>(1, readings.instances().size());
  counts.desired_replicas = static_cast<int>(seen);
  counts.current_replicas = counts.desired_replicas;
  return counts;
}

std::vector<Instance> SnapshotMaker::instances(const Readings& readings, const Surroundings& now) {
  std::vector<Instance> instances;
  if (now.observation && !now.observation->replicas.empty()) {
    for (const auto& replica : now.observation->replicas) {
      instances.push_back(listed(replica, now.at));
    }
    note_readiness(instances, now.at);
    return instances;
  }
  for (const auto& name : readings.instances()) instances.emplace_back().id = name;
  return instances;
}

void SnapshotMaker::note_readiness(std::vector<Instance>& instances, Instant at) {
  std::map<std::string, Readiness> seen;
  for (auto& instance : instances) {
    const bool ready = instance.ready == Ready::yes;
    Readiness now{ready, std::nullopt};
    const auto before = readiness_.find(instance.id);
    if (before != readiness_.end()) {
      now.changed_at = before->second.ready == ready ? before->second.changed_at : at;
    }
    instance.ready_changed_at = now.changed_at;
    seen.emplace(instance.id, now);
  }
  readiness_ = std::move(seen);
}

std::vector<std::string> victims(const Snapshot& snapshot) {
  std::vector<const Instance*> candidates;
  for (const auto& instance : snapshot.instances) {
    if (instance.ready == Ready::yes && !instance.deleting) candidates.push_back(&instance);
  }
  std::stable_sort(candidates.begin(), candidates.end(), [](const Instance* a, const Instance* b) {
    if (a->busy != b->busy) return !a->busy;
    return a->started_at > b->started_at;
  });
  std::vector<std::string> names;
  for (const auto* instance : candidates) names.push_back(instance->id);
  return names;
}

}  // namespace selfscale::agent
