/// What an app records. Recording allocates nothing after a thread's first time, takes no lock and
/// makes no system call (a timer reads the clock); it never throws, whatever it is given: what
/// cannot be recorded is counted (`selfscale_refused_total`).
///
///     auto& agent = ...;
///     Counter orders = agent.counter("orders");
///     orders.inc();
///
/// Counters and distributions are wait-free: each thread writes to memory of its own, which readers
/// add up; when more than fifteen threads record at once, the others share memory by atomic
/// additions. A gauge is one value for the whole process: set() is one store, add() is repeated
/// where another thread's came between.
///
/// Handles are small values that refer to memory of the agent's registry: they stay valid in a
/// forked child (which records into memory of its own) and after the agent stopped, as long as the
/// Agent object lives. All methods: any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <selfscale/detail/recording.hpp>
#include <selfscale/export.hpp>

namespace selfscale {

namespace metrics {
class Registry;
template <class Handle>
class Held;
}  // namespace metrics

/// A count that only grows.
class Counter {
 public:
  void inc(std::uint64_t by = 1) const noexcept {
    if (auto* cells = recorder_->own_cells()) [[likely]] {
      return metrics::add_alone(metrics::word_at<std::uint64_t>(cells, cell_), by);
    }
    recorder_->count_shared(cell_, by);
  }

 private:
  friend class metrics::Registry;
  template <class Handle>
  friend class metrics::Held;
  Counter(const metrics::Recorder* recorder, std::uint32_t cell)
      : recorder_{recorder}, cell_{cell} {}
  const metrics::Recorder* recorder_;
  std::uint32_t cell_;
};

/// A value that goes up and down. NaN and infinities are refused and counted.
class Gauge {
 public:
  class Tracking;

  /// Negative values, NaN and infinities are refused.
  void set(double value) const noexcept { recorder_->set_gauge(cell_, value); }
  /// May pass below zero; a reading below it is refused.
  void add(double by) const noexcept { recorder_->add_to_gauge(cell_, by); }
  void inc() const noexcept { add(1.0); }
  void dec() const noexcept { add(-1.0); }
  /// One more for as long as the returned object lives:
  ///
  ///     const auto here = in_flight.track();
  [[nodiscard]] Tracking track() const noexcept;

 private:
  friend class metrics::Registry;
  Gauge(const metrics::Recorder* recorder, std::uint32_t cell) : recorder_{recorder}, cell_{cell} {}
  const metrics::Recorder* recorder_;
  std::uint32_t cell_;
};

/// What Gauge::track() returns. May end on another thread than it began.
class [[nodiscard]] Gauge::Tracking {
 public:
  explicit Tracking(Gauge gauge) noexcept : gauge_{gauge} { gauge_.inc(); }
  ~Tracking() { gauge_.dec(); }
  Tracking(const Tracking&) = delete;
  Tracking& operator=(const Tracking&) = delete;

 private:
  Gauge gauge_;
};

inline Gauge::Tracking Gauge::track() const noexcept { return Tracking{*this}; }

/// A distribution of values, for quantiles: exponential buckets as OpenTelemetry's and Prometheus'
/// native histograms have them. Durations are seconds. A quantile is within 0.55 % of the exact one
/// (4.4 % for a labelled series) for values over about twenty octaves, those from 0.24 ms to 1 s
/// always among them; what lies outside is counted beside. Negative values, NaN and infinities are
/// refused and counted.
class Distribution {
 public:
  class Timing;

  void observe(double value) const noexcept {
    if (auto* cells = recorder_->own_cells()) [[likely]] {
      return metrics::observe_alone(*recorder_, cells, cell_, scale_, value);
    }
    recorder_->observe_shared(cell_, scale_, value);
  }
  /// Records the seconds, on the monotonic clock, for which the returned object lives:
  ///
  ///     const auto timing = took.time();
  [[nodiscard]] Timing time() const noexcept;

 private:
  friend class metrics::Registry;
  template <class Handle>
  friend class metrics::Held;
  Distribution(const metrics::Recorder* recorder, std::uint32_t cell, int scale)
      : recorder_{recorder}, cell_{cell}, scale_{scale} {}
  const metrics::Recorder* recorder_;
  std::uint32_t cell_;
  int scale_;
};

/// What Distribution::time() returns. May end on another thread than it began.
class [[nodiscard]] Distribution::Timing {
 public:
  explicit Timing(Distribution distribution) noexcept : distribution_{distribution} {}
  ~Timing() {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - started_;
    distribution_.observe(passed.count());
  }
  Timing(const Timing&) = delete;
  Timing& operator=(const Timing&) = delete;

 private:
  Distribution distribution_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

inline Distribution::Timing Distribution::time() const noexcept { return Timing{*this}; }

}  // namespace selfscale
