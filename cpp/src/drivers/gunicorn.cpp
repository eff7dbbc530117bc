#include "drivers/gunicorn.hpp"

#include <algorithm>
#include <utility>

#include "drivers/prefork/server.hpp"
#include "sampling/text.hpp"

namespace selfscale::drivers {
namespace {

using prefork::Facts;

/// With the package setproctitle it gives its processes titles, in place of their arguments.
constexpr std::string_view arbiter_title = "gunicorn: master ";
constexpr std::string_view worker_title = "gunicorn: worker ";

std::string_view first_word(const Facts& process) {
  return process.arguments.empty() ? std::string_view{} : process.arguments.front();
}

bool is_gunicorn(std::string_view argument) {
  const auto slash = argument.rfind('/');
  const auto name = slash == std::string_view::npos ? argument : argument.substr(slash + 1);
  return name == "gunicorn";
}

/// By its title, as the program, or as the interpreter's script or module: `python -m gunicorn`.
bool is_arbiter(const Facts& process, const std::vector<Facts>& /*children*/) {
  if (first_word(process).starts_with(arbiter_title)) return true;
  constexpr std::size_t most_before = 8;  // options of the interpreter
  const auto looked_at = std::min(process.arguments.size(), most_before);
  return std::any_of(process.arguments.begin(),
                     process.arguments.begin() + static_cast<std::ptrdiff_t>(looked_at),
                     is_gunicorn);
}

/// Begun by an upgrade (USR2): beside the old one, and with workers of its own.
bool is_new_arbiter(const Facts& arbiter, const Facts& child) {
  const auto environment =
      sampling::read_text("/proc/" + std::to_string(child.pid) + "/environ").value_or("");
  const auto mark = "GUNICORN_PID=" + std::to_string(arbiter.pid);
  const auto variables = sampling::split(environment, '\0');
  return std::ranges::find(variables, mark) != variables.end();
}

/// Forked, and no more: a program that the application or a hook started has other arguments.
bool is_worker(const Facts& arbiter, const Facts& child) {
  if (first_word(arbiter).starts_with(arbiter_title)) {
    return first_word(child).starts_with(worker_title);
  }
  return child.arguments == arbiter.arguments && !is_new_arbiter(arbiter, child);
}

constexpr prefork::Server server{
    .name = "gunicorn",
    .parent = "arbiter",
    .remedy =
        "start the agent in gunicorn's workers, or name the arbiter in platform.pid or "
        "platform.pidFile; one that your own program embeds is known by its title, for which "
        "the package setproctitle is needed",
    .cost = {"of gunicorn's workers the oldest goes first, busy or not; what it has begun it "
             "finishes within --graceful-timeout",
             "a request that takes longer is cut off",
             "--graceful-timeout 30   # of gunicorn's command: longer than the longest request"},
    .ends_oldest = true,
    .is_worker = is_worker,
    .is_parent = is_arbiter};

}  // namespace

Result<std::unique_ptr<Driver>> gunicorn_driver(Setting setting) {
  auto options = prefork::read_options(setting.platform_json);
  if (!options) return options.error();
  return prefork::driver_of(setting.io, server, std::move(*options));
}

}  // namespace selfscale::drivers
