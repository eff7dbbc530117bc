/// The fleet of one host: its meeting place is the file system (docs/decisions/0003-segment.md).
///
/// The right to lead is a record lock on a file in the run directory and one on another in the
/// state directory, which the kernel frees on any death. What the leader leaves behind and what
/// people have said are small JSON files in the state directory, mode 0600, replaced by rename.
#pragma once

#include <memory>
#include <string>

#include "fleet/fleet.hpp"

namespace selfscale::fleet {

struct Setting {
  std::string service;          ///< names the lease; one per (user, service)
  std::string state_directory;  ///< made with mode 0700 when first written to
  std::string run_directory;    ///< made with mode 0700 when first written to
  std::string holder;           ///< this process, "host/pid"
};

/// Touches no file yet. Belongs to the process that made it: a fork's child makes its own.
std::unique_ptr<Fleet> make_host(Setting setting);

}  // namespace selfscale::fleet
