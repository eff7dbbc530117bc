#include "drivers/local/agent_child.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "segment/wall_clock.hpp"

namespace selfscale::drivers::local {

AgentChild::AgentChild(const Options& options, Keeper& keeper)
    : command_{options.agent},
      variables_{"SELFSCALE_SERVICE=" + options.service,
                 "SELFSCALE_RUN_DIR=" + options.run_directory,
                 "SELFSCALE_RUN_SINCE=" + std::to_string(segment::wall_seconds())},
      first_{options.backoff_first},
      most_{options.backoff_most},
      keeper_{keeper},
      wanted_{!options.agent.empty()} {
  if (!options.release.empty()) variables_.push_back("SELFSCALE_RELEASE=" + options.release);
}

std::optional<Time> AgentChild::due() const {
  if (!wanted_ || exists()) return std::nullopt;
  return due_;
}

Result<std::optional<LineStream>> AgentChild::start_if_due(Time now) {
  if (const auto when = due(); !when || now < *when) return std::optional<LineStream>{};
  due_ = now + most_;  // should this fail
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Failure{Errc::failed, std::string{"no stream: "} + std::strerror(errno), {}};
  }
  Descriptor ours{ends[0]};
  const Descriptor its{ends[1]};
  auto variables = variables_;
  variables.push_back("SELFSCALE_SUPERVISOR_FD=" + std::to_string(its.get()));
  const Launch child{command_,
                     environment({"SELFSCALE_INSTANCE", "SELFSCALE_SUPERVISED"}, variables),
                     {its.get()},
                     keeper_.descriptor()};
  const auto pid = launch(child);
  if (!pid) return pid.error();
  pid_ = pid.value();
  keeper_.remember(pid_);
  started_ = now;
  return std::optional<LineStream>{std::in_place, std::move(ours)};
}

std::string AgentChild::ended(const std::string& how, Time now) {
  ::kill(-pid_, SIGKILL);  // what it may have left behind
  keeper_.forget(pid_);
  pid_ = 0;
  if (!wanted_) return {};
  if (now - started_ >= most_) failures_ = 0;
  const auto wait = std::min(most_, first_ * (1 << std::min(failures_, 16)));
  ++failures_;
  due_ = now + wait;
  return "the agent ended with " + how + "; it starts again in " +
         std::to_string(wait.count() / 1000) + " s, and the workers go on";
}

void AgentChild::stop(int signal) {
  wanted_ = false;
  if (!exists()) return;
  ::kill(signal == SIGKILL ? -pid_ : pid_, signal);
  ::kill(pid_, SIGCONT);  // a stopped process acts on no SIGTERM
}

}  // namespace selfscale::drivers::local
