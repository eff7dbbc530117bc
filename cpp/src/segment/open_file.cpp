#include "segment/open_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <memory>
#include <system_error>
#include <vector>

namespace selfscale::segment {
namespace {

struct flock lock_of(int byte, short type) noexcept {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

/// Files of this process, for its whole life: the one thing here that must be shared by everything
/// in the process, because record locks are.
struct Table {
  std::mutex mutex;
  std::vector<std::unique_ptr<OpenFile>> files;
};

Table& table() {
  static auto* const files =
      new Table;  // never destroyed: other threads may use it while the process ends
  return *files;
}

OpenFile* find(Table& files, const struct stat& status) {
  for (const auto& file : files.files) {
    if (file->is(status)) return file.get();
  }
  return nullptr;
}

Failure storage(const std::string& what, const std::string& path, int error_number) {
  return {Errc::storage, what + " " + path + ": " + words_for(error_number), {}};
}

/// posix_fallocate on more than the process may write ends it with SIGXFSZ, so ask first.
int allocate_in(int descriptor, std::size_t offset, std::size_t bytes) noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < offset + bytes) return EFBIG;
  return ::posix_fallocate(descriptor, static_cast<off_t>(offset), static_cast<off_t>(bytes));
}

/// Memory for the beginning, and the whole length.
int make_size(int descriptor, FileSize size) noexcept {
  if (size.length == 0) return 0;
  if (const int failed = allocate_in(descriptor, 0, size.allocated); failed != 0) return failed;
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size.length) return EFBIG;
  return ::ftruncate(descriptor, static_cast<off_t>(size.length)) == 0 ? 0 : errno;
}

}  // namespace

std::string words_for(int error_number) { return std::generic_category().message(error_number); }

OpenFile::OpenFile(int descriptor, const struct stat& status) noexcept
    : descriptor_{descriptor},
      device_{status.st_dev},
      inode_{status.st_ino},
      process_{::getpid()} {}

void OpenFile::forget_parents_locks() noexcept {
  const pid_t self = ::getpid();
  if (process_.load(std::memory_order_relaxed) == self) return;
  for (auto& held : held_) held.store(false, std::memory_order_relaxed);
  process_.store(self, std::memory_order_release);
}

bool OpenFile::try_lock(int byte) noexcept {
  forget_parents_locks();
  auto& held = held_[static_cast<std::size_t>(byte)];
  if (held.exchange(true, std::memory_order_acq_rel)) return false;
  auto lock = lock_of(byte, F_WRLCK);
  if (::fcntl(descriptor_, F_SETLK, &lock) == 0) return true;
  held.store(false, std::memory_order_release);
  return false;
}

void OpenFile::unlock(int byte) noexcept {
  if (!is_locked_here(byte)) return;
  auto lock = lock_of(byte, F_UNLCK);
  ::fcntl(descriptor_, F_SETLK, &lock);
  held_[static_cast<std::size_t>(byte)].store(false, std::memory_order_release);
}

bool OpenFile::is_locked_here(int byte) const noexcept {
  return process_.load(std::memory_order_acquire) == ::getpid() &&
         held_[static_cast<std::size_t>(byte)].load(std::memory_order_acquire);
}

std::optional<pid_t> OpenFile::holder(int byte) const noexcept {
  auto lock = lock_of(byte, F_WRLCK);
  if (::fcntl(descriptor_, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  return lock.l_pid;
}

bool OpenFile::is_locked(int byte) const noexcept { return is_locked_here(byte) || holder(byte); }

bool OpenFile::is(const struct stat& status) const noexcept {
  return status.st_dev == device_ && status.st_ino == inode_;
}

bool OpenFile::is_at(const std::string& path) const noexcept {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && is(status);
}

off_t OpenFile::size() const noexcept {
  struct stat status {};
  return ::fstat(descriptor_, &status) == 0 ? status.st_size : 0;
}

int OpenFile::allocate(std::size_t offset, std::size_t bytes) noexcept {
  return allocate_in(descriptor_, offset, bytes);
}

std::span<std::byte> OpenFile::map(std::size_t bytes) noexcept {
  const std::scoped_lock lock{mutex};
  if (mapping_.empty()) {
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
    if (at != MAP_FAILED) mapping_ = {static_cast<std::byte*>(at), bytes};
  }
  return mapping_;
}

Result<OpenFile*> open_file(const std::string& path) {
  auto& files = table();
  const std::scoped_lock lock{files.mutex};
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (auto* known = find(files, status)) return known;
  }
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) {
    const int error_number = errno;
    if (error_number == ENOENT) return Failure{Errc::not_found, "no file " + path, {}};
    if (error_number == ELOOP) return Failure{Errc::denied, path + " is a link", {}};
    return storage("cannot open", path, error_number);
  }
  const bool known_status = ::fstat(descriptor, &status) == 0;
  if (known_status) {
    if (auto* known = find(files, status))
      return known;  // another name of it: the new descriptor must not be closed
  }
  if (!known_status || !S_ISREG(status.st_mode) || status.st_uid != ::geteuid()) {
    ::close(descriptor);
    return Failure{Errc::denied, path + " is not a plain file of this user's", {}};
  }
  return files.files.emplace_back(std::make_unique<OpenFile>(descriptor, status)).get();
}

Result<void> make_file(const std::string& path, FileSize size, std::span<const std::byte> head,
                       bool replace) {
  std::string name = path + ".XXXXXX";
  const int descriptor = ::mkostemp(name.data(), O_CLOEXEC);  // mode 0600
  if (descriptor < 0) return storage("cannot make", path, errno);
  int error_number = make_size(descriptor, size);
  if (error_number == 0 &&
      ::pwrite(descriptor, head.data(), head.size(), 0) != static_cast<ssize_t>(head.size())) {
    error_number = errno;
  }
  ::close(descriptor);
  if (error_number == 0) {
    const int named =
        replace ? ::rename(name.c_str(), path.c_str()) : ::link(name.c_str(), path.c_str());
    if (named != 0) error_number = errno;
  }
  if (!replace || error_number != 0) ::unlink(name.c_str());
  if (error_number == EEXIST) return Failure{Errc::conflict, path + " has been made meanwhile", {}};
  if (error_number != 0) return storage("cannot make", path, error_number);
  return {};
}

bool peek(const std::string& path, std::span<std::byte> head) {
  auto& files = table();
  const std::scoped_lock lock{files.mutex};
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || find(files, status) != nullptr) return false;
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return false;
  auto any_byte = lock_of(0, F_WRLCK);
  any_byte.l_len = 0;  // to the end of the file
  const bool is_free = ::fcntl(descriptor, F_GETLK, &any_byte) == 0 && any_byte.l_type == F_UNLCK;
  const auto got = ::pread(descriptor, head.data(), head.size(), 0);
  ::close(descriptor);
  return is_free && got == static_cast<ssize_t>(head.size());
}

Result<void> make_private_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    const int error_number = errno;
    const auto parent = path.find_last_of('/');
    if (error_number != ENOENT || parent == std::string::npos || parent == 0) {
      return storage("cannot make the directory", path, error_number);
    }
    if (auto made = make_private_directory(path.substr(0, parent)); !made) return made;
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
      return storage("cannot make the directory", path, errno);
    }
  }
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return storage("cannot read the directory", path, errno);
  if (!S_ISDIR(status.st_mode))
    return Failure{Errc::denied, path + " must be a directory and is not", {}};
  if (status.st_uid != ::geteuid()) {
    return Failure{Errc::denied, "the directory " + path + " belongs to another user", {}};
  }
  if ((status.st_mode & 022) == 0) return {};
  const auto mended =
      is_for_many(path, status)
          ? ", which many use (one of your own is needed, such as " + path + "/selfscale)"
          : "; chmod 700 mends that";
  return Failure{Errc::denied, "others may write to the directory " + path + mended, {}};
}

bool is_for_many(const std::string& path, const struct stat& status) {
  if ((status.st_mode & (S_ISVTX | S_ISGID)) != 0) return true;
  std::error_code ignored;
  const auto whole = std::filesystem::weakly_canonical(path, ignored);
  // Those of the system stand at the top or right below, as /var/mail does, and are of root.
  return status.st_uid == 0 && std::distance(whole.begin(), whole.end()) <= 3;
}

}  // namespace selfscale::segment
