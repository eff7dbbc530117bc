/// Expressions over metrics: "due / busy_workers", "max(queued, 10 * failed)".
///
///     expression = term {("+" | "-") term}
///     term       = factor {("*" | "/") factor}
///     factor     = number | name | "-" factor | "(" expression ")"
///                | ("min" | "max") "(" expression "," expression {"," expression} ")"
///
/// A name begins with a letter or an underscore; letters, digits, underscores, dots and colons
/// follow.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/compiled.hpp"
#include "policy/reader.hpp"

namespace selfscale {

struct SyntaxError {
  std::size_t position = 0;  ///< characters before the mistake
  std::string message;       ///< what would be right
};

struct ParsedExpression {
  std::vector<Operation> operations;  ///< a metric is an index into `names`
  std::vector<std::string> names;     ///< each once, in the order in which they appear
  std::optional<SyntaxError> error;   ///< the rest means nothing then
};

/// Any text is answered; nesting deeper than `deepest_expression` is an error.
ParsedExpression parse_expression(std::string_view text);

/// Compiles the `value` of every entry of `metrics` that has one into the policy's expressions, in
/// an order in which each comes after those it is computed from. Metrics that expressions name and
/// the policy does not list are added.
void read_expressions(Reader& reader, CompiledPolicy& policy);

}  // namespace selfscale
