#include "drivers/callback.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <mutex>
#include <utility>

#include "drivers/deadline.hpp"
#include "drivers/overtaken.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;

constexpr Duration patience{10'000};  // for calls that carry no deadline
constexpr int most_replicas = 100'000;
constexpr double longest_poll_seconds = 3'600.0;

/// Where answers go. The user's thread may answer after the driver and its io_context are gone.
class Mailbox {
 public:
  explicit Mailbox(asio::io_context& io) : io_{&io} {}
  void deliver(std::function<void()> answer) {
    const std::lock_guard guard{mutex_};
    if (io_ != nullptr) asio::post(*io_, std::move(answer));
  }
  void close() {
    const std::lock_guard guard{mutex_};
    io_ = nullptr;
  }
  std::atomic<int> late{0};  ///< answers that nobody waited for any more

 private:
  std::mutex mutex_;
  asio::io_context* io_;
};

/// One call under way. `answer` and `wake` belong to the control thread.
template <class T>
struct Call {
  std::optional<Result<T>> answer;
  asio::steady_timer* wake = nullptr;  ///< the caller's, while it waits
  std::atomic<bool> abandoned{false};
};

/// The caller's side of a call: leaves it behind however the wait ends.
template <class T>
struct Wait {
  std::shared_ptr<Call<T>> call;
  asio::steady_timer timer;
  Wait(std::shared_ptr<Call<T>> made, asio::io_context& io, Duration deadline)
      : call{std::move(made)}, timer{io, deadline} {
    call->wake = &timer;
  }
  Wait(const Wait&) = delete;
  ~Wait() {
    call->wake = nullptr;
    call->abandoned = true;
  }
};

template <class T>
Result<T> run(const std::string& what, const std::function<T()>& function) {
  try {
    if constexpr (std::is_void_v<T>) {
      function();
      return Result<void>{};
    } else {
      return function();
    }
  } catch (const abi::__forced_unwind&) {
    throw;  // the thread is being ended from outside; swallowing that would abort the process
  } catch (const RetryAfter& error) {
    return Failure{error.code(), what + " raised: " + error.what(), error.permission(),
                   error.wait()};
  } catch (const DriverError& error) {
    return Failure{error.code(), what + " raised: " + error.what(), error.permission()};
  } catch (const Error& error) {
    return Failure{error.code(), what + " raised: " + error.what(), {}};
  } catch (const std::exception& error) {
    return Failure{Errc::failed, what + " raised: " + error.what(), {}};
  } catch (...) {
    return Failure{Errc::failed, what + " raised something that is no std::exception", {}};
  }
}

Result<Observation> check(Observation seen) {
  for (const int count : {seen.desired, seen.current, seen.ready.value_or(0),
                          seen.least.value_or(0), seen.most.value_or(0)}) {
    if (count >= 0 && count <= most_replicas) continue;
    return Failure{Errc::malformed,
                   "observe() returned " + std::to_string(count) +
                       " replicas; counts go from 0 to " + std::to_string(most_replicas),
                   {}};
  }
  const double poll = seen.poll_after_seconds.value_or(0.0);
  if (!(poll >= 0.0 && poll <= longest_poll_seconds)) {
    return Failure{
        Errc::malformed, "observe() asks to be called again in no time from 0 to 3600 s", {}};
  }
  return seen;
}

class Callback final : public Driver {
 public:
  explicit Callback(Setting setting)
      : setting_{std::move(setting)},
        mailbox_{std::make_shared<Mailbox>(setting_.io)},
        last_asked_{setting_.assumed_replicas} {}
  Callback(const Callback&) = delete;
  ~Callback() override { mailbox_->close(); }

  asio::awaitable<Result<Observation>> observe() override {
    if (!setting_.callbacks.observe) co_return with_note(assumed());
    co_return co_await look(patience);
  }

  asio::awaitable<Result<void>> scale(ScaleRequest request) override {
    const int least = std::max(setting_.callbacks.can.minimum, 0);
    const int count = request.desired;
    const Duration longest = request.deadline;
    const Deadline until{longest};
    if (count < least) {
      co_return Failure{
          Errc::invalid_argument,
          "scale: " + std::to_string(count) + " replicas; " + std::to_string(least) + " or more",
          {}};
    }
    if (looks_first(request)) {
      const auto seen = co_await look(longest);
      if (!seen) co_return seen.error();
      if (auto why = overtaken(request, seen->desired)) co_return std::move(*why);
    }
    // It may have to wait for other calls: what is left of its time, it learns when it begins.
    std::function<void()> ask = [function = setting_.callbacks.scale, deadline = until,
                                 asked = std::move(request)]() mutable {
      asked.deadline = deadline.left(asked.deadline);
      function(asked);
    };
    auto answer = co_await call<void>("scale(" + std::to_string(count) + ")", std::move(ask),
                                      until.left(longest));
    if (answer) last_asked_ = count;
    co_return answer;
  }

  asio::awaitable<Result<Preflight>> preflight() override {
    if (!setting_.callbacks.preflight) co_return Preflight{};
    auto answer = co_await call<Preflight>("preflight()", setting_.callbacks.preflight, patience);
    co_return answer;
  }

  asio::awaitable<Result<void>> release() override {
    if (!setting_.callbacks.release) co_return Result<void>{};
    auto answer = co_await call<void>("release()", setting_.callbacks.release, patience);
    co_return answer;
  }

  [[nodiscard]] Capabilities capabilities() const override { return setting_.callbacks.can; }

 private:
  asio::awaitable<Result<Observation>> look(Duration deadline) {
    auto answer = co_await call<Observation>("observe()", setting_.callbacks.observe, deadline);
    if (!answer) co_return answer.error();
    co_return check(with_note(std::move(answer.value())));
  }

  /// Of functions that compare no version nobody knows whether they compare counts.
  [[nodiscard]] bool looks_first(const ScaleRequest& request) const {
    const bool is_conditional =
        setting_.callbacks.can.conditional_write && !request.version.empty();
    return request.from && setting_.callbacks.observe && !is_conditional;
  }

  template <class T>
  asio::awaitable<Result<T>> call(std::string what, std::function<T()> function,
                                  Duration deadline) {
    Wait<T> wait{std::make_shared<Call<T>>(), setting_.io, deadline};
    setting_.post([call = wait.call, mailbox = mailbox_, what, function = std::move(function)] {
      if (call->abandoned) return;  // nobody waits, and the world has gone on: not run at all
      mailbox->deliver([call, mailbox, answer = run<T>(what, function)]() mutable {
        if (call->wake == nullptr) {
          ++mailbox->late;
          return;
        }
        call->answer = std::move(answer);
        call->wake->cancel();
      });
    });
    co_await wait.timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (wait.call->answer) co_return std::move(*wait.call->answer);
    co_return Failure{Errc::timed_out,
                      what + " did not return within " + std::to_string(deadline.count()) + " ms",
                      {}};
  }

  [[nodiscard]] Observation assumed() const {
    Observation seen;
    seen.desired = last_asked_;
    seen.current = last_asked_;
    return seen;
  }

  [[nodiscard]] Observation with_note(Observation seen) const {
    if (const int late = mailbox_->late; late > 0) {
      if (!seen.note.empty()) seen.note += "; ";
      seen.note +=
          "answers of your functions that came too late and were dropped: " + std::to_string(late);
    }
    return seen;
  }

  Setting setting_;
  std::shared_ptr<Mailbox> mailbox_;
  int last_asked_;
};

}  // namespace

std::unique_ptr<Driver> callback_driver(Setting setting) {
  return std::make_unique<Callback>(std::move(setting));
}

}  // namespace selfscale::drivers
