#include "drivers/prefork/server.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <system_error>
#include <utility>

#include "drivers/overtaken.hpp"

namespace selfscale::drivers::prefork {
namespace {

namespace asio = boost::asio;
using Clock = asio::steady_timer::clock_type;
using Time = Clock::time_point;

constexpr Duration patience{10'000};  // for calls that carry no deadline
constexpr Duration look_again{20};
/// A parent looks after its workers twice a second (uvicorn) or once (gunicorn): a worker that died
/// is replaced by then, and a signal that the kernel has delivered has been counted.
constexpr Duration settling{1'200};
constexpr Duration longest_doubt{30'000};

/// A process for good, whoever has its pid later.
struct Name {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;
  explicit Name(const Facts& facts) : pid{facts.pid}, start_ticks{facts.start_ticks} {}
  bool operator==(const Name&) const = default;
};

std::string workers(int count) {
  return std::to_string(count) + (count == 1 ? " worker" : " workers");
}

class Prefork final : public Driver {
 public:
  Prefork(asio::io_context& io, const Server& server, Options options)
      : io_{io}, server_{server}, options_{std::move(options)} {}

  asio::awaitable<Result<Observation>> observe() override {
    const auto settled = co_await settle(Clock::now() + patience);
    if (!settled) co_return settled.error();
    Observation seen;
    seen.desired = *asked_;
    seen.current = static_cast<int>(settled->workers.size());
    if (settled->parent.is_stopped) seen.failure = title() + " is stopped by a signal";
    co_return seen;
  }

  asio::awaitable<Result<void>> scale(ScaleRequest request) override {
    if (request.desired < 1) {
      co_return Failure{Errc::invalid_argument,
                        "scale: " + workers(request.desired) + "; " + std::string{server_.name} +
                            " keeps 1 or more",
                        {}};
    }
    const auto until = Clock::now() + request.deadline;
    const bool was_in_doubt = doubt_.has_value();  // then the new count is of our own signal
    auto family = co_await settle(until);
    if (family && !was_in_doubt) {
      if (auto why = overtaken(request, *asked_)) co_return std::move(*why);
    }
    while (family && (doubt_ || asked_ != request.desired)) {
      if (!asked_) {
        co_return Failure{
            Errc::conflict, "scale: another process is " + title() + " meanwhile", {}};
      }
      if (Clock::now() >= until) co_return out_of_time(request, *family);
      if (!doubt_ && !family->parent.is_stopped) {
        const auto sent = send(*asked_ < request.desired ? SIGTTIN : SIGTTOU, *family);
        if (!sent) co_return sent;
      }
      co_await pause();
      family = look();
    }
    if (!family) co_return family.error();
    co_return Result<void>{};
  }

  asio::awaitable<Result<Preflight>> preflight() override {
    Preflight found;
    if (const auto family = look(); !family) {
      found.wrong.emplace_back(
          family.error().message,
          "its workers are told to be more or fewer by signals to that process",
          R"("pidFile": "/run/)" + std::string{server_.name} +
              R"(.pid"   # in the policy's platform)");
    }
    if (found.wrong.empty()) {
      const auto& [what, why, paste] = server_.cost;
      found.warnings.emplace_back(std::string{what}, std::string{why}, std::string{paste});
    }
    co_return found;
  }

  [[nodiscard]] Capabilities capabilities() const override {
    Capabilities can;
    can.scope = Capabilities::Scope::host;
    can.minimum = 1;
    return can;
  }

 private:
  /// The parent and the workers that live, the oldest first.
  struct Family {
    Facts parent;
    std::vector<Facts> workers;
  };

  /// A signal that was sent, until it is seen that it was taken.
  struct Doubt {
    int signal = 0;
    Time since;                ///< when it was sent, or was last seen to wait
    int staying = 0;           ///< workers before it that were to stay
    bool may_be_lost = false;  ///< whoever lets a stopped process go on discards it
  };

  [[nodiscard]] std::string title() const {
    return "the " + std::string{server_.parent} + " of " + std::string{server_.name};
  }

  // --- looking

  Result<Family> look() {
    const auto pid = named_pid(options_);
    if (!pid) return pid.error();
    auto parent = look_at(*pid);
    if (!parent) {
      return Failure{
          Errc::unreachable, title() + " (pid " + std::to_string(*pid) + ") is not there", {}};
    }
    const auto children = children_of(*pid);
    if (const auto fine = recognize(*parent, children); !fine) return fine.error();
    Family family{std::move(*parent), {}};
    for (const auto& child : children) {
      if (server_.is_worker(family.parent, child)) family.workers.push_back(child);
    }
    meet(family);
    note_taken(family);
    return family;
  }

  /// Either signal stops a process that has no handler for it.
  [[nodiscard]] Result<void> recognize(const Facts& process,
                                       const std::vector<Facts>& children) const {
    const auto& words = process.arguments;
    const auto name = "process " + std::to_string(process.pid) + " (" +
                      (words.empty() ? std::string{"a kernel thread"} : words.front()) + ")";
    if (!process.catches(SIGTTIN) || !process.catches(SIGTTOU) ||
        !server_.is_parent(process, children)) {
      return Failure{
          Errc::not_found, name + " is not " + title() + ": " + std::string{server_.remedy}, {}};
    }
    if (::geteuid() != 0 && ::geteuid() != process.user) {
      return Failure{Errc::denied,
                     title() + ", " + name + ", belongs to user " + std::to_string(process.user) +
                         " and this process runs as user " + std::to_string(::geteuid()) +
                         ": run both as one",
                     "to send signals to process " + std::to_string(process.pid)};
    }
    return {};
  }

  /// Of another parent than before nothing is known but what its workers show: an agent before this
  /// one may have told some to go. Later they are known by the signals alone, for a worker that
  /// recycles itself shows the same, and will be replaced.
  void meet(const Family& family) {
    if (parent_ == Name{family.parent}) return;
    parent_ = Name{family.parent};
    asked_.reset();
    doubt_.reset();
    leaving_.clear();
    for (const auto& worker : deaf_of(family.parent, family.workers)) leaving_.emplace_back(worker);
  }

  /// Those that nobody has told to go.
  [[nodiscard]] std::vector<Facts> staying(const Family& family) const {
    std::vector<Facts> stay;
    for (const auto& worker : family.workers) {
      if (std::ranges::find(leaving_, Name{worker}) == leaving_.end()) stay.push_back(worker);
    }
    return stay;
  }

  /// Looks until the count is what was last asked for. Another one is believed to be somebody
  /// else's once it has stood still: a worker that died is about to be replaced.
  asio::awaitable<Result<Family>> settle(Time until) {
    std::optional<int> before;
    Time since;
    for (;;) {
      auto family = look();
      if (!family) co_return family;
      if (doubt_ && asked_) co_return family;  // what it does is not somebody else's
      const int count = static_cast<int>(staying(*family).size());
      const auto now = Clock::now();
      if (before != count) since = now;
      before = count;
      if (asked_ == count) co_return family;
      if (now - since >= settling && count > 0) {
        asked_ = count;
        co_return family;
      }
      if (now >= until) {
        co_return Failure{Errc::timed_out,
                          "the workers of " + std::string{server_.name} +
                              " come and go: " + std::to_string(count) + " of them now",
                          {}};
      }
      co_await pause();
    }
  }

  // --- acting

  Result<void> send(int signal, const Family& family) {
    if (::kill(family.parent.pid, signal) != 0) {
      const std::error_code why{errno, std::generic_category()};
      return Failure{why == std::errc::no_such_process ? Errc::unreachable : Errc::denied,
                     title() + " cannot be signalled: " + why.message(),
                     {}};
    }
    doubt_ = Doubt{signal, Clock::now(), static_cast<int>(staying(family).size())};
    return {};
  }

  void note_taken(const Family& family) {
    std::erase_if(leaving_, [&](const Name& name) {
      return std::ranges::none_of(family.workers,
                                  [&](const Facts& worker) { return Name{worker} == name; });
    });
    if (!doubt_) return;
    const auto stay = staying(family);
    const int count = static_cast<int>(stay.size());
    const bool is_up = doubt_->signal == SIGTTIN;
    if (is_up ? count > doubt_->staying : count < doubt_->staying) return take(is_up);
    if (family.parent.is_stopped || family.parent.has_pending(doubt_->signal)) {
      doubt_->since = Clock::now();
      doubt_->may_be_lost = doubt_->may_be_lost || family.parent.is_stopped;
      return;
    }
    const auto age = Clock::now() - doubt_->since;
    if (age >= (doubt_->may_be_lost ? settling : longest_doubt)) {
      doubt_.reset();
    } else if (!is_up && age >= settling && count > 1) {
      // The parent has been told, and the worker finishes what it has begun.
      leaving_.emplace_back(server_.ends_oldest ? stay.front() : stay.back());
      take(is_up);
    }
  }

  void take(bool is_up) {
    asked_ = *asked_ + (is_up ? 1 : -1);
    doubt_.reset();
  }

  [[nodiscard]] Failure out_of_time(const ScaleRequest& request, const Family& family) const {
    return Failure{Errc::timed_out,
                   "scale: " + title() + " was to have " + workers(request.desired) +
                       ", and has been seen to take " + std::to_string(*asked_) + " within " +
                       std::to_string(request.deadline.count()) + " ms" +
                       (family.parent.is_stopped ? ": it is stopped by a signal" : ""),
                   {}};
  }

  asio::awaitable<void> pause() {
    asio::steady_timer timer{io_, look_again};
    co_await timer.async_wait(asio::use_awaitable);
  }

  asio::io_context& io_;
  const Server& server_;
  Options options_;
  std::optional<Name> parent_;
  std::optional<int> asked_;    ///< workers that it has been told to have
  std::optional<Doubt> doubt_;  ///< one signal at most is under way
  std::vector<Name> leaving_;   ///< workers that finish what they have begun
};

}  // namespace

std::unique_ptr<Driver> driver_of(asio::io_context& io, const Server& server, Options options) {
  return std::make_unique<Prefork>(io, server, std::move(options));
}

}  // namespace selfscale::drivers::prefork
