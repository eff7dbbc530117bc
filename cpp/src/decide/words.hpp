/// Sentences from a decision's numbers. Nothing here decides anything.
#pragma once

#include <selfscale/decision.hpp>
#include <string>
#include <string_view>

#include "policy/compiled.hpp"

namespace selfscale {

/// "85", "0.125", "1250000": at most four significant digits after the point, no exponent.
std::string number_in_words(double number);
/// "2 m 10 s", "250 ms", "1 h".
std::string duration_in_words(Duration duration);
/// "1 replica", "3 replicas".
std::string replicas_in_words(int replicas);

std::string in_words(const CompiledPolicy& policy, const Proposal& proposal);
std::string in_words(const CompiledPolicy& policy, const Adjustment& adjustment);
/// One of a recommendation's alerts.
std::string_view alert_in_words(Code alert);
/// The whole decision in one sentence.
std::string reason_of(const CompiledPolicy& policy, const Decision& decision);

}  // namespace selfscale
