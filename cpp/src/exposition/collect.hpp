/// From what the processes of an instance have recorded to families under their exposed names.
///
/// Counters and distributions are sums over living and ended processes, so that they never go
/// backwards; gauges are sums over living ones. Where a metric of selfscale's own
/// (`requests_total`) is recorded both as a total and by labels, the labelled series are exposed:
/// each thing once.
#pragma once

#include <vector>

#include "exposition/family.hpp"
#include "metrics/registry.hpp"

namespace selfscale::exposition {

struct Sources {
  std::vector<std::vector<metrics::Entry>> living;  ///< by process
  std::vector<std::vector<metrics::Entry>> ended;   ///< of dead processes, and sums of those gone
  std::vector<Family> others;                       ///< exposed as they are
};

/// In the order of their names; of two families whose samples would have one name, the later by
/// kind (counter, gauge, histogram) has its kind appended.
std::vector<Family> collect(const Sources& sources);

}  // namespace selfscale::exposition
