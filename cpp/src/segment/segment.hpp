/// The file that an instance's processes share: slots, record locks, drain marks
/// (docs/decisions/0003-segment.md).
///
/// One mapped file per (user, service, release group), created at full length, its memory allocated
/// with posix_fallocate as slots are taken, replaced by rename, never resized. Each process owns
/// one slot and writes only there. Locks are POSIX record locks: byte 0 is the control role, byte n
/// is slot n; a child inherits none, and the kernel frees them on any death. The file is opened
/// once per process and never closed, because closing any descriptor of it would drop the locks.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/registry.hpp"
#include "model/result.hpp"

namespace selfscale::segment {

inline constexpr int slot_count = 64;
inline constexpr std::size_t published_bytes = std::size_t{16} * 1024;
inline constexpr std::size_t told_bytes = std::size_t{4} * 1024;

struct Place {
  std::string service;
  std::string release;        ///< may be empty
  std::string run_directory;  ///< 0700; part of what tells one segment from another
  /// Where memory-backed files live; the file stands in its selfscale-UID directory, or, when that
  /// cannot be, in `run_directory`. Empty: `run_directory` alone.
  std::string shared_memory = "/dev/shm";
};

/// Whether a process can serve, as it says itself.
enum class Readiness : std::uint32_t { unsaid, ready, follows };

/// What a process says of itself with each report.
struct Standing {
  Readiness readiness = Readiness::unsaid;
  bool drains = false;  ///< told to go, it lets its clients finish first
  bool operator==(const Standing&) const = default;
};

/// A slot as others see it.
struct SlotView {
  int slot = 0;                  ///< 1 … slot_count
  bool alive = false;            ///< its owner lives and has not given it up
  std::uint32_t generation = 0;  ///< changes with every new owner
  pid_t pid = 0;                 ///< as it is numbered here; 0: of another process namespace
  std::string instance;
  std::string release;
  double started_at = 0.0;  ///< wall seconds, when its owner took it
  std::int64_t heartbeat_ms =
      0;  ///< boot-clock milliseconds of the owner's last report; 0: none yet
  bool draining = false;
  Standing standing;
  /// It reports, and has not said that its readiness follows.
  [[nodiscard]] bool is_ready() const noexcept {
    return heartbeat_ms != 0 && standing.readiness != Readiness::follows;
  }
  std::span<const std::byte> metrics;  ///< for metrics::read
};

/// All that the processes have counted, each thing once: what a process counted stands in its slot,
/// dead or alive, until it passes to the retired sums.
struct Contents {
  struct Process {
    SlotView view;
    std::vector<metrics::Entry> entries;
  };
  std::vector<Process> processes;
  std::vector<metrics::Entry> retired;
};

/// What a living process told of itself last.
struct Told {
  pid_t pid = 0;  ///< as in SlotView
  std::string instance;
  std::int64_t heartbeat_ms = 0;
  std::string text;
};

/// Used by one thread at a time, but for is_draining() and the areas. In a fork's child it
/// owns nothing until claim_after_fork().
class Segment {
 public:
  /// The file where there is one, and nothing is made; null: there is none that is usable.
  static std::unique_ptr<Segment> find(const Place& wanted);
  /// Opens or creates the file; a truncated, foreign or other-version file is replaced.
  /// Errc::storage: no room, no rights.
  static Result<std::unique_ptr<Segment>> open(const Place& wanted);
  virtual ~Segment() = default;

  /// Takes a free slot for this process, empty; a dead owner's counts are folded into the retired
  /// sums first. Twice: the same slot. Errc::storage: none free, or no memory for it.
  virtual Result<int> claim(std::string_view instance, std::string_view release) = 0;
  /// The same, in a fork's child: system calls and memory only; 0 when none is free.
  virtual int claim_after_fork() noexcept = 0;
  /// The owner's area (metrics::area_bytes); empty without a slot.
  virtual std::span<std::byte> own_metrics() noexcept = 0;
  virtual void heartbeat(std::int64_t boot_ms, Standing standing) noexcept = 0;
  [[nodiscard]] virtual bool is_draining() const noexcept = 0;
  /// Gives the slot up; its counts stay in the sums. No other process gets it while this one lives:
  /// a thread may be about to record there.
  virtual void release() noexcept = 0;

  /// The control role: byte 0. Non-blocking; true while this process holds it.
  virtual bool hold_control() noexcept = 0;
  virtual void drop_control() noexcept = 0;

  /// Every slot that has or had an owner whose counts are still in it.
  [[nodiscard]] virtual std::vector<SlotView> slots() const = 0;
  /// Everything at once: nothing missing, nothing twice, whoever dies or claims a slot meanwhile.
  [[nodiscard]] virtual Contents read() const = 0;
  /// Tells every living process of an instance to drain; returns how many. The one word that a
  /// stranger writes into a slot.
  virtual int mark_draining(std::string_view instance) noexcept = 0;

  /// The last decision as this process knows it, JSON of at most `published_bytes` (a longer one is
  /// left out); others read the newest of living slots.
  virtual void publish(std::string_view text) noexcept = 0;
  [[nodiscard]] virtual std::optional<std::string> published() const = 0;

  /// What this process has to say of itself, at most `told_bytes` (a longer text is left out). It
  /// goes with the process.
  virtual void tell(std::string_view text) noexcept = 0;
  /// What the living have told, but for this object's own slot.
  [[nodiscard]] virtual std::vector<Told> told_by_others() const = 0;

  /// The file was removed or replaced: open anew and claim there.
  [[nodiscard]] virtual bool is_stale() const noexcept = 0;
  [[nodiscard]] virtual const std::string& path() const noexcept = 0;
  /// Something unusual about it, for status: "made anew: …"; empty: nothing.
  [[nodiscard]] virtual std::string note() const = 0;
};

/// A lock file of its own: the right to act under a driver of scope host (fleet/host), per (user,
/// service).
class RecordLock {
 public:
  /// Makes the file where it is missing; its directory must be there.
  static Result<std::unique_ptr<RecordLock>> open(const std::string& path);
  virtual ~RecordLock() = default;
  /// True while this object holds it; call again now and then, it finds out when the file was
  /// removed. Never blocks.
  virtual bool try_hold() noexcept = 0;
  virtual void drop() noexcept = 0;
  /// Pid of the living holder as the kernel tells it; 0: one that cannot be seen from here, of
  /// another container, say. Empty: nobody (or this process).
  [[nodiscard]] virtual std::optional<pid_t> holder() const noexcept = 0;
};

}  // namespace selfscale::segment
