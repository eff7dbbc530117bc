/// The metrics of one process, in one area of memory: a directory of names, and blocks of cells,
/// one per thread that records. The area is private at first and one of the segment once the agent
/// has a slot there, so that other processes can read it; recording is the same either way.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <selfscale/metric.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/buckets.hpp"

namespace selfscale::metrics {

class ThreadBlocks;

enum class Kind : std::uint8_t { counter, gauge, distribution };

inline constexpr std::size_t directory_bytes = std::size_t{32} * 1024;
/// Bytes of one block of cells.
inline constexpr std::size_t block_bytes = std::size_t{64} * 1024;
/// Bytes of a process's area, whether private or in the segment: a shared block, and one for each
/// of fifteen threads.
inline constexpr std::size_t area_bytes = directory_bytes + 16 * block_bytes;
/// Bytes of an area that only sums are folded into.
inline constexpr std::size_t sums_bytes = directory_bytes + block_bytes;

/// Of distributions with labels; those without are at finest_scale.
inline constexpr int labelled_scale = 3;

/// Label sets that one name may have: a counter takes a word, and may have as many as routes have
/// answers.
inline constexpr int label_sets_per_name = 32;
inline constexpr int label_sets_per_counter = 128;

/// Of a name that has all its label sets, the one that stands for all further ones, as
/// OpenTelemetry calls it: the sum over a name's label sets misses none.
inline constexpr std::string_view overflow_labels = "otel_metric_overflow=true";

/// Counts what was refused: NaN, infinities, negatives, and registrations that found no room.
inline constexpr std::string_view refused_name = "selfscale_refused_total";

/// One metric as read from an area.
struct Entry {
  std::string name;
  std::string labels;
  Kind kind = Kind::counter;
  std::uint64_t count = 0;  ///< counter
  double value = 0.0;       ///< gauge
  Buckets buckets;          ///< distribution
};

/// Get-or-make takes a mutex; recording through the handles takes none. All methods: any thread,
/// unless said otherwise.
class Registry : public Recorder {
 public:
  Registry();  ///< in private memory
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// Throw Error(invalid_argument) when the name exists as another kind, or is empty or too long. A
  /// registration that finds no room, or is beyond the label sets of its name, gets the cell of
  /// overflow_labels; a gauge, or one without labels, a cell that all names of its kind share. Both
  /// count as refused.
  Counter counter(std::string_view name, std::string_view labels = {});
  Gauge gauge(std::string_view name, std::string_view labels = {});
  Distribution distribution(std::string_view name, std::string_view labels = {});

  /// Moves to another area, whose contents are replaced: names are entered there, counts so far go
  /// with them, and from then on recording goes there. The old area must stay mapped: a thread may
  /// be about to record into it; settle() fetches that.
  void move_to(std::span<std::byte> area);
  /// Moves back to private memory before the slot is given up: gauges go along, counts stay in the
  /// slot and begin at zero here.
  void move_home();
  /// Brings over what threads recorded into the old area while it was being left. Called now and
  /// then by the agent.
  void settle() noexcept;

  /// In a fork's child: records into `area` from now on, everything at zero. Memory only; no lock,
  /// no allocation.
  void restart_in(std::span<std::byte> area) noexcept;
  /// The same in private memory, for a child that found no slot.
  void restart_at_home() noexcept;
  /// Around fork(): no registration may be under way while the process is copied. The child calls
  /// unlock, too.
  void lock_for_fork() noexcept;
  void unlock_after_fork() noexcept;

  /// The area that is recorded into now, for read().
  [[nodiscard]] std::span<const std::byte> block() const noexcept;
  [[nodiscard]] std::uint64_t refused() const noexcept;

 private:
  friend class Recorder;
  struct Left;
  struct Cell {
    std::uint32_t offset = 0;
    int scale = 0;
  };

  void take_what_came_late(std::byte* into) noexcept;
  void record_in(std::byte* area) noexcept;
  void forget_parents_threads() noexcept;
  Cell cell_for(std::string_view name, std::string_view labels, Kind kind);

  struct Free {
    void operator()(std::byte* memory) const noexcept;
  };
  std::unique_ptr<std::byte, Free> home_;
  std::atomic<std::byte*> base_{nullptr};  ///< of the current area
  std::shared_ptr<ThreadBlocks> blocks_;
  std::vector<Left> left_;  ///< areas before, for settle(); under mutex_
  std::mutex mutex_;        ///< registration and moving
};

/// Reads an area that may be written meanwhile, by this process or another: each metric once, its
/// blocks added up; overflow_labels where something was recorded with them. A foreign or torn area
/// yields no entries.
std::vector<Entry> read(std::span<const std::byte> area);

/// Makes an empty area of whatever was there. Memory only.
void clear(std::span<std::byte> area) noexcept;

/// Adds the counts and distributions of `from` into `into` (folding a dead slot); gauges end with
/// their process. An empty `into` is made a block first. False when there was no room for all.
/// Memory only; no lock, no allocation: fit for a fork's child.
bool fold(std::span<const std::byte> from, std::span<std::byte> into) noexcept;

}  // namespace selfscale::metrics
