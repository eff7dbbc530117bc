#include "drivers/local/accepting.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "drivers/local/process.hpp"
#include "sampling/process.hpp"

namespace selfscale::drivers::local {
namespace {

constexpr std::uint64_t most_watched = 4096;  // descriptors in one poll() or select()

std::string process_directory(pid_t pid) { return "/proc/" + std::to_string(pid); }

bool is_socket(const std::string& process, std::uint64_t descriptor, ino_t socket) {
  struct stat status {};
  const auto path = process + "/fd/" + std::to_string(descriptor);
  return ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode) && status.st_ino == socket;
}

/// Of a line "tfd:  3 events:  19 data:  3  pos:0 ino:43ef99 sdev:9".
bool names_inode(std::string_view line, ino_t inode) {
  constexpr std::string_view key = "ino:";
  const auto at = line.find(key);
  if (!line.starts_with("tfd:") || at == std::string_view::npos) return false;
  const auto number = line.substr(at + key.size());
  std::uint64_t named = 0;
  std::from_chars(number.data(), number.data() + number.size(), named, 16);
  return named == inode;
}

bool is_in_epoll_set(const std::string& process, ino_t socket) {
  for (const int descriptor : numbers_in(process + "/fd")) {
    const auto name = std::to_string(descriptor);
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(process + "/fd/" + name, gone);
    if (target != "anon_inode:[eventpoll]") continue;
    std::ifstream file{process + "/fdinfo/" + name};
    for (std::string line; std::getline(file, line);) {
      if (names_inode(line, socket)) return true;
    }
  }
  return false;
}

/// What a thread sleeps in: the call's number and arguments.
struct Call {
  long number = -1;
  std::array<std::uint64_t, 3> arguments{};
};

/// Empty: it runs, or may not be looked at.
std::optional<Call> call_of(const std::string& thread) {
  std::ifstream file{thread + "/syscall"};
  Call call;
  if (!(file >> call.number)) return std::nullopt;
  for (auto& argument : call.arguments) file >> std::hex >> argument;
  return call;
}

template <class T>
std::vector<T> read_memory(const std::string& process, std::uint64_t address, std::uint64_t count) {
  std::vector<T> values(std::min(count, most_watched));
  const Descriptor memory{::open((process + "/mem").c_str(), O_RDONLY | O_CLOEXEC)};
  const auto size = values.size() * sizeof(T);
  const auto read = ::pread(memory.get(), values.data(), size, static_cast<off_t>(address));
  if (read != static_cast<ssize_t>(size)) values.clear();
  return values;
}

bool polls(const std::string& process, const Call& call, ino_t socket) {
  const auto [list, count, unused] = call.arguments;
  const auto watched = read_memory<pollfd>(process, list, count);
  return std::ranges::any_of(watched, [&](const pollfd& each) {
    return each.fd >= 0 && (each.events & POLLIN) != 0 &&
           is_socket(process, static_cast<std::uint64_t>(each.fd), socket);
  });
}

bool selects(const std::string& process, const Call& call, ino_t socket) {
  const auto [count, set, unused] = call.arguments;
  const auto bytes = read_memory<std::uint8_t>(process, set, (count + 7) / 8);
  for (std::uint64_t each = 0; each < std::min(count, 8 * bytes.size()); ++each) {
    const bool is_watched = (bytes[each / 8] >> (each % 8) & 1) != 0;
    if (is_watched && is_socket(process, each, socket)) return true;
  }
  return false;
}

bool sleeps_for(const std::string& process, const Call& call, ino_t socket) {
  switch (call.number) {
#ifdef SYS_accept
    case SYS_accept:
#endif
    case SYS_accept4:
      return is_socket(process, call.arguments[0], socket);
#ifdef SYS_poll
    case SYS_poll:
#endif
    case SYS_ppoll:
      return polls(process, call, socket);
#ifdef SYS_select
    case SYS_select:
#endif
    case SYS_pselect6:
      return selects(process, call, socket);
    default:
      return false;
  }
}

bool accepts(const std::string& process, ino_t socket) {
  if (is_in_epoll_set(process, socket)) return true;
  const auto threads = numbers_in(process + "/task");
  return std::ranges::any_of(threads, [&](int thread) {
    const auto call = call_of(process + "/task/" + std::to_string(thread));
    return call && sleeps_for(process, *call, socket);
  });
}

}  // namespace

bool is_seen_accepting(pid_t worker, ino_t socket) {
  return std::ranges::any_of(sampling::process_tree(worker), [socket](const auto& process) {
    return accepts(process_directory(process.pid), socket);
  });
}

}  // namespace selfscale::drivers::local
