// Scaling events as JSON: one shape in journal, history, webhooks and for record().
#include <selfscale/decide.hpp>

#include "model/json/node.hpp"

namespace selfscale {
namespace {

std::string optional_text(const Node& node, std::string_view key) {
  const auto member = node.find(key);
  return member ? member->text() : std::string{};
}

}  // namespace

ScalingEvent event_from_json(std::string_view text) {
  const Json json = Node::parse(text, "scaling event");
  const Node root{json};
  ScalingEvent event;
  event.id = root.at("id").text();
  event.service = root.at("service").text();
  event.policy = optional_text(root, "policy");
  event.decision = optional_text(root, "decision");
  event.started_at = root.at("startedAt").instant();
  if (const auto accepted = root.find("acceptedAt")) event.accepted_at = accepted->instant();
  if (const auto duration = root.find("duration")) event.duration = duration->duration();
  event.from_replicas = root.at("fromReplicas").count();
  event.to_replicas = root.at("toReplicas").count();
  if (const auto ready = root.find("readyReplicas")) event.ready_replicas = ready->count();
  event.trigger = root.at("trigger").choice<Trigger>();
  event.reason = optional_text(root, "reason");
  if (const auto metrics = root.find("metrics")) {
    for (const auto& metric : metrics->object().items()) {
      event.metrics.emplace_back(metric.key(), metrics->at(metric.key()).number());
    }
  }
  event.outcome = root.at("outcome").choice<Outcome>();
  event.error = optional_text(root, "error");
  event.code = optional_text(root, "code");
  event.leader = optional_text(root, "leader");
  if (const auto token = root.find("token")) event.token = token->integer();
  return event;
}

std::string to_json(const ScalingEvent& event) {
  OrderedJson metrics = OrderedJson::object();
  for (const auto& [name, value] : event.metrics) metrics[name] = value;
  const bool has_ended = event.duration.has_value();
  OrderedJson json{
      {"version", 1},
      {"id", event.id},
      {"service", event.service},
      {"policy", event.policy},
      {"decision", or_null(event.decision)},
      {"startedAt", seconds(event.started_at)},
      {"acceptedAt", or_null(event.accepted_at)},
      {"duration", has_ended ? OrderedJson(seconds(*event.duration)) : OrderedJson(nullptr)},
      {"fromReplicas", event.from_replicas},
      {"toReplicas", event.to_replicas},
      {"readyReplicas", or_null(event.ready_replicas)},
      {"trigger", name_of(event.trigger)},
      {"reason", event.reason},
      {"metrics", std::move(metrics)},
      {"outcome", name_of(event.outcome)},
      {"error", or_null(event.error)},
      {"leader", event.leader},
      {"token", event.token}};
  if (!event.code.empty()) json["code"] = event.code;
  return written(json);
}

}  // namespace selfscale
