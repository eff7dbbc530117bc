#include "drivers/prefork/options.hpp"

#include <unistd.h>

#include <cstdint>
#include <nlohmann/json.hpp>

#include "sampling/text.hpp"

namespace selfscale::drivers::prefork {
namespace {

constexpr std::uint64_t most = 1 << 22;  // PID_MAX_LIMIT of the kernel

Failure wrong(const std::string& key, const std::string& value, const std::string& right) {
  return Failure{Errc::invalid_argument, "platform." + key + " is " + value + "; " + right, {}};
}

}  // namespace

Result<Options> read_options(std::string_view platform_json) {
  const auto platform = nlohmann::json::parse(platform_json, nullptr, /*allow_exceptions=*/false);
  Options options;
  if (!platform.is_object()) return options;
  if (const auto file = platform.find("pidFile"); file != platform.end()) {
    if (!file->is_string() || file->get<std::string>().empty()) {
      return wrong("pidFile", file->dump(), "the path of a file is needed");
    }
    options.pid_file = file->get<std::string>();
  }
  if (const auto pid = platform.find("pid"); pid != platform.end()) {
    if (!pid->is_number_unsigned() || pid->get<std::uint64_t>() == 0 ||
        pid->get<std::uint64_t>() > most) {
      return wrong("pid", pid->dump(), "the number of a process is needed");
    }
    if (!options.pid_file.empty()) {
      return wrong("pid", pid->dump(), "it cannot stand beside a pidFile");
    }
    options.pid = pid->get<pid_t>();
  }
  return options;
}

Result<pid_t> named_pid(const Options& options) {
  if (options.pid) return *options.pid;
  if (options.pid_file.empty()) return ::getppid();
  const auto text = sampling::read_text(options.pid_file);
  if (!text) {
    return Failure{Errc::unreachable, "the pid file " + options.pid_file + " cannot be read", {}};
  }
  const auto pid = sampling::leading_number(*text);
  if (!pid || *pid == 0 || *pid > most) {
    return Failure{Errc::malformed, "the pid file " + options.pid_file + " holds no pid", {}};
  }
  return static_cast<pid_t>(*pid);
}

}  // namespace selfscale::drivers::prefork
