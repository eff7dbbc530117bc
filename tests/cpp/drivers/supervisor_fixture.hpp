// A supervisor in a process of its own, with a stream that the test may ask it over.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "drivers/local/options.hpp"
#include "drivers/local/process.hpp"
#include "drivers/local/protocol.hpp"

namespace selfscale::drivers::local {

/// Waits until it is so; false after 30 seconds.
bool eventually(const std::function<bool()>& is_so);

/// A directory of the test's own, gone with it.
class Directory {
 public:
  Directory();
  Directory(const Directory&) = delete;
  ~Directory();
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::vector<std::string> lines_of(const std::string& path);

/// `sleep` as a worker that is ready at once; quick to fail, quick to come back.
Options options_of(int count, int most);

class RunningSupervisor {
 public:
  explicit RunningSupervisor(Options options);
  RunningSupervisor(const RunningSupervisor&) = delete;
  /// Kills it and waits until nothing is left.
  ~RunningSupervisor();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::string& run_directory() const { return directory_.path(); }
  /// The other end of a second stream, for a driver; once.
  [[nodiscard]] Descriptor take_stream() { return std::move(for_driver_); }

  /// Asks over the test's own stream.
  Report observe();
  Result<void> scale(int desired, const std::vector<std::string>& victims = {});
  /// Observes until that many workers are ready and no other exists.
  bool converges_to(int count);

  void signal(int number) const;
  /// Ends it with SIGKILL and reaps it.
  void kill();
  /// SIGKILL to a child of it; to nobody else, whatever has the number by now.
  void kill_child(pid_t pid) const;
  /// Exit code, once it has ended by itself; -1 where a signal ended it, -2 where it did not.
  int join();
  /// Its children: workers, agent, keeper.
  [[nodiscard]] std::set<pid_t> children() const;
  /// Nothing that it started, directly or through a worker, lives.
  [[nodiscard]] bool left_nothing() const;
  /// A worker has reported through the segment.
  [[nodiscard]] bool hears_a_worker() const;
  /// Processes that exist with this run's mark in their environment, zombies not counted.
  [[nodiscard]] std::vector<pid_t> living() const;

 private:
  std::variant<Report, Accepted, Failure> ask(std::variant<Observe, Scale> what);

  Directory directory_;
  std::string service_;
  std::string release_;
  std::atomic<pid_t> pid_{0};      ///< read by tests that watch from another thread
  std::set<pid_t> last_children_;  ///< when it was killed
  Descriptor stream_;
  Descriptor for_driver_;
  std::string received_;
  std::int64_t last_id_ = 0;
};

}  // namespace selfscale::drivers::local
