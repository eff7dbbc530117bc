#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fleet/fleet.hpp"

namespace selfscale::fleet {

/// A meeting place of its own for each test.
struct Harness {
  virtual ~Harness() = default;
  /// Called in a process of its own.
  virtual std::unique_ptr<Fleet> join(boost::asio::io_context& io, const std::string& holder) = 0;
  /// A lease that nobody renews from now on has soon run out.
  virtual void let_time_pass() {}
};
struct HarnessRow {
  std::string name;  ///< one of kinds()
  std::function<std::unique_ptr<Harness>()> make;
};
std::vector<HarnessRow> every_harness();
/// Again, with a program between that shares few connections among many.
std::vector<HarnessRow> every_harness_with_a_pooler();

}  // namespace selfscale::fleet
