/// Time zones: what a zone's clocks show, and when they do.
///
/// A zone is expanded when a policy is read; from then on it is a table. Clock times are
/// `std::chrono::local_seconds`, instants `std::chrono::sys_seconds`.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace selfscale {

/// From `at` on, the zone's clocks are `offset` ahead of UTC.
struct ZoneChange {
  std::chrono::sys_seconds at;
  std::chrono::seconds offset{0};
  bool operator==(const ZoneChange&) const = default;
};

/// Changes are known from 2000 up to, not including, this year; what holds at the ends holds beyond
/// them.
inline constexpr std::chrono::year first_zone_year{2000};
inline constexpr std::chrono::year last_zone_year{2100};

/// A zone's clock at one instant.
struct ZoneClock {
  std::chrono::local_seconds shown;
  /// The latest time that it has shown until then: while an hour is repeated, the end of the first
  /// pass; otherwise what it shows.
  std::chrono::local_seconds reached;
};

class Zone {
 public:
  /// `changes` are in order, at least one; the first one's offset holds before it, too.
  Zone(std::string name, std::vector<ZoneChange> changes)
      : name_{std::move(name)}, changes_{std::move(changes)} {}
  static Zone utc() { return {"UTC", {{}}}; }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::span<const ZoneChange> changes() const noexcept { return changes_; }
  [[nodiscard]] ZoneClock clock_at(std::chrono::sys_seconds instant) const noexcept;
  /// The first instant at which the clock has reached a time: of a repeated time the first pass, of
  /// a time in a gap the gap's end.
  [[nodiscard]] std::chrono::sys_seconds first_at(std::chrono::local_seconds time) const noexcept;
  /// The instant after which the clock shows nothing before a time again: of a repeated time the
  /// second pass, of a time in a gap the gap's end.
  [[nodiscard]] std::chrono::sys_seconds last_at(std::chrono::local_seconds time) const noexcept;

 private:
  std::string name_;
  std::vector<ZoneChange> changes_;
};

/// The zone of an IANA name: by the system's data, else by the copy that was made when this was
/// built. Empty: neither knows it.
std::optional<Zone> zone_named(const std::string& name);

/// The names in the copy, in order; empty when this was built without one.
std::span<const std::string_view> zone_names() noexcept;

}  // namespace selfscale
