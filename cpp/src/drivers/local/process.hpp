/// Descriptors, and processes that lead groups of their own.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "model/result.hpp"

namespace selfscale::drivers::local {

/// Closes what it holds.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_{number} {}
  Descriptor(Descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();
  [[nodiscard]] int get() const noexcept { return number_; }
  [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }
  void close() noexcept { *this = Descriptor{}; }

 private:
  int number_ = -1;
};

/// The entries of a directory of /proc that are numbers; empty where it cannot be read.
std::vector<int> numbers_in(const std::string& directory);

/// Environment of a child: this process's, without `unset`, with `set` ("NAME=value").
std::vector<std::string> environment(const std::vector<std::string>& unset,
                                     const std::vector<std::string>& set);

struct Launch {
  std::vector<std::string> command;      ///< at least the program, looked up in PATH
  std::vector<std::string> environment;  ///< all of it
  std::vector<int> inherited;            ///< descriptors beyond the standard ones
  int keeper = -1;  ///< is told of the new group before the program begins (keeper.hpp)
};

/// Starts it as the leader of a new process group, with no signal blocked or ignored, input from
/// /dev/null, and SIGTERM when this process dies. Errc::not_found, Errc::denied, Errc::failed: it
/// could not be started, in words.
Result<pid_t> launch(const Launch& launch);

/// Is there a program of that name? Errc::not_found, Errc::denied otherwise.
Result<void> find_program(const std::string& name);

/// Any process of this group that is not a zombie.
bool group_lives(pid_t group);

/// "exit code 3", "signal 9 (Killed)": from waitpid's status.
std::string describe_exit(int status);

/// Marks every descriptor from 3 on to be closed by exec.
void close_all_on_exec();
/// Closes all from 0 on but this one.
void close_all_but(int descriptor);

}  // namespace selfscale::drivers::local
