/// For how long something has been so without a break.
#pragma once

#include <optional>
#include <selfscale/instant.hpp>

namespace selfscale {

/// `since` is when it began; empty: it is not so.
inline Duration held(bool is_so, Instant at, std::optional<Instant>& since) noexcept {
  if (!is_so) {
    since.reset();
    return Duration{0};
  }
  if (!since || *since > at) since = at;
  return at - *since;
}

}  // namespace selfscale
