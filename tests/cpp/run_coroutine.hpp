/// Runs a coroutine on the test's own thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

namespace selfscale {

/// Runs a coroutine to its end; throws after 30 seconds.
template <class T>
T run(boost::asio::io_context& io, boost::asio::awaitable<T> work) {
  std::optional<T> result;
  boost::asio::co_spawn(io, std::move(work), [&result](const std::exception_ptr& error, T&& value) {
    if (error) std::rethrow_exception(error);
    result.emplace(std::move(value));
  });
  io.restart();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!result && std::chrono::steady_clock::now() < until) io.run_one_until(until);
  if (!result) throw std::runtime_error{"a coroutine did not end"};
  return std::move(*result);
}

}  // namespace selfscale
