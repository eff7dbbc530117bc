/// Small files of our own that are always whole, and the lock under which several processes change
/// one of them. For fleet/host alone.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/result.hpp"

namespace selfscale::fleet {

/// A service's name as part of a file's: letters, digits and "-_." stay, all else is %XX.
std::string file_name_of(std::string_view service);

/// The text; empty when there is no such file. Errc::malformed: not a regular file of this user.
Result<std::optional<std::string>> read_file(const std::string& path);

/// Writes a file beside it and renames that over it: readers see the old text or the new.
/// `durable`: also across a loss of power.
Result<void> replace_file(const std::string& path, std::string_view text, bool durable);

struct KeptAside {
  std::string path;
  std::int64_t changed_at = 0;  ///< seconds since the epoch at which it was last written
};
/// Moves a file that cannot be used to "….corrupt-N".
Result<KeptAside> keep_aside(const std::string& path);

/// Exclusive among all processes and threads that lock the same path, for the few microseconds of a
/// compare-and-set. Freed by the destructor, and by the kernel on any death.
class BriefLock {
 public:
  /// Waits for it, up to half a second: Errc::timed_out.
  static boost::asio::awaitable<Result<BriefLock>> take(std::string path);
  BriefLock(BriefLock&& other) noexcept : descriptor_{other.descriptor_} { other.descriptor_ = -1; }
  BriefLock& operator=(BriefLock&&) = delete;
  ~BriefLock();

 private:
  explicit BriefLock(int descriptor) : descriptor_{descriptor} {}
  [[nodiscard]] bool try_lock() const noexcept;
  int descriptor_;
};

}  // namespace selfscale::fleet
