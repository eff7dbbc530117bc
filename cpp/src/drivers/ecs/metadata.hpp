/// What a task of ECS can ask of its own metadata endpoint, whose address it finds in
/// ECS_CONTAINER_METADATA_URI_V4 (AWS, "Amazon ECS task metadata endpoint version 4"). Pure.
#pragma once

#include <string>
#include <string_view>

#include "http/call.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::ecs {

/// Of the endpoint: the task that asks.
http::Call get_own_task();
/// Its id, as the driver calls a replica. Errc::malformed: it is not in the answer.
Result<std::string> parse_own_task(std::string_view answer);

}  // namespace selfscale::drivers::ecs
