/// Which block of a registry each thread writes.
///
/// A thread takes a block when it first records, keeps it while it lives, and gives it back at its
/// end: the counts stay, and a later thread continues in that block, or one that found none before.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <selfscale/detail/recording.hpp>
#include <span>

namespace selfscale::metrics {

class ThreadBlocks {
 public:
  /// Blocks that have one writer each; those of an area but the shared one.
  static constexpr std::uint32_t count = 15;

  /// A block for the calling thread; null when all are taken. No lock.
  const Writer* take(const std::atomic<std::byte*>& area) noexcept;
  void give_back(const Writer* writer) noexcept;

  /// Recording goes to the blocks of `area` from now on.
  void move_to(std::byte* area) noexcept;
  /// In a fork's child: only `kept` live on.
  void keep_only(std::span<const Writer* const> kept) noexcept;
  /// Blocks that were ever taken, the shared one included.
  [[nodiscard]] std::uint32_t shown() const noexcept { return shown_.load(); }
  /// How often blocks became free again: whoever found none asks anew when this has changed.
  [[nodiscard]] std::uint32_t freed() const noexcept {
    return freed_.load(std::memory_order_acquire);
  }

 private:
  std::array<Writer, count> writers_;
  std::atomic<std::uint32_t> shown_{1};
  std::atomic<std::uint32_t> freed_{0};
};

/// The calling thread's block of a registry, taken when it has none; null while there is none left.
/// Allocates the first time.
const Writer* writer_of_thread(std::uint64_t recorder, const std::shared_ptr<ThreadBlocks>& blocks,
                               const std::atomic<std::byte*>& area) noexcept;
/// The same, if it has one already.
const Writer* known_writer_of_thread(std::uint64_t recorder) noexcept;

}  // namespace selfscale::metrics
