/// Runs a coroutine to its end.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <optional>
#include <utility>

namespace selfscale::fleet {

inline void run(boost::asio::awaitable<void> task) {
  boost::asio::io_context io;
  auto future = boost::asio::co_spawn(io, std::move(task), boost::asio::use_future);
  io.run();
  future.get();
}

template <class T>
boost::asio::awaitable<void> keep(boost::asio::awaitable<T> task, std::optional<T>& result) {
  auto value = co_await std::move(task);
  result.emplace(std::move(value));
}

template <class T>
T run(boost::asio::awaitable<T> task) {
  std::optional<T> result;
  run(keep(std::move(task), result));
  return std::move(*result);
}

}  // namespace selfscale::fleet
