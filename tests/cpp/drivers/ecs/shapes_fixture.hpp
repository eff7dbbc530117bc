// The published shapes of AWS' interfaces (tests/fixtures/aws), and whether a value has them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "drivers/ecs/operations.hpp"

namespace selfscale::drivers::ecs {

/// What in a request's or an answer's body is not of the operation's shape: "/services/0/status:
/// …"; empty: nothing.
std::string mismatch_of_request(Api api, const std::string& operation, const nlohmann::json& body);
std::string mismatch_of_answer(Api api, const std::string& operation, const nlohmann::json& body);

}  // namespace selfscale::drivers::ecs
