// Scaling events: what is read is written as it was, and is recorded.
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

void read(std::string_view text) {
  try {
    const ScalingEvent event = event_from_json(text);
    const std::string written = to_json(event);
    hold(event_from_json(written) == event, "reads back as itself: " + written);

    DecisionState state;
    record(state, event);
    const std::string recorded = record_json("{}", written);
    hold(state_from_json(the_policy(), recorded).changes == state.changes,
         "an event means the same with the policy and without");
    hold(record_json(recorded, written) == recorded || event.outcome == Outcome::succeeded ||
             event.outcome == Outcome::failed,
         "told twice it changes nothing but the count of how scaling went");
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
