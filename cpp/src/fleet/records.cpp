#include "fleet/records.hpp"

#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "model/json/shallow.hpp"

namespace selfscale::fleet {
namespace {

using json = nlohmann::ordered_json;

constexpr int version = 1;

template <class T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

/// nlohmann makes whole numbers of fractions, and small ones of large ones.
template <class T>
T whole(const json& value) {
  if (!value.is_number_integer() || !std::in_range<T>(value.get<std::int64_t>())) {
    throw json::type_error::create(302, "no whole number of its range", &value);
  }
  return value.get<T>();
}

template <class T>
std::optional<T> maybe(const json& object, const char* key) {
  const auto& value = object.at(key);
  if (value.is_null()) return std::nullopt;
  if constexpr (std::is_same_v<T, int>) {
    return whole<T>(value);
  } else {
    return value.get<T>();
  }
}

Failure malformed(std::string message) { return {Errc::malformed, std::move(message), {}}; }

/// Reads the object with `take`, whose accesses may throw nlohmann's exceptions.
template <class Value, class Take>
Result<Value> read(std::string_view text, Take take) {
  const auto object = parse_shallow<json>(text);
  if (object.is_discarded()) return malformed("not JSON");
  try {
    if (const auto found = whole<int>(object.at("version")); found != version) {
      return malformed("version " + std::to_string(found) + ", and this program reads version " +
                       std::to_string(version));
    }
    return take(object);
  } catch (const json::exception& error) {
    return malformed(error.what());
  }
}

}  // namespace

std::string to_json(const LeaseRecord& record) {
  return json{{"version", version},
              {"token", record.token},
              {"holder", record.holder},
              {"atMilliseconds", record.at.time_since_epoch().count()},
              {"states", record.states},
              {"events", record.events},
              {"carriedOut", record.carried_out},
              {"takenOver", record.taken_over}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<LeaseRecord> lease_from_json(std::string_view text) {
  return read<LeaseRecord>(text, [](const json& object) {
    LeaseRecord record;
    record.token = whole<std::int64_t>(object.at("token"));
    record.holder = object.at("holder").get<std::string>();
    record.at = Instant{Duration{whole<Duration::rep>(object.at("atMilliseconds"))}};
    record.states = object.at("states").get<std::map<std::string, std::string>>();
    if (object.contains("events")) {
      record.events = object.at("events").get<std::map<std::string, std::string>>();
    }
    for (const auto& [service, serial] : object.at("carriedOut").items()) {
      record.carried_out[service] = whole<std::int64_t>(serial);
    }
    if (object.contains("takenOver")) {
      record.taken_over = object.at("takenOver").get<std::set<std::string>>();
    }
    return record;
  });
}

std::string to_json(const Switches& switches) {
  return json{{"version", version},
              {"revision", switches.revision},
              {"enabled", or_null(switches.enabled)},
              {"enabledBy", switches.enabled_by},
              {"enabledAt", switches.enabled_at_wall_seconds},
              {"dryRun", or_null(switches.dry_run)},
              {"paused", switches.paused},
              {"pausedUntil", or_null(switches.paused_until_wall_seconds)},
              {"manualReplicas", or_null(switches.manual_replicas)},
              {"manualSerial", switches.manual_serial}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Switches> switches_from_json(std::string_view text) {
  return read<Switches>(text, [](const json& object) {
    Switches switches;
    switches.revision = whole<std::int64_t>(object.at("revision"));
    switches.enabled = maybe<bool>(object, "enabled");
    switches.enabled_by = object.at("enabledBy").get<std::string>();
    switches.enabled_at_wall_seconds = object.value("enabledAt", 0.0);
    switches.dry_run = maybe<bool>(object, "dryRun");
    switches.paused = object.at("paused").get<bool>();
    switches.paused_until_wall_seconds = maybe<double>(object, "pausedUntil");
    switches.manual_replicas = maybe<int>(object, "manualReplicas");
    switches.manual_serial = whole<std::int64_t>(object.at("manualSerial"));
    return switches;
  });
}

}  // namespace selfscale::fleet
