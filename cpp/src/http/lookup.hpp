/// Finds the addresses of one host. The system's resolver blocks, for as long as it likes, so it
/// runs on a thread of its own, which nobody has to wait for: not a deadline, not the end.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <selfscale/instant.hpp>
#include <string>
#include <vector>

#include "model/result.hpp"

namespace selfscale::http {

using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

/// All members: on the io_context's thread, or while it does not run.
class Lookup {
 public:
  Lookup(boost::asio::io_context& io, std::string host, std::uint16_t port);
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;
  ~Lookup();  ///< stops

  /// An IP address is its own answer, at once. One question is under way at a time, however many
  /// wait for its answer. Errc::unreachable: there is no such host, or no answer in time;
  /// Errc::stopped: stop() was called.
  boost::asio::awaitable<Result<Endpoints>> find(Duration deadline);

  /// Those who wait go on, without an answer.
  void stop() noexcept;

 private:
  struct Question;
  boost::asio::io_context& io_;
  std::string host_;
  std::uint16_t port_;
  std::shared_ptr<Question> question_;  ///< the one under way
  bool stopped_ = false;
};

}  // namespace selfscale::http
