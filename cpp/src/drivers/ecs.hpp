/// Amazon ECS: the desired count of one service.
#pragma once

#include "drivers/driver.hpp"
#include "drivers/ecs/credential_chain.hpp"
#include "drivers/ecs/options.hpp"

namespace selfscale::drivers {

std::unique_ptr<Driver> ecs_driver(boost::asio::io_context& io, ecs::Options options,
                                   ecs::CredentialChain::Surroundings surroundings);
/// From the table, with this process' environment. Errc::invalid_argument: the policy's platform
/// object is not as ecs/options.hpp says.
Result<std::unique_ptr<Driver>> ecs_driver(Setting setting);

}  // namespace selfscale::drivers
