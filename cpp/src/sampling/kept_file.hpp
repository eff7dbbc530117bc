/// A small file of /proc or /sys that is read again and again.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace selfscale::sampling {

/// Opened at the first reading and kept, so that each further one costs a system call and no
/// allocation. One thread at a time.
class KeptFile {
 public:
  explicit KeptFile(std::string path) noexcept : path_{std::move(path)} {}
  KeptFile(KeptFile&& other) noexcept;
  KeptFile& operator=(KeptFile&& other) noexcept;
  ~KeptFile() { close(); }

  /// The text as it stands now. It lies in `buffer`, which keeps the size of the largest text,
  /// until that is used again. Empty when the file is not there, may not be read, or has lost what
  /// it was of (a process, a control group) and nothing new stands in its place.
  std::optional<std::string_view> read(std::string& buffer);

  /// The next reading opens it anew. A system call at most: safe in a fork's child.
  void close() noexcept;

 private:
  std::optional<std::string_view> read_open(std::string& buffer);

  std::string path_;
  int file_ = -1;
};

}  // namespace selfscale::sampling
