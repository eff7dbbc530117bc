/// The only thread: one io_context, on which everything of the agent waits and runs.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "agent/house.hpp"
#include "agent/own_work.hpp"
#include "agent/steering.hpp"
#include "control/handler.hpp"
#include "exposition/collect.hpp"
#include "http/server.hpp"

namespace selfscale::agent {

/// Made, started and stopped by whoever holds the agent's lifecycle; asked by any thread. In a
/// fork's child it is never destroyed: its thread is not there.
class Runner final : public control::Controlled {
 public:
  /// `on_drain` is called once, on the control thread, when this replica is told to go.
  Runner(const AgentOptions& options, Settings settings, Seat& seat, Subscribers& subscribers,
         Totals& totals, std::function<void()> on_drain);
  ~Runner() override;  ///< stops
  Runner(const Runner&) = delete;

  void start();
  void stop() noexcept;

  /// Runs a coroutine of this object on the control thread and waits for what comes of it. Throws
  /// Error(timed_out), Error(stopped), or what the result holds.
  template <class T>
  T ask(std::function<boost::asio::awaitable<Result<T>>()> what);

  boost::asio::awaitable<Result<std::optional<std::string>>> recommendation(std::string service);
  boost::asio::awaitable<Result<std::string>> status();
  boost::asio::awaitable<Result<exposition::Sources>> exposed();
  boost::asio::awaitable<Result<std::vector<ScalingEvent>>> history(std::string service, int limit);
  /// Reports at once, rather than at the next tick. Any thread.
  void report_soon();

  /// Around fork(): holds the thread where nothing is half done. False: it did not come in time.
  bool park(std::chrono::milliseconds patience) noexcept;
  void unpark() noexcept;
  /// In a child, which must touch nothing else. What the thread may have been changing, where
  /// park() did not hold it, is left alone.
  void abandon_in_child() noexcept;

  // What people can ask (control::Controlled), on the control thread.
  double wall_time_seconds() override;
  double uptime_seconds() override;
  Result<std::string> status_json() override;
  Result<std::string> policies_json() override;
  Result<std::string> recommendations_json() override;
  Result<std::string> history_json(const std::string& service, int limit) override;
  Result<std::string> decision_json(const std::string& id) override;
  boost::asio::awaitable<Result<void>> enable(std::string service, bool enabled,
                                              std::string by) override;
  boost::asio::awaitable<Result<void>> pause(std::string service,
                                             std::optional<double> until_wall_seconds,
                                             std::string by) override;
  boost::asio::awaitable<Result<void>> resume(std::string service, std::string by) override;
  boost::asio::awaitable<Result<control::Order>> scale(std::string service, int replicas,
                                                       std::string by) override;

 private:
  using Change = std::function<void(fleet::Switches&)>;
  struct Parking;

  void run();
  void spawn(boost::asio::awaitable<void> loop);
  boost::asio::awaitable<void> steer();
  boost::asio::awaitable<void> keep_up();
  void say_whether_seen();
  void say_what_is_overruled();
  void say_what_is_not_kept();
  boost::asio::awaitable<void> watch_own_work();
  boost::asio::awaitable<void> watch_drain();
  boost::asio::awaitable<void> wind_up();
  boost::asio::awaitable<Result<fleet::Switches>> change(std::string service, Change how);
  [[nodiscard]] Result<void> check_service(const std::string& service) const;
  void hurry_tick();
  [[nodiscard]] Duration tick_interval() const;
  void tell_peers();
  void caught(const char* where, const std::string& what) noexcept;
  bool answers_people();
  void serve_people();
  void wake();

  Seat& seat_;
  std::function<void()> on_drain_;
  House house_;
  Steering steering_;
  OwnWork own_work_;
  boost::asio::steady_timer next_step_;
  boost::asio::steady_timer step_ended_;
  bool is_stepping_ = false;
  bool is_loss_known_ = false;
  boost::asio::steady_timer next_tick_;
  Instant ticked_at_{};
  Instant next_word_{};
  std::unique_ptr<http::Server> server_;
  std::shared_ptr<Parking> parking_;
  bool is_parked_ = false;
  std::int64_t started_boot_ms_ = 0;
  bool stopping_ = false;
  std::atomic<bool> stopped_{false};  ///< nobody answers any more
  std::thread thread_;
};

template <class T>
T Runner::ask(std::function<boost::asio::awaitable<Result<T>>()> what) {
  constexpr std::chrono::milliseconds patience{5'000};
  constexpr int looks = 100;
  auto promise = std::make_shared<std::promise<Result<T>>>();
  auto answer = promise->get_future();
  boost::asio::co_spawn(house_.io, what(),
                        [promise](const std::exception_ptr& failed, Result<T> result) {
                          if (failed) {
                            promise->set_exception(failed);
                          } else {
                            promise->set_value(std::move(result));
                          }
                        });
  for (int look = 0; answer.wait_for(patience / looks) != std::future_status::ready; ++look) {
    if (stopped_) throw Error{Errc::stopped, "the agent was stopped meanwhile"};
    if (look == looks) {
      throw Error{Errc::timed_out, "the agent's thread did not answer in time"};
    }
  }
  return answer.get().value();
}

}  // namespace selfscale::agent
