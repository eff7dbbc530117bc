/// Signed calls to Amazon ECS and Application Auto Scaling.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "drivers/ecs/credential_chain.hpp"
#include "drivers/ecs/operations.hpp"
#include "drivers/ecs/options.hpp"
#include "http/client.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::ecs {

/// All members: on the io_context's thread.
class Session {
 public:
  Session(boost::asio::io_context& io, const Options& options,
          CredentialChain::Surroundings surroundings);
  Session(const Session&) = delete;  // its chain goes by its time
  Session& operator=(const Session&) = delete;

  /// The answer's body. Refused credentials are renewed once, and a clock that is wrong is
  /// corrected once by AWS'; nothing else is tried again. A failure names the operation and, where
  /// that is the cause, the missing permission; Errc::timed_out of one that writes: whether it was
  /// carried out must be read back.
  boost::asio::awaitable<Result<std::string>> call(Operation operation, Deadline until);

  /// By AWS' clock, once it has shown that this machine's is wrong.
  [[nodiscard]] WallTime now() const { return surroundings_.now() + ahead_; }
  /// So far is that ahead of this machine's.
  [[nodiscard]] std::chrono::seconds ahead() const { return ahead_; }
  /// The last call was refused for its time.
  [[nodiscard]] bool is_refused_for_its_clock() const { return is_refused_for_its_clock_; }

 private:
  [[nodiscard]] Result<std::string> region() const;
  boost::asio::awaitable<Result<http::Answer>> send(const Operation& operation, Deadline until);
  Result<http::Client*> client_of(Api api, const std::string& region);

  boost::asio::io_context& io_;
  Options options_;
  CredentialChain::Surroundings surroundings_;
  CredentialChain chain_;
  std::map<Api, std::unique_ptr<http::Client>> clients_;
  std::chrono::seconds ahead_{0};
  bool is_refused_for_its_clock_ = false;
};

}  // namespace selfscale::drivers::ecs
