#include "agent/exposed.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "agent/totals.hpp"

namespace selfscale::agent {
namespace {

using exposition::Family;
using exposition::Type;
using nlohmann::json;

/// What the rules asked for, before limits and the like.
const json& raw_replicas(const json& recommendation) {
  const auto& adjustments = recommendation.at("adjustments");
  return adjustments.empty() ? recommendation.at("recommendedReplicas")
                             : adjustments.at(0).at("fromReplicas");
}

Family replicas(const json& said, const std::string& service) {
  Family family{"selfscale_replicas",
                Type::gauge,
                "Replicas: current, desired, ready as the platform says; raw as the rules ask for, "
                "recommended after every limit.",
                "",
                {}};
  const auto add = [&](const char* kind, const json& count) {
    if (!count.is_number()) return;
    family.series.push_back({{{"kind", kind}, {"service", service}}, count.get<double>(), {}});
  };
  const auto& counts = said.at("replicas");
  const auto& recommendation = said.at("decision").at("recommendation");
  add("current", counts.at("current"));
  add("desired", counts.at("desired"));
  add("ready", counts.at("ready"));
  if (counts.at("current").is_null()) return family;  // and of an unknown count nothing is wanted
  add("raw", raw_replicas(recommendation));
  add("recommended", recommendation.at("recommendedReplicas"));
  return family;
}

Family flag(std::string name, std::string help, const std::string& service, bool is_set) {
  return {std::move(name),
          Type::gauge,
          std::move(help),
          "",
          {{{{"service", service}}, is_set ? 1.0 : 0.0, {}}}};
}

}  // namespace

exposition::Sources recorded_by_all(Seat& seat) {
  exposition::Sources sources;
  auto* segment = seat.segment();
  if (segment != nullptr) {
    auto contents = segment->read();
    for (auto& process : contents.processes) {
      (process.view.alive ? sources.living : sources.ended).push_back(std::move(process.entries));
    }
    sources.ended.push_back(std::move(contents.retired));
  }
  if (segment == nullptr || segment->own_metrics().empty()) {
    sources.living.push_back(metrics::read(seat.own_metrics()));
  }
  return sources;
}

std::vector<Family> families_of_agent(const std::optional<std::string>& published) {
  if (!published) return {};
  const auto said = json::parse(*published);
  const auto service = said.at("service").get<std::string>();
  std::vector<Family> families{replicas(said, service),
                               flag("selfscale_may_act", "1: the agent may act on the service.",
                                    service, said.at("mayAct").get<bool>())};
  families.push_back(flag("selfscale_paused", "1: a person has paused the service.", service,
                          said.value("paused", false)));
  families.push_back(flag("selfscale_dry_run", "1: the agent decides and writes nothing.", service,
                          said.value("dryRun", false)));
  std::ranges::move(families_of_totals(said.value("totals", json::object()), service),
                    std::back_inserter(families));
  return families;
}

}  // namespace selfscale::agent
