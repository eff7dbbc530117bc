// Decisions: what is read is written the same each time, and can be said in words.
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

void read(std::string_view text) {
  try {
    const Decision decision = decision_from_json(the_policy(), text);
    const std::string written = to_json(the_policy(), decision);
    const Decision again = decision_from_json(the_policy(), written);
    hold(to_json(the_policy(), again) == written, "is written the same again: " + written);
    hold(!reason(the_policy(), decision).empty(), "a decision has a reason");
    hold(is_utf8(explain(the_policy(), decision)), "an explanation is UTF-8");
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
