#include "agent/candidacy.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/clock.hpp"
#include "agent/house.hpp"
#include "agent/steering.hpp"
#include "model/json/document.hpp"
#include "model/json/shallow.hpp"
#include "policy/compiled.hpp"

namespace selfscale::agent {
namespace {

using json = nlohmann::ordered_json;

constexpr std::int64_t silent_ms = 10'000;

json word_json(const std::optional<Word>& word) {
  if (!word) return nullptr;
  return {{"by", word->by}, {"at", word->wall_seconds}};
}

/// How many findings found no room.
struct LeftOut {
  int wrong = 0;
  int warnings = 0;
};

std::string text_of(const Candidacy& candidacy, const LeftOut& left_out) {
  const json all{{"process", candidacy.process},
                 {"role", candidacy.role},
                 {"killed", candidacy.killed},
                 {"word", word_json(candidacy.word)},
                 {"enabled", candidacy.enabled_by_environment},
                 {"policyEnabled", candidacy.enabled_by_policy},
                 {"dryRun", candidacy.dry_run_by_environment},
                 {"hasDriver", candidacy.has_driver},
                 {"canTellOfWork", candidacy.can_tell_of_work},
                 {"wrong", as_json(candidacy.wrong)},
                 {"warnings", as_json(candidacy.warnings)},
                 {"leftOut", left_out.wrong},
                 {"warningsLeftOut", left_out.warnings}};
  return all.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool is_set(const json& said, std::string_view key) { return at(said, key) == json(true); }

std::vector<Finding> findings_in(const json& list) {
  std::vector<Finding> all;
  if (!list.is_array()) return all;
  for (const auto& each : list) {
    auto what = text(at(each, "what"));
    if (!what.empty()) all.emplace_back(what, text(at(each, "why")), text(at(each, "paste")));
  }
  return all;
}

void add_left_out(std::vector<Finding>& findings, const json& number) {
  const auto left_out = count(number, 0).value_or(0);
  if (left_out == 0) return;
  findings.emplace_back(std::to_string(left_out) + " more findings of it found no room here",
                        "its log has each when it begins",
                        "selfscale doctor   # by its user, with its environment: says them all");
}

std::optional<Word> word_in(const json& said) {
  const auto& at_seconds = at(said, "at");
  if (!at_seconds.is_number()) return std::nullopt;
  return Word{text(at(said, "by")), at_seconds.get<double>()};
}

/// What is said of whoever is asked, too, goes; how many did.
std::size_t leave_out(std::vector<Finding>& findings, const std::vector<Finding>& said) {
  return std::erase_if(findings, [&said](const Finding& each) {
    return std::ranges::find(said, each.what, &Finding::what) != said.end();
  });
}

std::vector<Finding> all_of(const Candidacy& own, const Said& said) {
  auto all = switches_against(own, said);
  for (const auto* more : {&own.wrong, &own.warnings})
    std::ranges::copy(*more, std::back_inserter(all));
  return all;
}

Finding the_same() {
  return {"what is wrong with whoever was asked is wrong with it, too",
          "it could not take the other's place", "selfscale doctor   # again, once that is mended"};
}

Finding silent(std::int64_t for_ms, pid_t pid) {
  return {"it has reported nothing for " + std::to_string(for_ms / 1000) + " s",
          "it hangs or was stopped, and what it says here is of then",
          "kill -CONT " + (pid > 0 ? std::to_string(pid) : "PID") +
              "   # goes on where it was stopped; one that hangs is to be started again"};
}

/// What turns a switch that says no, where somebody can.
std::string line_for(const Switch& one) {
  const bool is_by_person = one.at_wall_seconds > 0.0;
  if (one.name == "kill") return "unset SELFSCALE_KILL   # where the agent is started";
  if (one.name == "enabled") {
    return is_by_person ? "selfscale enable   # tells the agent that runs; --enable starts it so"
                        : "AUTOSCALING_ENABLED=true   # where the agent is started; of one that "
                          "runs: selfscale enable";
  }
  if (one.name == "policy_enabled") {
    return is_by_person
               ? "selfscale enable SERVICE   # tells the agent that runs; --enable starts it so"
               : "\"enabled\": true   # in the policy; of one that runs: selfscale enable SERVICE";
  }
  if (one.name == "dry_run") return "unset AUTOSCALING_DRY_RUN   # where the agent is started";
  if (one.name == "paused") return "selfscale resume   # tells the agent that runs";
  if (one.name == "driver") {
    return R"("platform": {"driver": "…"}   # in the policy; docs/drivers/README.md)";
  }
  return {};
}

Peer peer(const segment::Told& told, Candidacy its, const Said& said) {
  auto warnings = switches_against(its, said);
  std::ranges::move(its.warnings, std::back_inserter(warnings));
  return {its.process,          told.pid,           told.instance, its.role,
          std::move(its.wrong), std::move(warnings)};
}

}  // namespace

json as_json(const Finding& finding) {
  return {{"what", finding.what}, {"why", finding.why}, {"paste", finding.paste}};
}

json as_json(const std::vector<Finding>& findings) {
  json list = json::array();
  for (const auto& each : findings) list.push_back(as_json(each));
  return list;
}

json as_json(const std::vector<Peer>& peers) {
  json list = json::array();
  for (const auto& each : peers) {
    list.push_back({{"process", each.process},
                    {"pid", each.pid},
                    {"instance", each.instance},
                    {"role", each.role},
                    {"wrong", as_json(each.wrong)},
                    {"warnings", as_json(each.warnings)}});
  }
  return list;
}

std::string to_json(Candidacy candidacy, std::size_t most) {
  LeftOut left_out;
  auto text = text_of(candidacy, left_out);
  while (text.size() > most && !(candidacy.wrong.empty() && candidacy.warnings.empty())) {
    const bool is_warning = !candidacy.warnings.empty();
    (is_warning ? candidacy.warnings : candidacy.wrong).pop_back();
    ++(is_warning ? left_out.warnings : left_out.wrong);
    text = text_of(candidacy, left_out);
  }
  return text;
}

std::optional<Candidacy> parse_candidacy(std::string_view text_told) {
  const auto said = parse_shallow<json>(text_told);
  Candidacy its;
  its.process = text(at(said, "process"));
  its.role = text(at(said, "role"));
  if (its.process.empty() || its.role.empty()) return std::nullopt;
  its.killed = is_set(said, "killed");
  its.word = word_in(at(said, "word"));
  its.enabled_by_environment = is_set(said, "enabled");
  its.enabled_by_policy = is_set(said, "policyEnabled");
  its.dry_run_by_environment = is_set(said, "dryRun");
  its.has_driver = is_set(said, "hasDriver");
  its.can_tell_of_work = is_set(said, "canTellOfWork");
  its.wrong = findings_in(at(said, "wrong"));
  its.warnings = findings_in(at(said, "warnings"));
  add_left_out(its.wrong, at(said, "leftOut"));
  add_left_out(its.warnings, at(said, "warningsLeftOut"));
  return its;
}

Candidacy candidacy_of(const House& house, const Steering& steering) {
  const auto& settings = house.settings;
  Candidacy own;
  own.process = house.holder();
  own.role = name_of(steering.role());
  own.killed = settings.killed;
  own.word = settings.word;
  own.enabled_by_environment = settings.enabled;
  own.enabled_by_policy = house.policies.policy().compiled().enabled;
  own.dry_run_by_environment = settings.dry_run;
  own.has_driver = house.driver != nullptr;
  own.can_tell_of_work = own.has_driver && house.driver->keeps_busy_replica();
  own.wrong = steering.found_by_preflight().wrong;
  own.warnings = steering.found_by_preflight().warnings;
  if (house.unmade) own.wrong.push_back(*house.unmade);
  return own;
}

std::vector<Finding> switches_against(const Candidacy& candidacy, const Said& said) {
  Circumstances now;
  now.killed = candidacy.killed;
  now.word = candidacy.word;
  now.global = said.global;
  now.enabled_by_environment = candidacy.enabled_by_environment;
  now.service = said.service;
  now.enabled_by_policy = candidacy.enabled_by_policy;
  now.dry_run_by_environment = candidacy.dry_run_by_environment;
  now.wall_time_seconds = said.wall_time_seconds;
  // A driver that could not be made is a finding.
  now.has_driver = candidacy.has_driver || !candidacy.wrong.empty();
  now.leads = true;
  std::vector<Finding> all;
  for (const auto& each : read_switches(now)) {
    if (!each.says_no) continue;
    const auto who = who_set(each);
    all.emplace_back(std::string{each.no} + (who.empty() ? "" : ", as set by " + who),
                     "it recommends, and does not act", line_for(each));
  }
  return all;
}

std::vector<Peer> peers(const segment::Segment& segment, const Candidacy& own, const Said& said) {
  const auto known = all_of(own, said);
  std::vector<Peer> found;
  for (const auto& told : segment.told_by_others()) {
    auto its = parse_candidacy(told.text);
    if (!its) continue;
    auto one = peer(told, std::move(*its), said);
    leave_out(one.warnings, known);
    if (leave_out(one.wrong, known) > 0) one.wrong.push_back(the_same());
    if (const auto quiet = boot_milliseconds() - told.heartbeat_ms; quiet > silent_ms) {
      one.warnings.push_back(silent(quiet, told.pid));
    }
    found.push_back(std::move(one));
  }
  return found;
}

}  // namespace selfscale::agent
