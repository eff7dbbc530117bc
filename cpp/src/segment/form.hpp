/// The form of the segment's file (docs/decisions/0003-segment.md). A file of zeros with a head is
/// a valid, empty segment. Memory for the areas is allocated as slots are taken.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "metrics/registry.hpp"
#include "segment/segment.hpp"

namespace selfscale::segment {

inline constexpr std::uint64_t file_magic = 0x676573656c616373;  // "scaleseg"
inline constexpr std::uint32_t file_version = 4;
inline constexpr std::size_t name_bytes = 64;

/// Lock bytes: 0 the control role, 1 … slot_count the slots, then the right to fold.
inline constexpr int control_byte = 0;
inline constexpr int fold_byte = slot_count + 1;

enum class SlotState : std::uint32_t { free, owned, released };

/// Which of the two retired blocks counts, and the slot and generation that was folded into it
/// last: one word, so that a slot's counts pass from the slot to the retired sums in one step,
/// whenever the folding process is killed.
struct Folded {
  std::uint32_t generation = 0;
  std::uint16_t slot = 0;
  std::uint16_t active = 0;

  [[nodiscard]] std::uint64_t packed() const noexcept {
    return std::uint64_t{generation} << 32 | std::uint64_t{slot} << 16 | active;
  }
  static Folded unpack(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint16_t>(word >> 16),
            static_cast<std::uint16_t>(word & 1)};
  }
};

/// A readiness, and a bit beside it.
inline constexpr std::uint32_t drains_bit = 4;
constexpr std::uint32_t packed(Standing standing) noexcept {
  return static_cast<std::uint32_t>(standing.readiness) | (standing.drains ? drains_bit : 0);
}
constexpr Standing unpack_standing(std::uint32_t word) noexcept {
  return {static_cast<Readiness>(word & (drains_bit - 1)), (word & drains_bit) != 0};
}

struct Head {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t slot_bytes;
  std::uint32_t slots;
  std::uint32_t replaced;  ///< 1: made in the place of a file that was truncated, foreign or of
                           ///< another version
  std::uint64_t place;     ///< hash of service, release and run directory
  std::atomic<std::uint64_t> folded;
  std::atomic<std::uint64_t> lost;  ///< folds that found no room for every name
  std::atomic<std::uint64_t>
      publications;  ///< stamps what is published, so that the newest can be told
  std::array<char, 512>
      run_directory;  ///< once it is gone, so is the use of a file in shared memory
};

/// Text that others may read while it is written: a torn name is seen by the generation, and is
/// never overlong.
using Name = std::array<std::atomic<char>, name_bytes>;

/// Text that is read whole or not at all.
template <std::size_t bytes>
struct Text {
  std::atomic<std::uint64_t> sequence;  ///< odd: being written
  std::atomic<std::uint64_t> stamp;
  std::atomic<std::uint64_t> size;
  std::array<std::atomic<std::uint64_t>, bytes / 8> words;
};

struct Slot {
  std::atomic<SlotState> state;
  std::atomic<std::uint32_t> generation;         ///< 0: never owned
  std::atomic<std::uint32_t> folded_generation;  ///< its counts stand in the retired sums
  std::atomic<std::int32_t> pid;
  std::atomic<double> started_at;
  std::atomic<std::int64_t> heartbeat_ms;
  std::atomic<std::uint32_t> standing;  ///< packed
  std::atomic<std::uint32_t> draining;
  Name instance;
  Name release;
  Text<published_bytes> published;
  Text<told_bytes> told;
};

/// Of one slot, for metrics::read; touched only once the slot was taken.
struct alignas(4096) Area {
  std::array<std::byte, metrics::area_bytes> bytes;
};

struct File {
  Head head;
  alignas(4096) std::array<Slot, slot_count> slots;
  alignas(4096) std::array<std::array<std::byte, metrics::sums_bytes>, 2> retired;
  std::array<Area, slot_count> areas;
};
/// What is allocated when the file is made.
inline constexpr std::size_t common_bytes = offsetof(File, areas);
static_assert(std::atomic<double>::is_always_lock_free &&
              std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace selfscale::segment
