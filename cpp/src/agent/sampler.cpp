#include "agent/sampler.hpp"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "agent/clock.hpp"
#include "sampling/descriptors.hpp"

namespace selfscale::agent {
namespace {

constexpr std::int64_t silent_after_ms = 5'000;  // processes report at least once a second
constexpr Duration host_rests{100};              // what changes slowly is not looked at more often
constexpr double mebibyte = 1024.0 * 1024.0;

Duration milliseconds(double seconds) {
  return Duration{static_cast<Duration::rep>(seconds * 1000.0)};
}

}  // namespace

Sampler::Sampler()
    : cgroup_{sampling::Cgroup::find()}, pressure_{sampling::Cgroup::find_version_2()} {}

void Sampler::abandon_in_child() noexcept {
  host_.close();
  cgroup_.close();
  pressure_.close();
  processes_.close();
}

Tick Sampler::sample(Instant at, const segment::Segment* segment,
                     std::optional<std::span<const std::byte>> own, const std::string& instance,
                     const std::vector<drivers::Replica>& replicas) {
  Tick tick;
  tick.at = at;
  tick.host = look_at_host(at);
  if (segment == nullptr) {
    if (own) tick.processes.push_back(own_process(*own, instance, at));
  } else {
    auto contents = segment->read();
    for (auto& process : contents.processes) {
      tick.processes.push_back(in_slot(std::move(process), at));
    }
    tick.retired = std::move(contents.retired);
  }
  std::set<std::string> reported;
  for (const auto& process : tick.processes) {
    if (process.alive) reported.insert(process.instance);
  }
  for (const auto& replica : replicas) {
    if (!replica.pid || reported.contains(replica.instance)) continue;
    std::ranges::move(from_outside(replica, at), std::back_inserter(tick.processes));
  }
  processes_.forget_unread();
  return tick;
}

void Sampler::look_at_process(ProcessView& process, Instant now) {
  const auto times = processes_.read(process.pid);
  process.is_hidden = !times;
  if (!times) return;
  const auto age = Duration{boot_milliseconds()} - milliseconds(times->started_seconds);
  process.started_at = now - std::max(age, Duration{0});
  process.cpu_seconds = times->cpu_seconds;
  process.memory_bytes = times->resident_bytes;
  process.threads = times->threads;
  process.open_files = sampling::count_open_files(process.pid);
}

ProcessView Sampler::in_slot(segment::Contents::Process process, Instant now) {
  const auto& slot = process.view;
  ProcessView view;
  view.instance = slot.instance;
  view.pid = slot.pid;
  view.slot = slot.slot;
  view.generation = slot.generation;
  view.alive = slot.alive;
  view.has_thread = slot.heartbeat_ms != 0;
  view.reports = boot_milliseconds() - slot.heartbeat_ms < silent_after_ms;
  view.ready = slot.is_ready();
  view.draining = slot.draining;
  view.entries = std::move(process.entries);
  if (view.alive) look_at_process(view, now);
  return view;
}

/// What was started, and what that has started: a shell's program, a server's workers.
std::vector<ProcessView> Sampler::from_outside(const drivers::Replica& replica, Instant now) {
  std::vector<ProcessView> views;
  for (const auto& process : sampling::process_tree(*replica.pid)) {
    auto& view = views.emplace_back();
    view.instance = replica.instance;
    view.pid = process.pid;
    view.waits = process.has_children;
    view.ready = replica.ready;
    view.draining = replica.deleting;
    look_at_process(view, now);
  }
  return views;
}

/// Without a segment: as if it stood in a slot of its own.
ProcessView Sampler::own_process(std::span<const std::byte> metrics, const std::string& instance,
                                 Instant now) {
  ProcessView view;
  view.instance = instance;
  view.pid = ::getpid();
  view.slot = 1;
  view.entries = metrics::read(metrics);
  look_at_process(view, now);
  return view;
}

void Sampler::look_at_host_cpu() {
  const auto before = std::exchange(host_cpu_, host_.read_cpu());
  if (!before || !host_cpu_) return host_cpu_percent_.reset();
  const double total = host_cpu_->total_seconds - before->total_seconds;
  const double busy = host_cpu_->busy_seconds - before->busy_seconds;
  // No tick of the kernel's clock since then: what was seen last holds. Times step back when a
  // processor goes offline.
  if (total > 0.0) host_cpu_percent_ = 100.0 * std::clamp(busy / total, 0.0, 1.0);
}

HostView Sampler::look_at_host(Instant now) {
  if (!looked_around_ || now - *looked_around_ >= host_rests) {
    looked_around_ = now;
    look_around();
  }
  HostView host = around_;
  if (const auto cpu = cgroup_.read_cpu()) {
    host.cpu_limit_cores = cpu->limit_cores;
    host.cpu_limit_level = cpu->level;
    host.group_cpu_seconds = cpu->used_seconds;
    host.throttling = cpu->throttling;
  }
  return host;
}

void Sampler::look_around() {
  look_at_host_cpu();
  around_ = {};
  around_.cores = sampling::count_cores();
  around_.cpu_percent = host_cpu_percent_;
  around_.load_average = host_.read_load_average();
  around_.network_bytes = host_.read_network_bytes();
  around_.stalled = pressure_.read(buffer_);
  available_mb_.reset();
  if (const auto memory = host_.read_memory()) {
    around_.memory_bytes = memory->total_bytes;
    available_mb_ = memory->available_bytes / mebibyte;
  }
  if (const auto memory = cgroup_.read_memory()) {
    around_.memory_limit_bytes = memory->limit_bytes;
    around_.group_memory_bytes = memory->used_bytes;
    const double left = std::max(0.0, memory->limit_bytes - memory->used_bytes) / mebibyte;
    available_mb_ = std::min(available_mb_.value_or(left), left);
  }
}

}  // namespace selfscale::agent
