/// `schedules`: bounds for some of the time.
#pragma once

#include "policy/compiled.hpp"
#include "policy/reader.hpp"

namespace selfscale {

/// The zone of the name under a key; one that nobody knows is a problem of this key. Empty: not
/// given, or not known.
std::optional<Zone> read_zone(Reader& reader, std::string_view key);

/// Reads what stands under "schedules"; the policy's bounds and time zone are known by then.
void read_schedules(Reader& reader, CompiledPolicy& policy);

Json schedule_to_json(const Schedule& schedule);

}  // namespace selfscale
