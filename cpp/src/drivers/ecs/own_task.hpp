/// The task that this process runs in, as it protects itself from being ended while it works.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>
#include <utility>

#include "drivers/ecs/credentials.hpp"
#include "drivers/ecs/own_protection.hpp"
#include "http/call.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::ecs {

/// All members: on the io_context's thread, keep() by one coroutine at a time.
class OwnTask {
 public:
  /// `file`: as Options::protection_file.
  OwnTask(boost::asio::io_context& io, const Environment& environment, std::string file)
      : io_{io}, address_{environment("ECS_AGENT_URI")}, file_{std::move(file)} {}

  /// This is a task of ECS, whose endpoint can be asked.
  [[nodiscard]] bool is_known() const noexcept { return address_.has_value(); }
  /// Has the task protected as long as it is wanted, and no longer, by as few calls as can be; what
  /// fails is tried again after a while. `now` in seconds since the epoch.
  boost::asio::awaitable<Result<void>> keep(bool is_wanted, double now);
  /// What the endpoint refused last, where that does not pass by itself; asks where nothing was
  /// asked yet, and anew after a while where it may have been mended. Changes nothing.
  boost::asio::awaitable<std::optional<Failure>> refusal(double now);

 private:
  boost::asio::awaitable<Result<OwnProtection>> call(http::Call call);
  boost::asio::awaitable<Result<OwnProtection>> change(bool is_wanted, double now);
  boost::asio::awaitable<Result<OwnProtection>> protect(double now);
  void recall();
  void remember(double until);
  boost::asio::awaitable<void> ask_anew(double now);
  boost::asio::awaitable<void> look(double now);

  boost::asio::io_context& io_;
  std::optional<std::string> address_;
  std::string file_;
  bool was_asked_ = false;
  bool was_wanted_ = false;
  double ours_ = 0.0;  ///< until when its processes have protected it; 0: they have not
  double next_look_ = 0.0;
  Result<void> last_;
  bool is_write_refused_ = false;  ///< what last_ has is of a write
};

}  // namespace selfscale::drivers::ecs
