#include "agent/totals.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "exposition/names.hpp"

namespace selfscale::agent {
namespace {

using exposition::Family;
using nlohmann::json;

constexpr auto decisions_key = "decisions";
constexpr auto events_key = "events";

std::string_view direction_of(const ScalingEvent& event) noexcept {
  if (event.to_replicas > event.from_replicas) return "up";
  return event.to_replicas < event.from_replicas ? "down" : "none";
}

std::string label(std::string_view name, std::string_view value) {
  return std::string{name} + '=' + std::string{value};
}

/// What is none of ours, or of another form, counts as nothing.
json counts_in(const json& totals, const char* key) {
  const auto found = totals.is_object() ? totals.find(key) : totals.end();
  if (!totals.is_object() || found == totals.end() || !found->is_object()) return json::object();
  return *found;
}

void raise_to(std::map<std::string, std::uint64_t>& counts, const json& published) {
  for (const auto& [labels, count] : published.items()) {
    if (!count.is_number_unsigned()) continue;
    auto& own = counts[labels];
    own = std::max(own, count.get<std::uint64_t>());
  }
}

Family family(std::string name, std::string help, const json& counts, const std::string& service) {
  Family made{std::move(name), exposition::Type::counter, std::move(help), "", {}};
  for (const auto& [text, count] : counts.items()) {
    auto labels = exposition::labels_in(text);
    labels.push_back({"service", service});
    std::ranges::sort(labels, {}, &exposition::Label::name);
    made.series.push_back({std::move(labels), count.get<double>(), {}});
  }
  return made;
}

}  // namespace

void Totals::count(const Decision& decision) {
  ++decisions_[label("outcome", name_of(decision.action)) + ',' +
               label("reason", name_of(decision.recommendation.code))];
}

void Totals::count(const ScalingEvent& event) {
  if (event.outcome == Outcome::accepted) return;
  ++events_[label("direction", direction_of(event)) + ',' +
            label("outcome", name_of(event.outcome)) + ',' +
            label("trigger", name_of(event.trigger))];
}

void Totals::take_up(const json& published) {
  raise_to(decisions_, counts_in(published, decisions_key));
  raise_to(events_, counts_in(published, events_key));
}

json Totals::to_json() const { return {{decisions_key, decisions_}, {events_key, events_}}; }

std::vector<Family> families_of_totals(const json& totals, const std::string& service) {
  std::vector<Family> families{
      family("selfscale_decisions",
             "Decisions by what they come to (scale, hold: something holds it back, none: no "
             "change is wanted) and their chief reason.",
             counts_in(totals, decisions_key), service),
      family("selfscale_scaling_events",
             "Scaling events that have ended, by direction, outcome, and who asked for them.",
             counts_in(totals, events_key), service)};
  std::erase_if(families, [](const Family& each) { return each.series.empty(); });
  return families;
}

}  // namespace selfscale::agent
