/// The names under which recorded metrics are exposed: Prometheus' conventions, and OpenTelemetry's
/// semantic conventions in Prometheus' spelling beside them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "exposition/family.hpp"
#include "metrics/registry.hpp"

namespace selfscale::exposition {

/// One name of a metric that selfscale itself records.
struct Name {
  std::string_view recorded;  ///< the name that policies know
  metrics::Kind kind;
  std::string_view family;  ///< empty: not exposed
  std::string_view help;
  std::string_view unit;
  double per_unit = 1.0;  ///< recorded units in one exposed one
  std::string_view route_label = "handler";
  std::string_view method_label = "method";
};

/// All names that have this metric; none: it is the app's own.
std::span<const Name> names_of(std::string_view recorded, metrics::Kind kind) noexcept;

/// Of an app's own metric: what a name may not contain becomes `_`, a counter's `_total` goes.
std::string family_name(std::string_view recorded, metrics::Kind kind);
/// The unit in which a family's name ends, "seconds" or "bytes" and the like, or nothing.
std::string_view unit_of(std::string_view family) noexcept;

/// Labels from their text ("route=/users/{id},method=GET"), valid and in the order of their names.
/// A comma that no `name=` follows belongs to the value. Values are UTF-8; what is not becomes
/// U+FFFD. Two labels that come to one name share it, as "first;second".
Labels labels_in(std::string_view text);
/// Gives a label another name.
void rename(Labels& labels, std::string_view from, std::string_view to);

}  // namespace selfscale::exposition
