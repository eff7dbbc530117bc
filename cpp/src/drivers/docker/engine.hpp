/// Calls to one Docker Engine.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "drivers/deadline.hpp"
#include "drivers/docker/access.hpp"
#include "http/client.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::docker {

inline constexpr Duration patience{10'000};  // for calls that carry no deadline

/// What cannot be understood, with what was asked before it.
template <class T>
Result<T> understood(const http::Call& call, Result<T> parsed) {
  if (parsed || parsed.error().code != Errc::malformed) return parsed;
  const auto path = call.target.substr(0, call.target.find('?'));
  return Failure{Errc::malformed, call.method + " " + path + ": " + parsed.error().message, {}};
}

/// All members: on the io_context's thread.
class Engine {
 public:
  Engine(boost::asio::io_context& io, Host host);

  /// An answer of 2xx or 304 (it was so already); anything else is a failure with the engine's own
  /// words. Where no engine is found, each call says why.
  boost::asio::awaitable<Result<http::Answer>> ask(http::Call call, Deadline until);

 private:
  Result<void> find();
  boost::asio::awaitable<Result<void>> learn_version(Deadline until);
  boost::asio::awaitable<Result<http::Answer>> send(http::Call call, Deadline until);

  boost::asio::io_context& io_;
  Host host_;
  std::unique_ptr<http::Client> client_;
  std::string version_;  ///< of the API, that is spoken; empty: the engine was not asked yet
};

}  // namespace selfscale::drivers::docker
