/// Things to keep.
#pragma once

#include <chrono>
#include <string>

#include "journal/journal.hpp"

namespace selfscale::journal {

using namespace std::chrono_literals;

inline Instant at(Duration since) { return Instant{1'732'272'000'000ms + since}; }

inline Record record_of(const std::string& id, Instant when, const std::string& policy = "p1",
                        const std::string& service = "backend") {
  return {id, service, when, policy, R"({"version":1,"id":")" + id + R"(","note":"x"})"};
}

inline ScalingEvent event_of(const std::string& id, Instant when,
                             const std::string& decision = {}) {
  ScalingEvent event;
  event.id = id;
  event.service = "backend";
  event.policy = "backend";
  event.decision = decision;
  event.started_at = when;
  event.from_replicas = 3;
  event.to_replicas = 4;
  event.trigger = decision.empty() ? Trigger::manual : Trigger::policy;
  event.reason = "because \"so\"";
  event.leader = "host/1";
  event.token = 7;
  return event;
}

inline Evaluation evaluation_of(Instant when, double cpu = 50.0,
                                const std::string& service = "backend") {
  Evaluation evaluation;
  evaluation.service = service;
  evaluation.at = when;
  evaluation.desired = 3;
  evaluation.current = 2;
  evaluation.recommended = 4;
  evaluation.metrics = {{"cpu_usage", cpu, 1.5}, {"rps", std::nullopt, 0.0}};
  return evaluation;
}

inline bool operator==(const Record& a, const Record& b) {
  return a.id == b.id && a.service == b.service && a.at == b.at && a.policy_hash == b.policy_hash &&
         a.json == b.json;
}

}  // namespace selfscale::journal
