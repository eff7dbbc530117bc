#include "drivers/local/process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>

#include "drivers/local/keeper.hpp"

namespace selfscale::drivers::local {
namespace {

Failure cannot_start(const std::string& program, int error) {
  Errc code = Errc::failed;
  std::string advice;
  if (error == ENOENT || error == ENOTDIR) {
    code = Errc::not_found;
    advice = program.find('/') == std::string::npos ? " in PATH" : "";
  } else if (error == EACCES) {
    code = Errc::denied;
  }
  return {code, "cannot start \"" + program + "\": " + std::strerror(error) + advice, {}};
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) std::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// The child's side, up to exec. Returns errno when that fails.
int become(const Launch& launch, char* const* arguments, char* const* variables, pid_t parent) {
  ::setpgid(0, 0);
  // The keeper must know the group before the supervisor can die without knowing it.
  if (launch.keeper >= 0) Keeper::announce(launch.keeper, ::getpid());
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);
  reset_signals();
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing >= 0) {
    ::dup2(nothing, STDIN_FILENO);
    if (nothing > STDIN_FILENO) ::close(nothing);
  }
  close_all_on_exec();
  for (const int descriptor : launch.inherited) ::fcntl(descriptor, F_SETFD, 0);
  ::execvpe(arguments[0], arguments, variables);
  return errno;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

/// One call, whatever the number of descriptors; false for kernels that do not know it. The C
/// library has a name for it since glibc 2.34 only.
bool close_range([[maybe_unused]] int first, [[maybe_unused]] int last,
                 [[maybe_unused]] unsigned how) {
#ifdef SYS_close_range
  return first > last || ::syscall(SYS_close_range, first, last, how) == 0;
#else
  return false;
#endif
}

/// Those that /proc lists; without it, all that there may be.
template <typename Job>
void for_each_descriptor(const Job& job) {
  const auto listed = numbers_in("/proc/self/fd");
  for (const int descriptor : listed) job(descriptor);
  if (!listed.empty()) return;
  const auto limit = static_cast<int>(::sysconf(_SC_OPEN_MAX));
  for (int descriptor = 0; descriptor < limit; ++descriptor) job(descriptor);
}

/// Does a process of this number belong to the group, and is it more than a zombie?
bool lives_in(int pid, pid_t group) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string line;
  if (!std::getline(file, line)) return false;
  const auto end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos) return false;
  std::istringstream rest{line.substr(end_of_name + 1)};
  char state = 'X';
  pid_t parent = 0;
  pid_t its_group = 0;
  rest >> state >> parent >> its_group;
  return its_group == group && state != 'Z' && state != 'X';
}

bool is_program(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

std::vector<int> numbers_in(const std::string& directory) {
  std::vector<int> numbers;
  const std::unique_ptr<DIR, CloseDirectory> open{::opendir(directory.c_str())};
  while (const dirent* entry = open ? ::readdir(open.get()) : nullptr) {
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) != 0) {
      numbers.push_back(std::atoi(entry->d_name));
    }
  }
  return numbers;
}

std::vector<std::string> environment(const std::vector<std::string>& unset,
                                     const std::vector<std::string>& set) {
  std::vector<std::string> without = unset;
  for (const auto& variable : set) without.push_back(variable.substr(0, variable.find('=')));
  std::vector<std::string> all = set;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view variable{*each};
    const auto name = variable.substr(0, variable.find('='));
    bool dropped = false;
    for (const auto& other : without) dropped = dropped || other == name;
    if (!dropped) all.emplace_back(variable);
  }
  return all;
}

Result<pid_t> launch(const Launch& launch) {
  const auto arguments = pointers(launch.command);
  const auto variables = pointers(launch.environment);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return cannot_start(launch.command[0], errno);
  const Descriptor outcome{ends[0]};
  Descriptor in_child{ends[1]};
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return cannot_start(launch.command[0], errno);
  if (pid == 0) {
    const int error = become(launch, arguments.data(), variables.data(), parent);
    [[maybe_unused]] const auto told = ::write(in_child.get(), &error, sizeof error);
    ::_exit(127);
  }
  ::setpgid(pid, pid);  // whichever side comes first
  in_child.close();
  int error = 0;
  if (::read(outcome.get(), &error, sizeof error) != sizeof error) return pid;
  ::waitpid(pid, nullptr, 0);
  if (launch.keeper >= 0) Keeper::withdraw(launch.keeper, pid);
  return cannot_start(launch.command[0], error);
}

Result<void> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (is_program(name)) return {};
    return cannot_start(name, ::access(name.c_str(), F_OK) == 0 ? EACCES : ENOENT);
  }
  const char* path = std::getenv("PATH");
  std::istringstream folders{path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin"};
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (is_program((folder.empty() ? "." : folder) + "/" + name)) return {};
  }
  return cannot_start(name, ENOENT);
}

bool group_lives(pid_t group) {
  if (::kill(-group, 0) != 0 && errno == ESRCH) return false;
  // A zombie that nobody has reaped yet also answers; without /proc it cannot be told apart.
  const auto processes = numbers_in("/proc");
  return processes.empty() ||
         std::ranges::any_of(processes, [group](int pid) { return lives_in(pid, group); });
}

std::string describe_exit(int status) {
  if (WIFEXITED(status)) return "exit code " + std::to_string(WEXITSTATUS(status));
  if (!WIFSIGNALED(status)) return "status " + std::to_string(status);
  const int number = WTERMSIG(status);
  return "signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
}

void close_all_on_exec() {
  constexpr unsigned on_exec = 1U << 2U;  // CLOSE_RANGE_CLOEXEC, since Linux 5.11
  if (close_range(STDERR_FILENO + 1, INT_MAX, on_exec)) return;
  for_each_descriptor([](int each) {
    if (each > STDERR_FILENO) ::fcntl(each, F_SETFD, FD_CLOEXEC);
  });
}

void close_all_but(int descriptor) {
  if (close_range(0, descriptor - 1, 0) && close_range(descriptor + 1, INT_MAX, 0)) return;
  for_each_descriptor([descriptor](int each) {
    if (each != descriptor) ::close(each);
  });
}

}  // namespace selfscale::drivers::local
