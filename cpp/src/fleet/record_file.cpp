#include "fleet/record_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

namespace selfscale::fleet {
namespace {

namespace asio = boost::asio;

constexpr off_t largest_file = off_t{16} * 1024 * 1024;
constexpr std::chrono::milliseconds lock_pause{2};
constexpr int lock_tries = 250;

/// An open file, closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_{number} {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const noexcept { return number_; }
  [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }

 private:
  int number_;
};

Failure storage(std::string_view what, const std::string& path, int error) {
  return {
      Errc::storage, "cannot " + std::string{what} + " " + path + ": " + std::strerror(error), {}};
}

Failure not_ours(const std::string& why) { return {Errc::malformed, why, {}}; }

bool write_all(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    const auto written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// The rename itself is kept across a loss of power once its directory is.
void sync_directory_of(const std::string& path) noexcept {
  const auto slash = path.rfind('/');
  const auto directory = slash == std::string::npos ? std::string{"."} : path.substr(0, slash + 1);
  const Descriptor opened{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (opened.is_open()) ::fsync(opened.number());
}

bool set_lock(int descriptor, short type) noexcept {
  struct flock wanted {};
  wanted.l_type = type;
  wanted.l_whence = SEEK_SET;
  // Of the open file, not of the process: two agents of one process exclude each other too.
  return ::fcntl(descriptor, F_OFD_SETLK, &wanted) == 0;
}

}  // namespace

std::string file_name_of(std::string_view service) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  std::string name;
  for (const char letter : service) {
    if (plain.find(letter) != std::string_view::npos) {
      name += letter;
    } else {
      std::array<char, 4> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "%%%02X", static_cast<unsigned char>(letter));
      name += escaped.data();
    }
  }
  return name;
}

Result<std::optional<std::string>> read_file(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  if (!file.is_open() && (errno == ENOENT || errno == ENOTDIR)) return std::optional<std::string>{};
  if (!file.is_open() && errno == ELOOP) return not_ours("it is a symbolic link");
  if (!file.is_open()) return storage("open", path, errno);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return storage("read", path, errno);
  if (!S_ISREG(status.st_mode)) return not_ours("it is not a regular file");
  if (status.st_uid != ::geteuid()) return not_ours("it belongs to another user");
  if (status.st_size > largest_file) return not_ours("it is too large to be one");
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const auto got = ::read(file.number(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return storage("read", path, errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  text.resize(filled);
  return std::optional{std::move(text)};
}

Result<void> replace_file(const std::string& path, std::string_view text, bool durable) {
  const auto beside = path + ".new";  // one name: a killed writer leaves one file, not many
  {
    constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
    const Descriptor file{::open(beside.c_str(), flags, 0600)};
    if (!file.is_open()) return storage("write", beside, errno);
    const bool written =
        write_all(file.number(), text) && (!durable || ::fsync(file.number()) == 0);
    if (!written) return storage("write", beside, errno);
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return storage("replace", path, errno);
  if (durable) sync_directory_of(path);
  return {};
}

Result<KeptAside> keep_aside(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return storage("look at", path, errno);
  struct stat taken {};
  int number = 1;
  std::string aside = path + ".corrupt-1";
  while (::lstat(aside.c_str(), &taken) == 0) {
    aside = path + ".corrupt-" + std::to_string(++number);
  }
  if (::rename(path.c_str(), aside.c_str()) != 0) return storage("move aside", path, errno);
  return KeptAside{std::move(aside), status.st_mtim.tv_sec};
}

asio::awaitable<Result<BriefLock>> BriefLock::take(std::string path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0) co_return storage("open the lock", path, errno);
  BriefLock lock{descriptor};
  asio::steady_timer timer{co_await asio::this_coro::executor};
  for (int tries = 0; tries < lock_tries; ++tries) {
    if (lock.try_lock()) co_return Result<BriefLock>{std::move(lock)};
    timer.expires_after(lock_pause);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return Failure{Errc::timed_out, path + " is held by another process; try again", {}};
}

bool BriefLock::try_lock() const noexcept { return set_lock(descriptor_, F_WRLCK); }

BriefLock::~BriefLock() {
  if (descriptor_ < 0) return;
  set_lock(descriptor_, F_UNLCK);  // a child forked meanwhile holds the same open file
  ::close(descriptor_);
}

}  // namespace selfscale::fleet
