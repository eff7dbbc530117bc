#include "agent/switches.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/rfc3339.hpp"

namespace selfscale::agent {
namespace {

std::string yes_or_no(bool value) { return value ? "true" : "false"; }

Switch kill(const Circumstances& now) {
  return {"kill", "kill", yes_or_no(now.killed), now.killed ? "SELFSCALE_KILL" : "", now.killed};
}

/// What a person last said, with the start or since; before anybody did, what was configured.
Switch said_or(std::string_view name, std::string_view no, const fleet::Switches& said,
               const std::optional<Word>& word, bool configured, const std::string& where) {
  const bool is_word_last =
      word && (!said.enabled || word->wall_seconds > said.enabled_at_wall_seconds);
  if (is_word_last) return {name, no, yes_or_no(true), word->by, false, word->wall_seconds};
  if (!said.enabled) return {name, no, yes_or_no(configured), where, !configured};
  return {name,
          no,
          yes_or_no(*said.enabled),
          said.enabled_by,
          !*said.enabled,
          said.enabled_at_wall_seconds};
}

Switch dry_run(const Circumstances& now) {
  const bool on = now.dry_run_by_environment || now.service.dry_run.value_or(false);
  std::string by;
  if (on) by = now.dry_run_by_environment ? "AUTOSCALING_DRY_RUN" : "a person";
  return {"dry_run", "dry_run", yes_or_no(on), by, on};
}

Switch pause(const Circumstances& now) {
  const auto& until = now.service.paused_until_wall_seconds;
  const bool on = now.service.paused && (!until || *until > now.wall_time_seconds);
  return {"paused", "paused", yes_or_no(on), on ? "a person" : "", on};
}

Switch driver(const Circumstances& now) {
  return {"driver", "no_driver", yes_or_no(now.has_driver), "", !now.has_driver};
}

Switch candidate(const Circumstances& now) {
  std::string wrong;
  for (const auto& sentence : now.preflight) wrong += (wrong.empty() ? "" : "; ") + sentence;
  const bool is_no = !now.preflight.empty();
  return {"candidate", "not_candidate", is_no ? wrong : "true",
          is_no ? "the driver's preflight" : "", is_no};
}

Switch leader(const Circumstances& now) {
  return {"leader", "not_leader", yes_or_no(now.leads), "", !now.leads};
}

}  // namespace

std::vector<Switch> read_switches(const Circumstances& now) {
  return {
      kill(now),
      said_or("enabled", "not_enabled", now.global, now.word, now.enabled_by_environment,
              "AUTOSCALING_ENABLED"),
      said_or("policy_enabled", "policy_not_enabled", now.service, now.word, now.enabled_by_policy,
              "the policy's own \"enabled\""),
      dry_run(now),
      pause(now),
      driver(now),
      candidate(now),
      leader(now),
  };
}

const Switch& named(std::string_view name, const std::vector<Switch>& switches) {
  return *std::ranges::find(switches, name, &Switch::name);
}

std::string who_set(const Switch& one) {
  if (one.at_wall_seconds <= 0.0) return one.by;
  return one.by + " at " + to_rfc3339(std::floor(one.at_wall_seconds));
}

Verdict judge(const std::vector<Switch>& switches) noexcept {
  const auto first = std::find_if(switches.begin(), switches.end(),
                                  [](const Switch& each) { return each.says_no; });
  if (first == switches.end()) return {true, {}};
  return {false, first->no};
}

const Switch* forbids_all_writes(const std::vector<Switch>& switches) noexcept {
  const auto found = std::ranges::find_if(switches, [](const Switch& each) {
    return each.says_no && (each.name == "kill" || each.name == "dry_run");
  });
  return found == switches.end() ? nullptr : &*found;
}

/// They are asked first.
bool people_allow(const Verdict& verdict) noexcept {
  const auto& because = verdict.because;
  return verdict.may_act || because == "no_driver" || because == "not_candidate" ||
         because == "not_leader";
}

std::string_view way_to_act(std::string_view because) noexcept {
  constexpr std::pair<std::string_view, std::string_view> ways[] = {
      {"kill", "SELFSCALE_KILL is set: unset it and start again"},
      {"not_enabled",
       "start with --enable, in an app with enable=True, or set AUTOSCALING_ENABLED=true"},
      {"policy_not_enabled",
       "start with --enable, in an app with enable=True, or write \"enabled\": true in the policy"},
      {"dry_run", "a dry run writes nothing: end it, or start without AUTOSCALING_DRY_RUN"},
      {"paused", "a person has paused it: resume it"},
      {"no_driver", "name a platform in the policy, or hand the agent a driver"},
      {"not_candidate", "selfscale status shows what the driver finds wrong"},
      {"not_leader", "another agent of the service leads"},
  };
  const auto* const way =
      std::find_if(std::begin(ways), std::end(ways),
                   [because](const auto& each) { return each.first == because; });
  return way == std::end(ways) ? std::string_view{} : way->second;
}

}  // namespace selfscale::agent
