/// When a request reached the first proxy, as proxies write it into X-Request-Start and
/// X-Queue-Start.
#pragma once

#include <optional>
#include <string_view>

namespace selfscale::python {

struct RequestStart {
  std::optional<double>
      queue_seconds;  ///< how long ago the earliest valid start was; never negative
  bool refused =
      false;  ///< a value was there that is no time, lies in the future or is over ten minutes old
  void merge(const RequestStart& other) noexcept;  ///< keeps the earliest start
};

/// Reads one header's value, which may hold several starts parted by commas, each with or without
/// `t=`, as a number of seconds, milliseconds, microseconds or nanoseconds since the epoch (told
/// apart by magnitude; fractions allowed). `now`: seconds since the epoch. A start up to 0.1 s
/// ahead of `now` counts as no wait, because clocks differ.
RequestStart read_request_start(std::string_view value, double now) noexcept;

}  // namespace selfscale::python
