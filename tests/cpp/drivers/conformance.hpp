// What every driver does alike. A harness knows the truth behind the driver's back.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drivers/driver.hpp"
#include "drivers/memory.hpp"
#include "drivers/over_http.hpp"
#include "run_coroutine.hpp"

namespace selfscale::drivers {

/// What a preflight is to speak of.
struct Ailment {
  std::string words;             ///< a part of what it says
  std::function<void()> befall;  ///< brings it about
  /// The driver that meets it; empty: that of Harness::make().
  std::function<std::unique_ptr<Driver>(boost::asio::io_context&)> make;
};

struct Harness {
  virtual ~Harness() = default;
  virtual std::unique_ptr<Driver> make(boost::asio::io_context& io) = 0;
  virtual int truth() = 0;
  virtual void set_truth(int replicas) = 0;
  /// Makes the platform fail, before make(). Returns the code that a driver owes then; nothing
  /// where this platform cannot fail so. Fault::none mends it.
  virtual std::optional<Errc> inject(Fault fault) = 0;
  /// All that a preflight may find, beside what it always says and what a fault makes it say. They
  /// refer to this harness.
  virtual std::vector<Ailment> ailments() = 0;
};

struct HarnessRow {
  std::string name;
  std::function<std::unique_ptr<Harness>()> make;
  std::function<std::unique_ptr<OverHttp>()> over_http;  ///< empty: it speaks no HTTP

  friend void PrintTo(const HarnessRow& row, std::ostream* out) { *out << row.name; }
};

/// One for every driver of the table; each begins with 2 replicas.
std::vector<HarnessRow> every_harness();
/// For the campaign of faults alone: drivers that ask somebody else for their credentials first, in
/// each of the ways that their own row does not go.
std::vector<HarnessRow> every_other_way_to_credentials();

}  // namespace selfscale::drivers
