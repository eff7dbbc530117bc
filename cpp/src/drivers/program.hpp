/// Running a program for what it prints.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <selfscale/instant.hpp>
#include <string>
#include <vector>

#include "model/result.hpp"
#include "model/secret.hpp"

namespace selfscale::drivers {

struct Program {
  std::vector<std::string> command;  ///< at least its name, looked up in PATH where it has no '/'
  std::vector<std::string> environment;  ///< "NAME=value", over those of this process

  bool operator==(const Program&) const = default;
};

/// What it printed, once it has ended well. Its input is empty. Where this is left before, it is
/// killed with all that it has started. Errc::unsupported: it cannot be started. Errc::unreachable:
/// it had not ended by then. Errc::denied: it ended otherwise; the message has its own complaint.
/// Errc::malformed: it prints more than a MiB.
boost::asio::awaitable<Result<Secret>> output_of(Program program, Duration within);

}  // namespace selfscale::drivers
