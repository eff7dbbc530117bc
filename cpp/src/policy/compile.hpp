/// One entry of `policies`, read and compiled.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/compiled.hpp"
#include "policy/reader.hpp"

namespace selfscale {

/// The document's keys that hold for each of its policies.
struct DocumentKeys {
  std::string timezone;
  std::optional<int> max_total_replicas;
  std::optional<double> min_available_memory_mb;
  std::optional<int> max_scale_events_per_hour;
  std::vector<Budget> budgets;
  std::vector<AlertSpec> alerts;
};

/// What is wrong goes to the reader's findings; the result is then incomplete.
CompiledPolicy compile_policy(Reader& reader, const DocumentKeys& document);

}  // namespace selfscale
