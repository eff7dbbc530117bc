/// The network of a host, or of a container that has one of its own.
#pragma once

#include <optional>
#include <string_view>

namespace selfscale::sampling {

/// Bytes received and sent since the interfaces came up, without those that stay inside (`lo`):
/// from the text of /proc/net/dev.
std::optional<double> parse_network_bytes(std::string_view net_dev) noexcept;

}  // namespace selfscale::sampling
