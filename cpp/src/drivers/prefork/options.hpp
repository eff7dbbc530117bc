/// The policy's platform object, as the drivers of pre-forking servers read it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "model/result.hpp"

namespace selfscale::drivers::prefork {

struct Options {
  std::optional<pid_t> pid;
  std::string pid_file;  ///< read anew at each call; empty: none
};

/// `{"pid": 17}` or `{"pidFile": "/run/gunicorn.pid"}`; with neither it is the parent of this
/// process.
Result<Options> read_options(std::string_view platform_json);

/// The pid that these options name now. Errc::unreachable: there is no such file (yet);
/// Errc::malformed: it holds no pid.
Result<pid_t> named_pid(const Options& options);

}  // namespace selfscale::drivers::prefork
