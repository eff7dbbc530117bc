/// What a Docker Engine's refusals mean. Pure; any thread.
#pragma once

#include <selfscale/finding.hpp>

#include "http/client.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::docker {

/// What a refusal says: a code and the engine's own words. Its 500 on a service that has been
/// written meanwhile is Errc::conflict; another refusal of a write that may yet have happened is
/// Errc::timed_out (http/status.hpp).
Failure refusal(const http::Address& engine, const http::Call& call, const http::Answer& answer);
/// Is it the version of the API that is refused?
bool is_of_version(const Failure& failure);

/// A failed preflight: what it means, and what mends it.
Finding finding_of(const Failure& failure);

}  // namespace selfscale::drivers::docker
