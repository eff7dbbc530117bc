// Expressions: what parses leaves one value, which is a number from 0 or missing, whatever its
// metrics are.
#include <array>
#include <cmath>

#include "decide/expression.hpp"
#include "invariants.hpp"
#include "policy/expression.hpp"

namespace selfscale::fuzz {
namespace {

constexpr std::array<double, 7> values{0.0, 1.0, 3.5, 5e-324, 1e-9, 1e154, 1.7976931348623157e308};

/// Never more in hand than a stack has, and one value in the end.
void hold_postfix(const ParsedExpression& parsed) {
  int in_hand = 0;
  for (const Operation& operation : parsed.operations) {
    if (operation.kind == Operation::Kind::negate) continue;
    const bool pushes =
        operation.kind == Operation::Kind::number || operation.kind == Operation::Kind::metric;
    in_hand += pushes ? 1 : -1;
    hold(in_hand >= 1 && in_hand <= deepest_expression, "an operation has its operands");
  }
  hold(in_hand == 1, "one value is left");
}

CompiledPolicy policy_of(const ParsedExpression& parsed, std::string_view text) {
  CompiledPolicy policy;
  policy.metrics.resize(parsed.names.size() + 1);  // the operands, then the result
  policy.expressions.push_back(
      {std::string{text}, static_cast<int>(parsed.names.size()), parsed.operations});
  return policy;
}

void hold_values(const CompiledPolicy& policy) {
  const std::size_t operands = policy.metrics.size() - 1;
  for (std::size_t round = 0; round <= values.size(); ++round) {
    Snapshot snapshot;
    for (std::size_t i = 0; i < operands; ++i) {
      snapshot.metrics.emplace_back(Reading::of(values[(i + round) % values.size()]));
    }
    const bool lacks_one = round == values.size() && operands > 0;
    if (lacks_one) snapshot.metrics.back() = Reading::absent(Missing::timed_out);
    const Reading reading = evaluate(policy.expressions.front(), Situation{policy, snapshot});
    hold(reading.is_missing() || (std::isfinite(reading.value) && reading.value >= 0.0),
         "a value is a number from 0, or missing");
    hold(!lacks_one || reading.missing == Missing::timed_out, "what lacks an operand is missing");
  }
}

void parse(std::string_view text) {
  const ParsedExpression parsed = parse_expression(text);
  if (parsed.error) {
    hold(parsed.error->position <= text.size(), "a mistake lies in the text");
    return hold(!parsed.error->message.empty(), "a mistake has a message");
  }
  hold_postfix(parsed);
  hold_values(policy_of(parsed, text));
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::parse(selfscale::fuzz::text_of(data, size));
  return 0;
}
