#include <selfscale/policy.hpp>

namespace selfscale {

std::string_view policy_schema() noexcept { return "{}"; }

}  // namespace selfscale
