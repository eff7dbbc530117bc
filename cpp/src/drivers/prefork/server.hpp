/// A server with worker processes below one parent, which SIGTTIN tells to start one more and
/// SIGTTOU to end one.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/driver.hpp"
#include "drivers/prefork/facts.hpp"
#include "drivers/prefork/options.hpp"

namespace selfscale::drivers::prefork {

/// What a person should know of how workers go.
struct Cost {
  std::string_view what;
  std::string_view why;
  std::string_view paste;
};

/// What one such server has of its own.
struct Server {
  std::string_view name;    ///< "gunicorn"
  std::string_view parent;  ///< what it calls the process above its workers: "arbiter"
  std::string_view remedy;  ///< how to have a parent that is recognized
  Cost cost;
  bool ends_oldest = false;  ///< which worker goes; else the newest
  bool (*is_worker)(const Facts& parent, const Facts& child) = nullptr;
  /// By its name or its children, whichever tells it; that it takes the signals is checked beside.
  bool (*is_parent)(const Facts& process, const std::vector<Facts>& children) = nullptr;
};

/// Both signals are relative, so they go out one at a time: the next one only once it is seen that
/// the one before was taken.
std::unique_ptr<Driver> driver_of(boost::asio::io_context& io, const Server& server,
                                  Options options);

}  // namespace selfscale::drivers::prefork
