/// Runs a coroutine to its end.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <optional>
#include <utility>

namespace selfscale::fleet {

inline void run(boost::asio::io_context& io, boost::asio::awaitable<void> task) {
  auto future = boost::asio::co_spawn(io, std::move(task), boost::asio::use_future);
  io.restart();
  io.run();
  future.get();
}

template <class T>
boost::asio::awaitable<void> keep(boost::asio::awaitable<T> task, std::optional<T>& result) {
  auto value = co_await std::move(task);
  result.emplace(std::move(value));
}

template <class T>
T run(boost::asio::io_context& io, boost::asio::awaitable<T> task) {
  std::optional<T> result;
  run(io, keep(std::move(task), result));
  return std::move(*result);
}

/// One that needs no io_context in particular.
template <class T>
T run(boost::asio::awaitable<T> task) {
  boost::asio::io_context io;
  return run(io, std::move(task));
}
inline void run(boost::asio::awaitable<void> task) {
  boost::asio::io_context io;
  run(io, std::move(task));
}

}  // namespace selfscale::fleet
