// What decide() remembers, as JSON: timers by the rules' names, so that a policy may be reordered.
#include <charconv>

#include "model/json.hpp"
#include "model/json/node.hpp"

namespace selfscale {
namespace {

using Wanted = DecisionState::Wanted;
using Timer = DecisionState::Timer;

std::string hexadecimal(std::uint64_t number) {
  char text[16];
  const auto end = std::to_chars(text, text + sizeof text, number, 16).ptr;
  return {text, end};
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

std::vector<Wanted> read_window(const Node& root, std::string_view key) {
  std::vector<Wanted> window;
  const auto node = root.find(key);
  if (!node) return window;
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

OrderedJson timers_to_json(const std::vector<Timer>& timers, const Names& names) {
  OrderedJson json = OrderedJson::object();
  for (std::size_t i = 0; i < timers.size() && i < names.rules.size(); ++i) {
    if (timers[i] == Timer{}) continue;
    json[std::string{names.rules[i].name}] = {{"definition", hexadecimal(timers[i].definition)},
                                              {"aboveSince", or_null(timers[i].above_since)},
                                              {"belowSince", or_null(timers[i].below_since)}};
  }
  return json;
}

std::vector<Timer> read_timers(const Node& root, const Names& names) {
  std::vector<Timer> timers(names.rules.size());
  const auto node = root.find("timers");
  if (!node) return timers;
  for (std::size_t i = 0; i < names.rules.size(); ++i) {
    const auto timer = node->find(names.rules[i].name);
    if (!timer) continue;
    timers[i] = {read_hexadecimal(timer->at("definition")), optional_instant(*timer, "aboveSince"),
                 optional_instant(*timer, "belowSince")};
  }
  return timers;
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
  json["lastUp"] = or_never(state.last_up);
  json["lastDown"] = or_never(state.last_down);
  json["past"] = {{"succeeded", state.past.succeeded}, {"failed", state.past.failed}};
}

}  // namespace

DecisionState state_from_json(const Names& names, std::string_view text) {
  const Json json = Node::parse(text, "state");
  const Node root{json};
  DecisionState state;
  if (const auto at = root.find("at")) state.at = at->instant();
  if (const auto seen = root.find("seen")) state.seen = seen->flag();
  state.up_window = read_window(root, "upWindow");
  state.down_window = read_window(root, "downWindow");
  state.timers = read_timers(root, names);
  state.missing_since = read_missing(root, names);
  read_done(root, state);
  return state;
}

std::string to_json(const Names& names, const DecisionState& state) {
  OrderedJson json{{"version", DecisionState::version},
                   {"at", seconds(state.at)},
                   {"seen", state.seen},
                   {"upWindow", window_to_json(state.up_window)},
                   {"downWindow", window_to_json(state.down_window)},
                   {"timers", timers_to_json(state.timers, names)},
                   {"missingSince", missing_to_json(state.missing_since, names)}};
  write_done(state, json);
  return written(json);
}

DecisionState done_from_json(std::string_view text) {
  const Json json = Node::parse(text, "state");
  DecisionState state;
  read_done(Node{json}, state);
  return state;
}

std::string with_done(std::string_view text, const DecisionState& done) {
  Node::parse(text, "state");
  OrderedJson json = OrderedJson::parse(text);
  write_done(done, json);
  return written(json);
}

}  // namespace selfscale
