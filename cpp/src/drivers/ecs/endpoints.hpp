/// Where AWS is in a region, and which region this is. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "drivers/ecs/credentials.hpp"
#include "http/address.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::ecs {

/// The address of a service ("ecs", "sts", …): `override` if there is one, else
/// AWS_ENDPOINT_URL_<SERVICE> and AWS_ENDPOINT_URL, else the service's own in that region.
/// Errc::invalid_argument: what is set is no address, or leads over plain http to another machine,
/// to which what is signed, and tokens, would go in clear.
Result<http::Address> address_of(std::string_view service, std::string_view region,
                                 std::string_view override, const Environment& environment);

/// "eu-west-1" of "arn:aws:ecs:eu-west-1:1:cluster/prod"; empty: it is a short name.
std::string region_in(std::string_view arn);

/// This machine: "localhost" or a loopback address.
bool is_loopback(const std::string& host);

}  // namespace selfscale::drivers::ecs
