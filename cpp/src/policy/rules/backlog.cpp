// A backlog rule: as many workers as finish what is due in time.
#include "policy/duration.hpp"
#include "policy/rules/rule.hpp"
#include "policy/rules/target_value.hpp"
#include "policy/write.hpp"

namespace selfscale {
namespace {

constexpr std::string_view learned = "learned";

std::optional<double> read_throughput(Reader& reader) {
  const Json* value = reader.find("throughputPerReplica");
  if (value == nullptr || *value == learned) return std::nullopt;
  if (value->is_number()) return read_target_value(reader, "throughputPerReplica");
  reader.wrong("throughputPerReplica",
               R"(must be jobs per second that one replica finishes, such as 4, or "learned")");
  return std::nullopt;
}

RuleKind read(Reader& reader, const RuleDefaults& defaults) {
  BacklogRule rule;
  const auto latency = reader.duration("targetLatency");
  if (!reader.has("targetLatency")) reader.required("targetLatency", R"("30s")");
  if (latency && latency->count() <= 0) {
    reader.wrong("targetLatency", "must be above 0: no number of replicas finishes work at once");
  }
  rule.target_latency = latency.value_or(Duration{1});
  rule.throughput = read_throughput(reader);
  rule.running = defaults.other_metric(reader, "running");
  rule.oldest = defaults.other_metric(reader, "oldest");
  return rule;
}

void write(const RuleKind& kind, Json& json) {
  const auto& rule = std::get<BacklogRule>(kind);
  json["targetLatency"] = to_text(rule.target_latency);
  json["throughputPerReplica"] = rule.throughput ? json_number(*rule.throughput) : Json(learned);
  if (!rule.running.name.empty()) json["running"] = rule.running.name;
  if (!rule.oldest.name.empty()) json["oldest"] = rule.oldest.name;
}

bool can_lower(const RuleKind&) { return true; }

}  // namespace

extern const RuleType backlog_type{"backlog", read, write, can_lower};

}  // namespace selfscale
