// Snapshots: what is read is written as it was, and is decided on.
#include <cmath>

#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

void hold_decision(const Snapshot& snapshot) {
  DecisionState state;
  const Decision decision = decide(the_policy(), snapshot, state);
  hold(decision.to_replicas >= 0, "no count is negative");
  const double confidence = decision.recommendation.confidence;
  hold(confidence >= 0.0 && confidence <= 1.0, "confidence lies between 0 and 1");
  hold(!explain(the_policy(), decision).empty(), "a decision is explained");
  const std::string written = to_json(the_policy(), decision, &state);
  const Decision again = decision_from_json(the_policy(), written);
  hold(to_json(the_policy(), again, &state) == written, "a decision reads back: " + written);
}

void read(std::string_view text) {
  try {
    const Snapshot snapshot = snapshot_from_json(the_policy(), text);
    const std::string written = to_json(the_policy(), snapshot);
    hold(snapshot_from_json(the_policy(), written) == snapshot, "reads back as itself: " + written);
    hold_decision(snapshot);
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
