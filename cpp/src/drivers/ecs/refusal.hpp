/// What an answer of AWS that is no 2xx means. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <selfscale/finding.hpp>
#include <string>
#include <string_view>

#include "drivers/ecs/answers.hpp"
#include "drivers/ecs/credentials.hpp"
#include "drivers/ecs/operations.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::ecs {

/// What may help, once.
enum class Remedy : std::uint8_t {
  none,
  renew_credentials,  ///< they have expired, or were replaced
  set_clock,          ///< the signature's time is not AWS' time
};

struct Refusal {
  Failure failure;  ///< names the operation and says why, in AWS' words
  Remedy remedy = Remedy::none;
};

/// What of an answer says why it refuses.
struct Answered {
  int status = 0;
  std::string_view body;
  std::string_view error_type;  ///< header X-Amzn-ErrorType; empty: there is none
  std::string_view date;        ///< header Date; empty: there is none
};

/// Nearly all refusals have the status 400, throttling too: what they are stands in the header or
/// in the body. `now` is this machine's own time, for its difference to AWS'.
Refusal refusal_of(const Operation& operation, const Answered& answer, WallTime now);

/// Why one that has credentials to give gives none: Errc::throttled or Errc::unreachable, where the
/// same call may succeed later, else Errc::denied. `who` says whom was asked, `words` are its own:
/// a code, or a code, ": " and a message.
Failure no_credentials(const std::string& who, int status, const std::string& words);

/// How far AWS' clock is ahead of `now`; empty: the answer does not tell.
std::optional<std::chrono::seconds> clock_difference(const Answered& answer, WallTime now);

/// What a person should know of a clock that AWS' is so far ahead of: that, and how to set it.
/// Empty: the difference is one that AWS bears.
std::optional<Finding> clock_finding(std::chrono::seconds ahead);

/// A failed preflight: what it means, and what mends it. `is_for_the_clock`: it is a refusal of
/// this machine's time.
Finding finding_of(const Failure& failure, const Place& place, bool is_for_the_clock);

/// What a scale-in reads first is refused, so that none is carried out.
Finding no_scale_in(const Failure& failure);

/// Who else puts a count of his back, by what the service's tags say; empty: they say nothing.
std::optional<Finding> kept_elsewhere(const Service& service);

/// The task that this process is in cannot protect itself while it works: what comes of it, and
/// what mends it.
Finding finding_of_own_task(const Failure& failure);

}  // namespace selfscale::drivers::ecs
