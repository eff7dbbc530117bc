/// A server that is a program of its own and refuses to run as root: under root it runs as
/// `nobody`.
#pragma once

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace selfscale::fleet {

class ServerProcess {
 public:
  ServerProcess() = default;
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess() { end(SIGQUIT); }

  /// Those who are to write there.
  static void give_away(const std::string& path) {
    if (::geteuid() == 0 && ::chown(path.c_str(), nobody, nobody) != 0) ::abort();
  }

  /// Runs a program to its end: was it a success?
  static bool succeeds(std::vector<std::string> words, const std::string& folder) {
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    const auto process = begin(std::move(words), folder, nowhere);
    ::close(nowhere);
    int status = -1;
    ::waitpid(process, &status, 0);
    return status == 0;
  }

  /// True once it says that it is ready; false: it has ended before.
  bool start(std::vector<std::string> words, const std::string& folder, const std::string& ready) {
    std::array<int, 2> log{};
    if (::pipe2(log.data(), O_CLOEXEC) != 0) ::abort();
    process_ = begin(std::move(words), folder, log[1]);
    ::close(log[1]);
    logs_.push_back(log[0]);  // stays open: whoever writes to a closed one is killed
    std::string said;
    std::array<char, 512> bytes{};
    while (said.find(ready) == std::string::npos) {
      const auto got = ::read(log[0], bytes.data(), bytes.size());
      if (got <= 0) return false;
      said.append(bytes.data(), static_cast<std::size_t>(got));
    }
    return true;
  }

  /// To it and its children.
  void signal(int number) const {
    ::kill(process_, number);
    std::ifstream children{"/proc/" + std::to_string(process_) + "/task/" +
                           std::to_string(process_) + "/children"};
    for (pid_t child = 0; children >> child;) ::kill(child, number);
  }
  void end(int number) {
    if (process_ <= 0) return;
    ::kill(process_, number);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }

 private:
  static constexpr uid_t nobody = 65534;

  static pid_t begin(std::vector<std::string> words, const std::string& folder, int log) {
    std::vector<char*> pointers;
    for (auto& each : words) pointers.push_back(each.data());
    pointers.push_back(nullptr);
    const auto process = ::fork();
    if (process != 0) return process;
    if (::geteuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) ::_exit(126);
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (::chdir(folder.c_str()) != 0) ::_exit(126);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execv(pointers.front(), pointers.data());
    ::_exit(127);
  }

  pid_t process_ = 0;
  std::vector<int> logs_;
};

}  // namespace selfscale::fleet
