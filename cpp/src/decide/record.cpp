// record(): what was done.
#include <algorithm>
#include <limits>
#include <selfscale/decide.hpp>

#include "model/json.hpp"

namespace selfscale {
namespace {

/// When the count changed; a foreign change that was adopted may have no write of ours.
std::optional<Instant> changed_at(const ScalingEvent& event) {
  if (event.accepted_at || event.outcome != Outcome::adopted) return event.accepted_at;
  return event.started_at;
}

void count(int& events) {
  if (events < std::numeric_limits<int>::max()) ++events;
}

}  // namespace

void record(DecisionState& state, const ScalingEvent& event) {
  // An empty time is less than any; an event told twice changes nothing.
  const auto at = changed_at(event);
  const bool is_rollback = event.trigger == Trigger::rollback;
  if (event.to_replicas > event.from_replicas || is_rollback) {
    state.last_up = std::max(state.last_up, at);  // a rollback freezes the way up for one cooldown
  }
  if (event.to_replicas < event.from_replicas) state.last_down = std::max(state.last_down, at);
  if (event.outcome == Outcome::succeeded) count(state.past.succeeded);
  if (event.outcome == Outcome::failed) count(state.past.failed);
}

std::string record_json(std::string_view state, std::string_view event) {
  DecisionState done = done_from_json(state);
  record(done, event_from_json(event));
  return with_done(state, done);
}

}  // namespace selfscale
