/// What an instance is called when nobody named it: all processes that serve together must arrive
/// at the same name.
#pragma once

#include <span>
#include <string>

namespace selfscale::agent {

/// Variables in which platforms name a replica.
std::span<const char* const> platform_instance_names() noexcept;

/// Of this boot and the listening socket, which workers of one server share; without one, of the
/// process group.
std::string instance_of_this_process();

}  // namespace selfscale::agent
