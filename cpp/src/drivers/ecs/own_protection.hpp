/// What a task can ask and tell of its own protection from being ended, at the endpoint whose
/// address it finds in ECS_AGENT_URI (AWS, "Amazon ECS task scale-in protection endpoint"). Pure;
/// any thread. Times are seconds since the epoch.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/call.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::ecs {

struct OwnProtection {
  bool is_on = false;
  double until = 0.0;  ///< 0: it is not told
};

http::Call get_own_protection();
http::Call protect_own_task(int minutes);
http::Call unprotect_own_task();

/// A refusal is in ECS' words, with the right that is missing; Errc::malformed: it is neither a
/// protection nor a refusal.
Result<OwnProtection> parse_own_protection(const http::Call& call, int status,
                                           std::string_view answer);

/// For so long a task that works is protected. The longer, the later ECS ends one that did not live
/// to take its protection away.
inline constexpr int own_protection_minutes = 30;
/// It is protected anew once no more than that is left: always longer than a scale-in's.
inline constexpr double own_protection_renewed_below = 20.0 * 60.0;

/// Is that the protection that this process asked for until `ours`? 0: it asked for none.
bool is_ours(const OwnProtection& seen, double ours) noexcept;

enum class OwnStep : std::uint8_t { none, protect, release };

/// What is to be done so that the task is protected, or is not. A protection that somebody else
/// asked for stays as it is: the app knows better. That of a scale-in, which is short, is replaced.
OwnStep own_step(bool is_wanted, const OwnProtection& seen, double ours, double now) noexcept;

}  // namespace selfscale::drivers::ecs
