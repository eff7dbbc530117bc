/// What /proc says of a process that signals are to be sent to, and of its children.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace selfscale::drivers::prefork {

struct Facts {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  ///< with the pid it names the process for good
  uid_t user = 0;                 ///< the effective one
  bool is_stopped = false;        ///< by a signal or a debugger: it does nothing until it goes on
  std::uint64_t caught = 0;       ///< signals that it has a handler for, bit n-1 for signal n
  std::uint64_t pending = 0;      ///< signals sent that it has not been told of yet
  std::vector<std::string> arguments;  ///< its title in the first one, where it gave itself one

  [[nodiscard]] bool catches(int signal) const noexcept;
  [[nodiscard]] bool has_pending(int signal) const noexcept;
};

/// Empty for a process that is not there or not alive.
std::optional<Facts> look_at(pid_t pid);
/// Its children that live, the oldest first.
std::vector<Facts> children_of(pid_t pid);

/// Those of the children that hold none of the sockets on which their parent listens, though
/// another one does: they were told to go, and finish what they have begun. Whose sockets may not
/// be seen is none of them.
std::vector<Facts> deaf_of(const Facts& parent, const std::vector<Facts>& children);

/// The numbers of the sockets that listen, by /proc/PID/net/tcp or tcp6.
std::vector<std::uint64_t> read_tcp_listeners(std::string_view table);
/// The same, by /proc/PID/net/unix.
std::vector<std::uint64_t> read_unix_listeners(std::string_view table);

/// Fills in what /proc/PID/status says; false where that is not to be read.
bool read_status(std::string_view status, Facts& facts);
/// The words of /proc/PID/cmdline.
std::vector<std::string> read_arguments(std::string_view cmdline);

}  // namespace selfscale::drivers::prefork
