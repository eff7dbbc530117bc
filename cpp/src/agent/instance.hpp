/// What an instance is called when nobody named it: all processes that serve together must arrive
/// at the same name.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace selfscale::agent {

/// Variables in which platforms name a replica.
std::span<const char* const> platform_instance_names() noexcept;

/// The id of the ECS task that this process is in, as its metadata endpoint says
/// (ECS_CONTAINER_METADATA_URI_V4). Waits for that endpoint, half a second at most; empty: it does
/// not say.
std::optional<std::string> ecs_task(std::string_view metadata_uri);

/// Of this boot and the listening socket, which workers of one server share; without one, of the
/// process group.
std::string instance_of_this_process();

}  // namespace selfscale::agent
