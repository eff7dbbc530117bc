/// Rule types: one file each, one line each in the table (rule.cpp). A new one is a struct in
/// compiled.hpp, a file here and its line.
#pragma once

#include <functional>
#include <string_view>

#include "policy/compiled.hpp"
#include "policy/reader.hpp"

namespace selfscale {

using RuleKind = decltype(RuleSpec::kind);

/// What a policy says once for all its rules.
struct RuleDefaults {
  int scale_up_by = 1;
  int scale_down_by = 1;
  double tolerance_up = 0.1;
  double tolerance_down = 0.1;
  /// The metric that the text under a key names, beside the rule's own; empty: the key is absent.
  std::function<OtherMetric(Reader& rule, std::string_view key)> other_metric;
};

/// A tolerance of one direction: how far past its target a load may be, as a share of it. Loads end
/// at 0, so 1 on the way down says never.
inline constexpr double largest_tolerance_up = 1000.0;
inline constexpr double largest_tolerance_down = 1.0;

struct RuleType {
  std::string_view name;
  RuleKind (*read)(Reader& reader, const RuleDefaults& defaults);
  void (*write)(const RuleKind& kind, Json& json);
  bool (*can_lower)(const RuleKind& kind);
};

/// nullptr for a type that is not known.
const RuleType* rule_type(std::string_view name) noexcept;
const RuleType& type_of(const RuleKind& kind) noexcept;

/// Reads a rule's `type`. When there is no such rule its problem is noted, and the rule is read on
/// as the one that was probably meant, so that its other mistakes are found; nullptr: there is
/// none.
const RuleType* read_rule_type(Reader& reader);

}  // namespace selfscale
