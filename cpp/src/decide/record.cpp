// record(): what was done.
#include <algorithm>
#include <limits>
#include <selfscale/decide.hpp>

#include "model/json.hpp"

namespace selfscale {
namespace {

using Change = DecisionState::Change;

/// When the count changed; a foreign change that was adopted may have no write of ours.
std::optional<Instant> changed_at(const ScalingEvent& event) {
  if (event.accepted_at || event.outcome != Outcome::adopted) return event.accepted_at;
  return event.started_at;
}

constexpr int most = std::numeric_limits<int>::max();

void count(int& events) {
  if (events < most) ++events;
}

int sum(std::int64_t one, std::int64_t other) {
  return static_cast<int>(std::clamp<std::int64_t>(one + other, -most, most));
}

/// A person's change, or somebody else's, is no scaling of ours.
bool is_own(const ScalingEvent& event) {
  return event.outcome != Outcome::adopted && event.trigger != Trigger::manual &&
         event.trigger != Trigger::foreign;
}

/// The two changes that lie closest together become one, as old as the younger: it counts for
/// longer than it should, by less than a 32nd of the time that is kept.
void merge_closest(std::vector<Change>& changes) {
  auto closest = changes.begin() + 1;
  for (auto it = closest; it != changes.end(); ++it) {
    if (it->at - (it - 1)->at < closest->at - (closest - 1)->at) closest = it;
  }
  closest->replicas = sum(closest->replicas, (closest - 1)->replicas);
  closest->events = sum(closest->events, (closest - 1)->events);
  changes.erase(closest - 1);
}

/// A second change by as many at the same instant is the first one told again.
void note_change(std::vector<Change>& changes, Change change) {
  const auto is_before = [](const Change& one, const Change& other) { return one.at < other.at; };
  auto place = std::lower_bound(changes.begin(), changes.end(), change, is_before);
  for (; place != changes.end() && place->at == change.at; ++place) {
    if (place->replicas == change.replicas) return;
  }
  changes.insert(place, change);
  if (changes.size() > DecisionState::most_kept) merge_closest(changes);
}

}  // namespace

void record(DecisionState& state, const ScalingEvent& event) {
  // An empty time is less than any; an event told twice changes nothing.
  const auto at = changed_at(event);
  const bool is_rollback = event.trigger == Trigger::rollback;
  const bool is_latest = at >= std::max(state.last_up, state.last_down);
  if (event.to_replicas > event.from_replicas || is_rollback) {
    state.last_up = std::max(state.last_up, at);  // a rollback freezes the way up for one cooldown
  }
  if (event.to_replicas < event.from_replicas) state.last_down = std::max(state.last_down, at);
  if (at && event.to_replicas != event.from_replicas) {
    if (is_latest) state.scaled_to_zero = event.to_replicas == 0 && is_own(event);
    if (is_own(event)) note_change(state.changes, {*at, event.to_replicas - event.from_replicas});
  }
  if (event.outcome == Outcome::succeeded) count(state.past.succeeded);
  if (event.outcome == Outcome::failed) count(state.past.failed);
}

std::string record_json(std::string_view state, std::string_view event) {
  DecisionState done = done_from_json(state);
  record(done, event_from_json(event));
  return with_done(state, done);
}

}  // namespace selfscale
