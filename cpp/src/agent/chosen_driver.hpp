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

/// Makes the driver of that name for the policy in force. `post` runs a user's function.
Result<std::unique_ptr<drivers::Driver>> make_driver(const std::string& name,
                                                     const AgentOptions& options,
                                                     const Policies& policies,
                                                     boost::asio::io_context& io,
                                                     drivers::Post post);

}  // namespace selfscale::agent
