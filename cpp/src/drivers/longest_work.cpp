#include "drivers/longest_work.hpp"

#include <cmath>

namespace selfscale::drivers {

KnownWork known_by(const LongestWork& recorded) {
  return {recorded.seconds, recorded.is_open, "recorded in " + recorded.metric};
}

bool ends_within(const KnownWork& work, double seconds) {
  return !work.is_open && work.seconds <= seconds;
}

std::string in_words(const KnownWork& work) {
  return "a piece of work takes " + std::string{work.is_open ? "more than " : "up to "} +
         in_seconds(work.seconds) + " (" + work.source + ")";
}

std::string in_seconds(double number) {
  constexpr double hundred = 100.0;
  auto words = std::to_string(std::ceil(number * hundred) / hundred);
  words.erase(words.find_last_not_of('0') + 1);
  if (words.ends_with('.')) words.pop_back();
  return words + " s";
}

std::string whole_seconds(double number) { return std::to_string(std::llround(std::ceil(number))); }

std::optional<Finding> work_cut_off(const std::optional<LongestWork>& recorded, const Grace& grace,
                                    const std::string& replica) {
  if (!recorded) return std::nullopt;
  const auto work = known_by(*recorded);
  if (ends_within(work, grace.seconds)) return std::nullopt;
  // How much is enough for work beyond all buckets, a person alone knows.
  const auto enough = work.is_open ? "SECONDS" : whole_seconds(work.seconds);
  return Finding{in_words(work) + "; and a " + replica + " that is to go is killed " +
                     in_seconds(grace.seconds) + " (" + grace.source + ") after it was told to end",
                 "where nobody is idle a scale-down takes a busy one, and cuts its work off",
                 grace.setting + enough + grace.rest};
}

}  // namespace selfscale::drivers
