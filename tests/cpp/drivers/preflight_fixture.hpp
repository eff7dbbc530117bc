// What an agent takes a driver's look for.
#pragma once

#include <boost/asio/io_context.hpp>

#include "drivers/driver.hpp"
#include "run_coroutine.hpp"

namespace selfscale::drivers {

/// A look that fails is a finding, in the driver's words.
inline Preflight found_by(boost::asio::io_context& io, Driver& driver) {
  auto found = run(io, driver.preflight());
  if (!found) return {{driver.explain(found.error())}, {}};
  return std::move(*found);
}

}  // namespace selfscale::drivers
