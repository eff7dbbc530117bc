/// What stands in a row of the journal, and the line that it becomes in journal.jsonl.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "journal/database.hpp"
#include "journal/journal.hpp"

namespace selfscale::journal {

inline std::int64_t milliseconds(Instant at) { return at.time_since_epoch().count(); }
inline Instant instant(std::int64_t at) { return Instant{Duration{at}}; }

/// From the columns id, service, at, policy_hash, json.
Record record_in(const Query& row);
/// From the columns service, at, desired, current, ready, recommended, metrics.
Evaluation evaluation_in(const Query& row);
/// The column `metrics`: {"cpu_usage": [85.0, 1.0]}, a value (null: missing) and its age.
std::string metrics_text(const std::vector<Evaluation::Value>& metrics);

/// The same JSON without line breaks.
std::string one_line(const std::string& text);
/// A policy's own "service"; empty when it has none.
std::string service_of(const std::string& policy);

/// An object's text with a "kind" put before its other keys.
std::string line(std::string_view kind, const std::string& object);
std::string policy_line(const std::string& hash, const std::string& policy);
std::string line(const Evaluation& evaluation);

}  // namespace selfscale::journal
