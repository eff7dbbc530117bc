/// A file that this process opens once and never closes: closing any descriptor of a file drops all
/// of the process's record locks on it. A second open of the same file yields the same object.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "model/result.hpp"

namespace selfscale::segment {

/// Its record locks belong to the process, so that it also keeps which of them this process holds
/// (F_GETLK does not tell). The lock functions make system calls and touch memory only: fit for a
/// fork's child, which finds that it holds none.
class OpenFile {
 public:
  static constexpr int lockable_bytes = 66;

  OpenFile(int descriptor, const struct stat& status) noexcept;

  /// False when another process, or another part of this one, holds it.
  bool try_lock(int byte) noexcept;
  void unlock(int byte) noexcept;
  [[nodiscard]] bool is_locked_here(int byte) const noexcept;
  [[nodiscard]] bool is_locked(int byte) const noexcept;
  /// Another process that holds it, as it is numbered here; 0: one in another process namespace,
  /// which has no number here. Empty: none.
  [[nodiscard]] std::optional<pid_t> holder(int byte) const noexcept;

  [[nodiscard]] bool is(const struct stat& status) const noexcept;
  /// Is it still the file of that name?
  [[nodiscard]] bool is_at(const std::string& path) const noexcept;
  [[nodiscard]] off_t size() const noexcept;
  /// Gives a part of it memory, as far as it has none yet; an error number when there is none.
  [[nodiscard]] int allocate(std::size_t offset, std::size_t bytes) noexcept;
  /// Maps it whole, once; empty when that fails.
  std::span<std::byte> map(std::size_t bytes) noexcept;
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  /// For what the threads of this process do by turns (record locks do not hold them apart).
  std::mutex mutex;

 private:
  void forget_parents_locks() noexcept;

  int descriptor_;
  dev_t device_;
  ino_t inode_;
  std::span<std::byte> mapping_;
  std::atomic<pid_t> process_;  ///< whose locks `held_` tells of
  std::array<std::atomic<bool>, lockable_bytes> held_{};
};

/// Opens an existing file of this user's; Errc::not_found, Errc::denied (not a plain file of this
/// user's), Errc::storage. The object lives as long as the process.
Result<OpenFile*> open_file(const std::string& path);
struct FileSize {
  std::size_t allocated = 0;  ///< bytes that have memory
  std::size_t length = 0;     ///< the rest is a hole
};
/// Makes a file of that size, of mode 0600, beginning with `head`, and gives it the name `path` in
/// one step. `replace` takes the place of what stands there; otherwise Errc::conflict when the name
/// is taken.
Result<void> make_file(const std::string& path, FileSize size, std::span<const std::byte> head,
                       bool replace);
/// The beginning of a file that this process does not have open; false when it has, or the file is
/// shorter or locked by somebody. (Opening and closing a file of its own would drop its locks.)
bool peek(const std::string& path, std::span<std::byte> head);
/// Makes the directory (0700) where it is missing. Errc::denied when it is a link, somebody else's,
/// or writable by others.
Result<void> make_private_directory(const std::string& path);
/// Is a directory meant for many, so that closing it to others would break the machine? By its
/// sticky or set-group-ID bit, or as one of the system's.
bool is_for_many(const std::string& path, const struct stat& status);
/// "No space left on device", and the like.
std::string words_for(int error_number);

}  // namespace selfscale::segment
