/// The JSON that an evaluation leaves behind: its DecisionRecord, and what is published of it.
#pragma once

#include <optional>
#include <selfscale/decide.hpp>
#include <string>
#include <string_view>

#include "agent/circuit.hpp"
#include "agent/switches.hpp"
#include "agent/totals.hpp"
#include "journal/journal.hpp"

namespace selfscale::agent {

/// The version of this library, which replay is exact for.
std::string_view core_version() noexcept;

/// One evaluation, as far as it is written down.
struct Evaluated {
  const Policy& policy;
  const Snapshot& snapshot;
  const DecisionState& state_before;
  const Decision& decision;
  Verdict verdict;
};

std::string decision_record_json(const std::string& id, const Evaluated& evaluated);

/// How long a platform asks not to be looked at.
struct Wait {
  Instant until{};
  Failure failure;  ///< in which it says so
};

/// What everybody reads: the decision with what became of it. `event` is the one under way.
struct Published {
  const Policy& policy;
  const Snapshot& snapshot;
  bool is_counted = true;  ///< false: nobody says how many replicas there are
  const Decision& decision;
  Verdict verdict;
  std::string enabled_by;
  bool paused = false;
  bool dry_run = false;
  std::string decision_id;
  const ScalingEvent* event = nullptr;
  Circuit circuit;
  std::optional<Wait> wait;
  int events_last_hour = 0;  ///< of this service, for the guardrail that counts all services'
  std::string note;          ///< the platform's, for people
  std::string failure;       ///< why what was asked for does not come about, in its words
  std::string hold;          ///< why no count is to be set now, in its words
  const Totals& totals;
};
std::string published_json(const Published& what);
/// How long ago it was published, in seconds: by the boot clock of this host where it was published
/// here, else by the wall clocks of both. Infinite: it is no such text.
double age_of(const std::string& published, std::int64_t boot_ms);
/// The same for people: with its age in seconds, and without totals.
std::string with_age(const std::string& published, std::int64_t boot_ms);

/// One row of the journal.
journal::Evaluation evaluation_row(const Policy& policy, const Snapshot& snapshot,
                                   const Decision& decision);
/// The values that the rules saw, by metric.
std::vector<std::pair<std::string, double>> values_seen(const Policy& policy,
                                                        const Decision& decision);
/// Anything but a value: worth a record of its own.
bool differs(const Decision& a, const Decision& b) noexcept;

}  // namespace selfscale::agent
