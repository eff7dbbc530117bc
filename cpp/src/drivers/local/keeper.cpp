#include "drivers/local/keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace selfscale::drivers::local {
namespace {

using Clock = std::chrono::steady_clock;

/// One word of the pipe; whole, since a pipe takes so few bytes in one piece.
struct Word {
  pid_t group = 0;
  bool ended = false;
};

void write_word(int descriptor, const Word& word) noexcept {
  while (::write(descriptor, &word, sizeof word) < 0 && errno == EINTR) {
  }
}

void signal_all(const std::set<pid_t>& groups, int number) {
  for (const pid_t group : groups) ::kill(-group, number);
}

void end_all(std::set<pid_t> groups, std::chrono::milliseconds grace) {
  signal_all(groups, SIGTERM);
  signal_all(groups, SIGCONT);  // a stopped process acts on no SIGTERM
  const auto until = Clock::now() + grace;
  while (!groups.empty() && Clock::now() < until) {
    std::erase_if(groups, [](pid_t group) { return !group_lives(group); });
    if (!groups.empty()) ::poll(nullptr, 0, 20);
  }
  signal_all(groups, SIGKILL);
}

[[noreturn]] void keep(int pipe, std::chrono::milliseconds grace) {
  ::setpgid(0, 0);  // a Ctrl-C in the terminal is the supervisor's business
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) std::signal(number, SIG_IGN);
  close_all_but(pipe);
  std::set<pid_t> groups;
  Word word;
  for (;;) {
    const auto size = ::read(pipe, &word, sizeof word);
    if (size < 0 && errno == EINTR) continue;
    if (size != static_cast<ssize_t>(sizeof word)) break;
    if (word.ended) {
      groups.erase(word.group);
    } else {
      groups.insert(word.group);
    }
  }
  end_all(std::move(groups), grace);
  ::_exit(0);
}

}  // namespace

Result<void> Keeper::start() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return Failure{
        Errc::failed, std::string{"no pipe for the keeper: "} + std::strerror(errno), {}};
  }
  const Descriptor read_end{ends[0]};
  pipe_ = Descriptor{ends[1]};
  pid_ = ::fork();
  if (pid_ < 0) {
    return Failure{
        Errc::failed, std::string{"cannot start the keeper: "} + std::strerror(errno), {}};
  }
  if (pid_ == 0) keep(read_end.get(), grace_);
  for (const pid_t group : groups_) announce(pipe_.get(), group);
  return {};
}

void Keeper::forget(pid_t group) {
  groups_.erase(group);
  withdraw(pipe_.get(), group);
}

void Keeper::stop() {
  pipe_.close();
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void Keeper::announce(int descriptor, pid_t group) noexcept {
  write_word(descriptor, {group, false});
}

void Keeper::withdraw(int descriptor, pid_t group) noexcept {
  write_word(descriptor, {group, true});
}

}  // namespace selfscale::drivers::local
