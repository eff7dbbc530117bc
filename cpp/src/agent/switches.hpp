/// May it act? The truth table of everything that can say no, and who said it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/fleet.hpp"

namespace selfscale::agent {

/// `enable` with the start: a person's word for all services and for this one, of this run alone.
struct Word {
  std::string by;
  double wall_seconds = 0.0;  ///< when it was given
};

/// All that counts, as it stands at one evaluation.
struct Circumstances {
  bool killed = false;                  ///< SELFSCALE_KILL
  std::optional<Word> word;             ///< a later word of people's goes before it
  fleet::Switches global;               ///< what people have said of all services; `enabled` counts
  bool enabled_by_environment = false;  ///< AUTOSCALING_ENABLED: before anybody spoke
  fleet::Switches service;              ///< what people have said of this one
  bool enabled_by_policy = false;       ///< before anybody spoke
  bool dry_run_by_environment = false;  ///< AUTOSCALING_DRY_RUN: cannot be lifted at run time
  double wall_time_seconds = 0.0;       ///< a pause ends by it
  bool has_driver = false;
  std::vector<std::string> preflight;  ///< what the driver found wrong
  bool leads = false;
};

/// One switch: how it stands, who set it, whether it says no.
struct Switch {
  std::string_view name;
  std::string_view no;  ///< what its "no" is called
  std::string value;
  std::string by;
  bool says_no = false;
  double at_wall_seconds = 0.0;  ///< when a person set it; 0: none did, or nobody knows
};
/// "AUTOSCALING_ENABLED", "api at 2026-01-19T10:30:00Z".
std::string who_set(const Switch& one);

/// Its rows, in the order in which they are asked.
std::vector<Switch> read_switches(const Circumstances& now);
/// The one of that name, which is among them.
const Switch& named(std::string_view name, const std::vector<Switch>& switches);

struct Verdict {
  bool may_act = false;
  /// The first that says no: kill, not_enabled, policy_not_enabled, dry_run, paused, no_driver,
  /// not_candidate, not_leader; empty: none.
  std::string_view because;
};
Verdict judge(const std::vector<Switch>& switches) noexcept;
/// The one by which nothing at all is written, not even what gives something back; null: none.
const Switch* forbids_all_writes(const std::vector<Switch>& switches) noexcept;
/// Does no person's word and no setting say no, whatever the driver says and whoever leads?
bool people_allow(const Verdict& verdict) noexcept;

/// What lets it act where `because` does not, for people.
std::string_view way_to_act(std::string_view because) noexcept;

}  // namespace selfscale::agent
