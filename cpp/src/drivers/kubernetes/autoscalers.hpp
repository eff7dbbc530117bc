/// Who else scales the target, and how it is suspended and given back. Pure; any thread.
/// Sources: the OpenAPI document of Kubernetes 1.34 (autoscaling/v2); KEDA 2.20's ScaledObject and
/// its annotation autoscaling.keda.sh/paused, by which KEDA deletes the autoscaler it made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/kubernetes/options.hpp"
#include "drivers/kubernetes/request.hpp"

namespace selfscale::drivers::kubernetes {

/// An autoscaler of the target. What it was before it was suspended stands in an annotation of its
/// own, so that it outlives an agent that is killed.
struct Autoscaler {
  enum class Sort : std::uint8_t { horizontal_pod_autoscaler, scaled_object };
  Sort sort = Sort::horizontal_pod_autoscaler;
  std::string name;
  std::string scaled_object;  ///< that KEDA made this HorizontalPodAutoscaler for; empty: none
  std::string about;          ///< that it scales the target, in words
  std::string suspending;     ///< the patch that suspends it; empty: it is suspended
  std::string giving_back;    ///< the patch that undoes that; empty: it was not taken over

  [[nodiscard]] bool is_suspended() const { return suspending.empty(); }
  [[nodiscard]] bool is_taken_over() const { return !giving_back.empty(); }
};

struct Autoscalers {
  std::vector<Autoscaler> on_target;
  std::string next_page;
};

Request list_autoscalers(const Target& target, const std::string& page);
Result<Autoscalers> parse_autoscalers(const Target& target, std::string_view body);

/// Errc::not_found: there is no KEDA.
Request list_scaled_objects(const Target& target, const std::string& page);
Result<Autoscalers> parse_scaled_objects(const Target& target, std::string_view body);

/// Writes one of its two patches, if it is still as it was read; else the answer is 409.
Request change_autoscaler(const Target& target, const Autoscaler& autoscaler,
                          const std::string& patch);

Permission may_list_autoscalers();
Permission may_list_scaled_objects();
Permission may_change(const Autoscaler& autoscaler);

}  // namespace selfscale::drivers::kubernetes
