#include <selfscale/policy.hpp>

namespace selfscale {

std::string_view policy_schema() noexcept {
  static constexpr char text[] =
#include "policy/schema.inc"
      ;
  return {text, sizeof text - 1};
}

}  // namespace selfscale
