// A real parent with real workers that takes SIGTTIN and SIGTTOU, and says what it was told.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace selfscale::drivers::prefork {

class RunningServer {
 public:
  /// "gunicorn" forks its workers and ends the oldest, "uvicorn" starts programs and ends the
  /// newest.
  explicit RunningServer(const std::string& kind, int workers = 2);
  ~RunningServer();
  RunningServer(const RunningServer&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string pid_file() const { return (folder_ / "pid").string(); }
  /// The platform object that names it.
  [[nodiscard]] std::string platform() const;
  [[nodiscard]] int count() const;
  /// As somebody else would; it has been told when this returns.
  void set_count(int workers);
  void signal(int number) const;
  /// It does nothing until SIGCONT; it stands still when this returns.
  void stop() const;
  /// Workers that were told to go have something to finish while this holds.
  void keep_busy(bool is_busy) const;
  /// The parent has better things to do than its signals while this holds.
  void keep_late(bool is_late) const;
  void write_pid_file(const std::string& text) const;

 private:
  void mark(const char* name, bool is_set) const;

  std::filesystem::path folder_;
  pid_t pid_ = -1;
};

}  // namespace selfscale::drivers::prefork
