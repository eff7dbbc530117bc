/// The metrics of one process, in one block of memory: a directory of names, then cells. The block is private at first and a
/// slot of the segment once the agent has one, so that other processes can read it; recording is the same either way.
#pragma once

#include <selfscale/metric.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace selfscale::metrics {

enum class Kind : std::uint8_t { counter, gauge, distribution };

/// Bytes of one block, whether private or in a slot.
inline constexpr std::size_t block_bytes = 64 * 1024;

/// Cumulative contents of one distribution; windows are differences of two of them.
struct Buckets {
  int scale = 6;               ///< base 2^(2^-scale), as OpenTelemetry's exponential histogram
  std::int32_t offset = 0;     ///< exponent index of counts[0]
  std::vector<std::uint64_t> counts;
  std::uint64_t zero = 0;      ///< below the smallest bucket
  std::uint64_t above = 0;     ///< over the largest
  double sum = 0.0;
  [[nodiscard]] std::uint64_t count() const noexcept;
  void add(const Buckets& other);       ///< merge; downscales to the coarser of the two
  void subtract(const Buckets& earlier);
  /// Quantile by geometric middle of the bucket; empty when nothing was observed. `q` in [0, 1].
  [[nodiscard]] std::optional<double> quantile(double q) const noexcept;
};

/// One metric as read from a block.
struct Entry {
  std::string_view name;
  std::string_view labels;
  Kind kind = Kind::counter;
  std::uint64_t count = 0;  ///< counter
  double value = 0.0;       ///< gauge
  Buckets buckets;          ///< distribution
};

class Registry {
 public:
  Registry();   ///< in private memory
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  Counter counter(std::string_view name, std::string_view labels = {});
  Gauge gauge(std::string_view name, std::string_view labels = {});
  Distribution distribution(std::string_view name, std::string_view labels = {});

  /// Moves to another block: names are entered there, counts so far are added, and from then on recording goes there. What
  /// other threads record meanwhile is not lost (they are counted in one of the two, and the old block is folded in again).
  void move_to(std::span<std::byte> block);
  /// In a fork's child: records into `block` from now on, all counts at zero. Async-signal-safe; no lock, no allocation.
  void restart_in(std::span<std::byte> block) noexcept;
  /// Around fork(): no registration may be under way while the process is copied.
  void lock_for_fork() noexcept;
  void unlock_after_fork() noexcept;

  /// What was refused: NaN, infinities, negatives, and registrations that found no room.
  [[nodiscard]] std::uint64_t refused() const noexcept;

 private:
  friend class selfscale::Counter;
  friend class selfscale::Gauge;
  friend class selfscale::Distribution;
  struct Block;
  std::atomic<std::byte*> base_{nullptr};  ///< of the current block; cells are offsets into it
};

/// Reads a block that may be written meanwhile, by this process or another. A foreign or torn block yields no entries.
std::vector<Entry> read(std::span<const std::byte> block);
/// Adds the cumulative counts of `from` into `into` (folding a dead slot). False when there is no room for all.
bool fold(std::span<const std::byte> from, std::span<std::byte> into);

}  // namespace selfscale::metrics
