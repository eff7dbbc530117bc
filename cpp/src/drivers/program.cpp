#include "drivers/program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "drivers/local/process.hpp"
#include "http/call.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;
using local::Descriptor;

constexpr std::size_t most_output = std::size_t{1} << 20;
constexpr std::size_t longest_complaint = 4096;
constexpr std::chrono::milliseconds between_looks{5};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

/// Where the new program's descriptors lead, and what it inherits. It leads a group of its own, so
/// that what it starts can be killed with it; and no signal is blocked or ignored there, as this
/// library's thread and Python have some.
class Birth {
 public:
  Birth(int output, int complaints) {
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&files_, complaints, STDERR_FILENO);
    ::posix_spawnattr_init(&traits_);
    sigset_t signals;
    sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&traits_, &signals);
    sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&traits_, &signals);
    ::posix_spawnattr_setpgroup(&traits_, 0);
    ::posix_spawnattr_setflags(
        &traits_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  Birth(const Birth&) = delete;
  ~Birth() {
    ::posix_spawn_file_actions_destroy(&files_);
    ::posix_spawnattr_destroy(&traits_);
  }

  /// Not fork(): its handlers would wait for the very thread that calls.
  int give(pid_t& child, const Program& program) const {
    const auto variables = local::environment({}, program.environment);
    const auto arguments = pointers(program.command);
    return ::posix_spawnp(&child, arguments[0], &files_, &traits_, arguments.data(),
                          pointers(variables).data());
  }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t traits_{};
};

/// A process that leads its group, until its end was seen.
class Running {
 public:
  Running(asio::any_io_executor executor, int output) : output_{std::move(executor), output} {}
  Running(const Running&) = delete;
  ~Running() {
    kill();
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }

  int begin(const Program& program, int output, int complaints) {
    return Birth{output, complaints}.give(pid_, program);
  }
  void kill() const noexcept {
    if (pid_ > 0) ::kill(-pid_, SIGKILL);
  }
  /// Its time is up.
  void end() {
    is_late_ = true;
    kill();
    boost::system::error_code ignored;
    output_.cancel(ignored);  // somebody outside the group may hold the other end
  }
  [[nodiscard]] bool is_late() const noexcept { return is_late_; }
  asio::posix::stream_descriptor& output() noexcept { return output_; }

  /// Has it ended? Its status as waitpid() tells it; where an app has taken that away, as one that
  /// waits for all its children does, that of a good end.
  std::optional<int> look() {
    int status = 0;
    const pid_t seen = ::waitpid(pid_, &status, WNOHANG);
    if (seen == 0) return std::nullopt;
    pid_ = 0;
    return seen < 0 ? 0 : status;
  }

 private:
  pid_t pid_ = 0;
  bool is_late_ = false;
  asio::posix::stream_descriptor output_;
};

/// Kills it when its time is up. The handler may be called when all is over.
void end_in(const std::shared_ptr<Running>& running, asio::steady_timer& timer) {
  timer.async_wait([weak = std::weak_ptr{running}](const boost::system::error_code& cancelled) {
    if (const auto late = weak.lock(); late && !cancelled) late->end();
  });
}

std::string beginning_of(const Descriptor& file) {
  std::string text(longest_complaint, '\0');
  const auto size = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return http::shortened(text);
}

Failure did_not_start(const Program& program, int error) {
  const auto& name = program.command.front();
  const bool is_unknown = error == ENOENT && name.find('/') == std::string::npos;
  return {Errc::unsupported,
          "\"" + name + "\" cannot be started: " + std::strerror(error) +
              (is_unknown ? " in PATH" : ""),
          {}};
}

asio::awaitable<std::optional<Secret>> read_all(std::shared_ptr<Running> running) {
  // Wiped when it goes, as a text that grew would not be.
  const std::unique_ptr<char[]> bytes{new char[most_output]};
  std::size_t size = 0;
  boost::system::error_code ended;
  while (!ended && size < most_output) {
    size += co_await running->output().async_read_some(
        asio::buffer(bytes.get() + size, most_output - size),
        asio::redirect_error(asio::use_awaitable, ended));
  }
  std::optional<Secret> text;
  if (size < most_output) text.emplace(std::string_view{bytes.get(), size});
  volatile char* byte = bytes.get();
  for (std::size_t i = 0; i < size; ++i) byte[i] = '\0';
  co_return text;
}

}  // namespace

asio::awaitable<Result<Secret>> output_of(Program program, Duration within) {
  const auto& name = program.command.front();
  std::array<int, 2> ends{-1, -1};
  const Descriptor complaints{::memfd_create("selfscale-complaints", MFD_CLOEXEC)};
  if (!complaints.is_open() || ::pipe2(ends.data(), O_CLOEXEC) != 0) {
    co_return did_not_start(program, errno);
  }
  const auto executor = co_await asio::this_coro::executor;
  Descriptor output{ends[1]};
  const auto running = std::make_shared<Running>(executor, ends[0]);
  const int error = running->begin(program, output.get(), complaints.get());
  output.close();
  if (error != 0) co_return did_not_start(program, error);

  asio::steady_timer time_is_up{executor, within};
  end_in(running, time_is_up);
  auto text = co_await read_all(running);
  if (!text) {
    co_return Failure{Errc::malformed, "\"" + name + "\" prints more than a credential", {}};
  }
  auto status = running->look();
  for (asio::steady_timer pause{executor}; !status && !running->is_late();
       status = running->look()) {
    pause.expires_after(between_looks);
    co_await pause.async_wait(asio::use_awaitable);
  }
  if (running->is_late()) {
    co_return Failure{Errc::unreachable,
                      "\"" + name + "\" had not ended after " + std::to_string(within.count()) +
                          " ms, and was killed",
                      {}};
  }
  if (*status != 0) {
    const auto complaint = beginning_of(complaints);
    co_return Failure{Errc::denied,
                      "\"" + name + "\" ended with " + local::describe_exit(*status) +
                          (complaint.empty() ? "" : ": " + complaint),
                      {}};
  }
  co_return std::move(*text);
}

}  // namespace selfscale::drivers
