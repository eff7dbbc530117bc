#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace selfscale::journal {

/// Removed with all that is in it.
struct TemporaryDirectory {
  TemporaryDirectory() {
    std::string name = "/tmp/selfscale-journal-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace selfscale::journal
