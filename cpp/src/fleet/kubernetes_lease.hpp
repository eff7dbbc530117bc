/// The Lease (coordination.k8s.io/v1) in which a text stands, as it is written and answered. Pure;
/// any thread. Source: the OpenAPI document of Kubernetes 1.34.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "fleet/store.hpp"
#include "http/call.hpp"
#include "model/result.hpp"

namespace selfscale::fleet {

/// selfscale-lease-SERVICE, selfscale-switches-SERVICE, selfscale-switches and
/// selfscale-published-SERVICE; a service whose name cannot stand there is written in hexadecimal,
/// after a point.
std::string lease_name(const Key& key);

/// The object to write; `now` is this machine's time.
std::string lease_manifest(const std::string& name_space, const Wanted& wanted,
                           std::chrono::system_clock::time_point now);

/// Of a Lease as the API answers it, whether it was read or written. Errc::malformed: it is none.
Result<Kept> parse_lease(const std::string& name, std::string_view answer);

/// In the API's own words, with the permission where that is missing.
Failure lease_refusal(const http::Address& server, const http::Call& call,
                      const http::Answer& answer, const std::string& name);

}  // namespace selfscale::fleet
