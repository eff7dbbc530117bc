/// What was measured over time, in points that each cover a stretch of it.
#pragma once

#include <algorithm>
#include <deque>
#include <limits>
#include <selfscale/instant.hpp>
#include <vector>

#include "metrics/buckets.hpp"

namespace selfscale::agent {

/// Something that adds up: requests, CPU seconds.
struct Amount {
  double total = 0.0;
  void add(const Amount& later) noexcept { total += later.total; }
};

/// Something that is looked at now and then: requests in flight, bytes.
struct Samples {
  double sum = 0.0;
  int count = 0;
  double least = std::numeric_limits<double>::infinity();
  double most = -std::numeric_limits<double>::infinity();
  double first = 0.0;
  double last = 0.0;

  static Samples of(double value) noexcept { return {value, 1, value, value, value, value}; }
  void add(const Samples& later) noexcept {
    sum += later.sum;
    count += later.count;
    least = std::min(least, later.least);
    most = std::max(most, later.most);
    last = later.last;
  }
};

/// A bounded history: what comes within one resolution of a point's beginning is added to that
/// point.
template <class Value>
class Series {
 public:
  struct Point {
    Instant from{};
    Instant to{};
    Value value;
    [[nodiscard]] Duration length() const noexcept { return to - from; }
    [[nodiscard]] double seconds() const noexcept {
      return std::chrono::duration<double>{length()}.count();
    }
  };

  Series(Duration resolution, Duration retention)
      : resolution_{resolution}, retention_{retention} {}

  void add(Instant from, Instant to, const Value& value) {
    if (!points_.empty() && to - points_.back().from <= resolution_) {
      points_.back().to = to;
      points_.back().value.add(value);
    } else {
      points_.push_back({from, to, value});
    }
    while (to - points_.front().to > retention_) points_.pop_front();
  }

  /// The points of the window that ended `back` before the newest: those whose middle lies in it.
  [[nodiscard]] std::vector<const Point*> window(Duration length,
                                                 Duration back = Duration{0}) const {
    std::vector<const Point*> inside;
    if (points_.empty()) return inside;
    const Instant end = points_.back().to - back;
    for (const auto& point : points_) {
      const Instant middle = point.from + point.length() / 2;
      if (middle > end - length && middle <= end) inside.push_back(&point);
    }
    return inside;
  }

  /// Does the history reach back that far?
  [[nodiscard]] bool covers(Duration back) const {
    return !points_.empty() &&
           points_.front().from <=
               points_.back().to - back + std::max(resolution_, points_.front().length());
  }
  [[nodiscard]] bool empty() const noexcept { return points_.empty(); }
  /// Of a series that is not empty.
  [[nodiscard]] Instant newest() const noexcept { return points_.back().to; }

 private:
  Duration resolution_;
  Duration retention_;
  std::deque<Point> points_;
};

}  // namespace selfscale::agent
