// Policy documents: whatever the text, every problem and hint has its place in it, and what is
// accepted reads back as itself.
#include "invariants.hpp"
#include "policy/compiled.hpp"
#include "policy/reader.hpp"

namespace selfscale::fuzz {
namespace {

void hold_places(const std::vector<Problem>& problems, std::string_view text) {
  Findings findings;
  const Json document = parse_document(text, findings);
  for (const Problem& problem : problems) {
    hold(!problem.message.empty(), "a problem has a message");
    hold(is_utf8(problem.pointer + problem.value + problem.message), "a problem is UTF-8");
    // Of a text that is no document, or says a thing twice, no value is left to point at.
    hold(!findings.problems.empty() || leads_into(document, problem.pointer),
         "a problem has a pointer into the document: " + problem.pointer + ": " + problem.message);
  }
}

void hold_normal_form(const Policy& policy) {
  const Policy again = load_policies(policy.to_json()).policies.front();
  hold(again.to_json() == policy.to_json(), "reads back as itself: " + policy.to_json());
  hold(again.hash() == policy.hash(), "has the same hash again");
  const auto& rules = policy.compiled().rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    hold(again.compiled().rules[i].definition == rules[i].definition, "a rule has its fingerprint");
  }
}

void load(std::string_view text) {
  try {
    const PolicyDocument document = load_policies(text);
    hold(!document.policies.empty(), "a document has a policy");
    hold_places(document.hints, text);
    for (const Policy& policy : document.policies) hold_normal_form(policy);
  } catch (const PolicyError& error) {
    hold(!error.problems().empty(), "a refusal has a problem");
    hold_places(error.problems(), text);
  }
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::load(selfscale::fuzz::text_of(data, size));
  return 0;
}
