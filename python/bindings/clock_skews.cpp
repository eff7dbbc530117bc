#include "clock_skews.hpp"

#include <algorithm>
#include <functional>

namespace selfscale::python {

double ClockSkews::waited(std::string_view host, double reported, double now) noexcept {
  const std::uint64_t key = std::hash<std::string_view>{}(host) | 1U;
  Host& known = find(key);
  const bool is_new =
      known.key != key || now < known.last_heard || now >= known.span_began + 2 * span_seconds;
  if (is_new) known = {key, now, now, reported, reported, now};
  take_note(known, reported, now);
  if (now < known.known_since + learning_seconds) return reported;
  return reported - std::min(known.lowest, known.lowest_before);
}

/// The host's place, or that of the one that was not heard of for the longest time. Most often all
/// requests come through one proxy: it is looked at first.
ClockSkews::Host& ClockSkews::find(std::uint64_t key) noexcept {
  if (latest_->key == key) return *latest_;
  latest_ = std::ranges::find(hosts_, key, &Host::key);
  if (latest_ == hosts_.end()) latest_ = std::ranges::min_element(hosts_, {}, &Host::last_heard);
  return *latest_;
}

void ClockSkews::take_note(Host& host, double reported, double now) noexcept {
  if (now >= host.span_began + span_seconds) {
    host.lowest_before = host.lowest;
    host.lowest = reported;
    host.span_began += span_seconds;
  }
  host.lowest = std::min(host.lowest, reported);
  host.last_heard = now;
}

}  // namespace selfscale::python
