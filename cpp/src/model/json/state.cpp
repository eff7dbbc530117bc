// What decide() remembers, as JSON: what rules remember by their names, so that a policy may be
// reordered.
#include <array>
#include <charconv>
#include <limits>

#include "model/json.hpp"
#include "model/json/node.hpp"

namespace selfscale {
namespace {

using Wanted = DecisionState::Wanted;
using Memory = DecisionState::Memory;
using Change = DecisionState::Change;

std::string hexadecimal(std::uint64_t number) {
  std::array<char, 16> text{};
  auto* const end = std::to_chars(text.data(), text.data() + text.size(), number, 16).ptr;
  return {text.data(), end};
}

std::uint64_t read_hexadecimal(const Node& node) {
  const std::string text = node.text();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc{} || end != text.data() + text.size()) node.wrong("a fingerprint");
  return number;
}

/// Oldest first, as [seconds, replicas]: short, for a state holds many of them.
OrderedJson window_to_json(const std::vector<Wanted>& window) {
  OrderedJson json = OrderedJson::array();
  for (const Wanted& wanted : window) json.push_back({seconds(wanted.at), wanted.replicas});
  return json;
}

/// Of a window or of changes: none of ours is longer, and a state stays under 8 KiB.
void check_length(const Node& list) {
  const std::size_t length = list.array().size();
  if (length <= DecisionState::most_kept) return;
  list.refuse("holds " + std::to_string(length) + " entries, where at most " +
              std::to_string(DecisionState::most_kept) + " belong");
}

std::vector<Wanted> read_window(const Node& root, std::string_view key) {
  std::vector<Wanted> window;
  const auto node = root.find(key);
  if (!node) return window;
  check_length(*node);
  for (std::size_t i = 0; i < node->array().size(); ++i) {
    const Node entry = node->element(i);
    if (entry.array().size() != 2) entry.wrong("[seconds, replicas]");
    window.push_back({entry.element(0).instant(), entry.element(1).count()});
    if (i > 0 && window[i].at < window[i - 1].at) entry.refuse("is older than the one before it");
  }
  return window;
}

std::optional<Instant> optional_instant(const Node& node, std::string_view key) {
  const auto member = node.find(key);
  return member ? std::optional{member->instant()} : std::nullopt;
}

OrderedJson rules_to_json(const std::vector<Memory>& rules, const Names& names) {
  OrderedJson json = OrderedJson::object();
  for (std::size_t i = 0; i < rules.size() && i < names.rules.size(); ++i) {
    const Memory& memory = rules[i];
    if (memory == Memory{}) continue;
    OrderedJson rule{{"definition", hexadecimal(memory.definition)}};
    if (memory.above_since) rule["aboveSince"] = seconds(*memory.above_since);
    if (memory.below_since) rule["belowSince"] = seconds(*memory.below_since);
    if (memory.panic_since) rule["panicSince"] = seconds(*memory.panic_since);
    if (memory.peak > 0) rule["peak"] = memory.peak;
    if (!memory.delayed.empty()) rule["delayed"] = window_to_json(memory.delayed);
    if (memory.is_met) rule["met"] = true;
    if (memory.is_initialized) rule["initialized"] = true;
    json[std::string{names.rules[i].name}] = std::move(rule);
  }
  return json;
}

/// Version 1 called it `timers`.
std::vector<Memory> read_rules(const Node& root, const Names& names) {
  std::vector<Memory> rules(names.rules.size());
  auto node = root.find("rules");
  if (!node) node = root.find("timers");
  if (!node) return rules;
  for (std::size_t i = 0; i < names.rules.size(); ++i) {
    const auto rule = node->find(names.rules[i].name);
    if (!rule) continue;
    const auto peak = rule->find("peak");
    const auto flag = [&rule](std::string_view key) {
      const auto member = rule->find(key);
      return member && member->flag();
    };
    rules[i] = {read_hexadecimal(rule->at("definition")),
                optional_instant(*rule, "aboveSince"),
                optional_instant(*rule, "belowSince"),
                optional_instant(*rule, "panicSince"),
                peak ? peak->count() : 0,
                read_window(*rule, "delayed"),
                flag("met"),
                flag("initialized")};
  }
  return rules;
}

/// Oldest first, as [seconds, replicas, events].
OrderedJson changes_to_json(const std::vector<Change>& changes) {
  OrderedJson json = OrderedJson::array();
  for (const Change& change : changes) {
    json.push_back({seconds(change.at), change.replicas, change.events});
  }
  return json;
}

std::vector<Change> read_changes(const Node& root) {
  std::vector<Change> changes;
  const auto node = root.find("changes");
  if (!node) return changes;
  check_length(*node);
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  for (std::size_t i = 0; i < node->array().size(); ++i) {
    const Node entry = node->element(i);
    if (entry.array().size() != 3) entry.wrong("[seconds, replicas, events]");
    changes.push_back({entry.element(0).instant(),
                       static_cast<int>(entry.element(1).integer(-most, most)),
                       entry.element(2).count()});
    if (i > 0 && changes[i].at < changes[i - 1].at) entry.refuse("is older than the one before it");
  }
  return changes;
}

OrderedJson missing_to_json(const std::vector<std::optional<Instant>>& since, const Names& names) {
  OrderedJson json = OrderedJson::object();
  for (std::size_t i = 0; i < since.size() && i < names.metrics.size(); ++i) {
    if (since[i]) json[std::string{names.metrics[i]}] = seconds(*since[i]);
  }
  return json;
}

std::vector<std::optional<Instant>> read_missing(const Node& root, const Names& names) {
  std::vector<std::optional<Instant>> since(names.metrics.size());
  const auto node = root.find("missingSince");
  if (!node) return since;
  for (std::size_t i = 0; i < names.metrics.size(); ++i) {
    since[i] = optional_instant(*node, names.metrics[i]);
  }
  return since;
}

void read_done(const Node& root, DecisionState& state) {
  state.changes = read_changes(root);
  if (const auto zero = root.find("scaledToZero")) state.scaled_to_zero = zero->flag();
  state.last_up = optional_instant(root, "lastUp");
  state.last_down = optional_instant(root, "lastDown");
  if (const auto past = root.find("past")) {
    state.past = {past->at("succeeded").count(), past->at("failed").count()};
  }
}

template <class J>
void write_done(const DecisionState& state, J& json) {
  const auto or_never = [](const std::optional<Instant>& instant) {
    return instant ? J(seconds(*instant)) : J(nullptr);
  };
  json["changes"] = changes_to_json(state.changes);
  json["scaledToZero"] = state.scaled_to_zero;
  json["lastUp"] = or_never(state.last_up);
  json["lastDown"] = or_never(state.last_down);
  json["past"] = {{"succeeded", state.past.succeeded}, {"failed", state.past.failed}};
}

}  // namespace

DecisionState state_from_json(const Names& names, std::string_view text) {
  const Json json = Node::parse(text, "state", DecisionState::version);
  const Node root{json};
  DecisionState state;
  if (const auto at = root.find("at")) state.at = at->instant();
  if (const auto seen = root.find("seen")) state.seen = seen->flag();
  state.up_window = read_window(root, "upWindow");
  state.down_window = read_window(root, "downWindow");
  state.rules = read_rules(root, names);
  state.missing_since = read_missing(root, names);
  state.last_active = optional_instant(root, "lastActive");
  read_done(root, state);
  return state;
}

std::string to_json(const Names& names, const DecisionState& state) {
  OrderedJson json{{"version", DecisionState::version},
                   {"at", seconds(state.at)},
                   {"seen", state.seen},
                   {"upWindow", window_to_json(state.up_window)},
                   {"downWindow", window_to_json(state.down_window)},
                   {"rules", rules_to_json(state.rules, names)},
                   {"missingSince", missing_to_json(state.missing_since, names)},
                   {"lastActive", or_null(state.last_active)}};
  write_done(state, json);
  return written(json);
}

DecisionState done_from_json(std::string_view text) {
  const Json json = Node::parse(text, "state", DecisionState::version);
  DecisionState state;
  read_done(Node{json}, state);
  return state;
}

std::string with_done(std::string_view text, const DecisionState& done) {
  Node::parse(text, "state", DecisionState::version);
  OrderedJson json = OrderedJson::parse(text);
  json["version"] = DecisionState::version;
  write_done(done, json);
  return written(json);
}

}  // namespace selfscale
