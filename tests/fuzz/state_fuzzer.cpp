// States: what loads is written as it was, stays small, and takes decisions and events as they
// come.
#include "invariants.hpp"
#include "policy/compiled.hpp"

namespace selfscale::fuzz {
namespace {

constexpr std::size_t largest = 8 * 1024;

/// A service under load, a minute after the state's last decision.
Snapshot snapshot_after(const DecisionState& state) {
  Snapshot snapshot;
  snapshot.at = state.at + std::chrono::minutes{1};
  snapshot.wall_time_seconds = static_cast<double>(snapshot.at.time_since_epoch().count()) / 1e3;
  snapshot.service = the_policy().service();
  snapshot.platform = {4, 4, 4, false, {}};
  for (const MetricSpec& metric : the_policy().compiled().metrics) {
    snapshot.metrics.emplace_back(Reading::of(metric.is_computed() ? 0.0 : 80.0));
  }
  return snapshot;
}

ScalingEvent event_after(const DecisionState& state) {
  ScalingEvent event;
  event.service = the_policy().service();
  event.started_at = state.at;
  event.accepted_at = state.at;
  event.from_replicas = 4;
  event.to_replicas = 6;
  return event;
}

void read(std::string_view text) {
  try {
    DecisionState state = state_from_json(the_policy(), text);
    const std::string written = to_json(the_policy(), state);
    hold(state_from_json(the_policy(), written) == state, "reads back as itself: " + written);

    const ScalingEvent event = event_after(state);
    DecisionState recorded = state;
    record(recorded, event);
    hold(state_from_json(the_policy(), record_json(text, to_json(event))) == recorded,
         "an event means the same with the policy and without");

    const Decision decision = decide(the_policy(), snapshot_after(state), state);
    hold(!reason(the_policy(), decision).empty(), "a decision has a reason");
    hold(to_json(the_policy(), state).size() < largest, "a state is under 8 KiB");
  } catch (const Error& error) {
    hold_refusal(error, text);
  }
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
