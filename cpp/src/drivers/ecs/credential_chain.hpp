/// The credentials of this process for AWS, from wherever they are configured, renewed in time.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "drivers/deadline.hpp"
#include "drivers/ecs/credentials.hpp"
#include "http/client.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::ecs {

/// The first that is configured, in this order: keys in the environment; a web identity of the
/// environment, or of the profile; the profile's keys; the container's endpoint; the instance's.
///
/// Keys in the environment and in files are read anew each time. What an endpoint gave is kept
/// until five minutes before it expires; if it cannot be renewed then, until it does. All members:
/// on the io_context's thread.
class CredentialChain {
 public:
  /// Where time and settings come from; tests have their own.
  struct Surroundings {
    Environment environment;
    std::function<WallTime()> now;
  };

  /// `endpoint`: instead of AWS' own address; empty: none.
  CredentialChain(boost::asio::io_context& io, Surroundings surroundings, std::string endpoint);

  /// Errc::denied: none are configured, or they are refused where they come from; the message says
  /// what was looked at. Errc::throttled, Errc::unreachable: the place that has them says that it
  /// cannot give them now. Otherwise what the endpoint's call failed by.
  boost::asio::awaitable<Result<Credentials>> get(std::string region, Deadline until);

  /// AWS does not accept what get() gave: what was kept is not given again.
  void reject() noexcept { held_.reset(); }

  /// Of the chosen profile, for its region.
  [[nodiscard]] Profile profile() const;

 private:
  boost::asio::awaitable<Result<Credentials>> fetch(const Configured<WebIdentity>& identity,
                                                    std::string region, Deadline until);
  boost::asio::awaitable<Result<Credentials>> assume(WebIdentity identity, std::string region,
                                                     Deadline until);
  boost::asio::awaitable<Result<Credentials>> ask_container(ContainerEndpoint endpoint,
                                                            Deadline until);
  boost::asio::awaitable<Result<Credentials>> ask_instance(Deadline until);
  boost::asio::awaitable<Result<http::Answer>> send(http::Address address, http::Call call);
  /// The body; an answer that is none is a refusal by `who`.
  boost::asio::awaitable<Result<std::string>> ask(http::Address address, http::Call call,
                                                  std::string who);
  [[nodiscard]] bool lasts(std::chrono::seconds longer_than) const;

  boost::asio::io_context& io_;
  Surroundings surroundings_;
  std::string endpoint_;
  std::optional<Credentials> held_;
};

}  // namespace selfscale::drivers::ecs
