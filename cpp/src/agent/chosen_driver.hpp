/// Which driver an agent acts through: what its options, its settings and its policy say.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <selfscale/agent.hpp>
#include <string>

#include "agent/policies.hpp"
#include "agent/settings.hpp"
#include "drivers/driver.hpp"

namespace selfscale::agent {

/// Its name; empty: none was named.
std::string chosen_driver(const AgentOptions& options, const Settings& settings,
                          const Policies& policies);

/// What people know it by: a driver of their own by the name that they gave it.
std::string label_of(const std::string& name, const AgentOptions& options);

/// Makes the driver of that name for the policy in force. `post` runs a user's function.
Result<std::unique_ptr<drivers::Driver>> make_driver(
    const std::string& name, const AgentOptions& options, const Settings& settings,
    const Policies& policies, boost::asio::io_context& io, drivers::Post post);

}  // namespace selfscale::agent
