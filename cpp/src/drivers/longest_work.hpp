/// How long the longest piece of work takes, in words, and what to say where a platform kills a
/// replica sooner. Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "drivers/driver.hpp"

namespace selfscale::drivers {

/// The longest piece of work, and who says so.
struct KnownWork {
  double seconds = 0.0;
  bool is_open = false;  ///< or longer
  std::string source;    ///< "recorded in job_time"
};
KnownWork known_by(const LongestWork& recorded);

/// Is it sure that no piece of work takes longer?
bool ends_within(const KnownWork& work, double seconds);
/// "a piece of work takes up to 41.33 s (recorded in job_time)".
std::string in_words(const KnownWork& work);
/// "41.33 s": no less than it is.
std::string in_seconds(double number);
/// Whole seconds, no less: "42". To be pasted.
std::string whole_seconds(double number);

/// What a replica has from the request to end to its kill.
struct Grace {
  double seconds = 0.0;
  std::string source;   ///< where it is set: "its stop_grace_period"
  std::string setting;  ///< what makes it longer, to be pasted, up to the number: "period: "
  std::string rest;     ///< and from there: "   # of the service"
};
/// Warns that a scale-down may cut work off; empty: no work that was recorded takes longer than
/// that, or none was recorded. `replica`: what the platform calls one, "container".
std::optional<Finding> work_cut_off(const std::optional<LongestWork>& recorded, const Grace& grace,
                                    const std::string& replica);

}  // namespace selfscale::drivers
