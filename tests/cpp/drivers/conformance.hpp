// What every driver does alike. A harness knows the truth behind the driver's back.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "drivers/driver.hpp"
#include "drivers/memory.hpp"

namespace selfscale::drivers {

/// Runs a coroutine to its end; throws after 30 seconds.
template <class T>
T run(boost::asio::io_context& io, boost::asio::awaitable<T> work) {
  std::optional<T> result;
  boost::asio::co_spawn(io, std::move(work), [&result](const std::exception_ptr& error, T value) {
    if (error) std::rethrow_exception(error);
    result = std::move(value);
  });
  io.restart();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!result && std::chrono::steady_clock::now() < until) io.run_one_until(until);
  if (!result) throw std::runtime_error{"a coroutine did not end"};
  return std::move(*result);
}

struct Harness {
  virtual ~Harness() = default;
  virtual std::unique_ptr<Driver> make(boost::asio::io_context& io) = 0;
  virtual int truth() = 0;
  virtual void set_truth(int replicas) = 0;
  /// Makes the platform fail, before make(). Returns the code that a driver owes then; nothing
  /// where this platform cannot fail so. Fault::none mends it.
  virtual std::optional<Errc> inject(Fault fault) = 0;
};

struct HarnessRow {
  std::string name;
  std::function<std::unique_ptr<Harness>()> make;
};

/// One for every driver of the table; each begins with 2 replicas.
std::vector<HarnessRow> every_harness();

}  // namespace selfscale::drivers
