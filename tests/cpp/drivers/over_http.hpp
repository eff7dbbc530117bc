// A platform that is asked over HTTP, as the campaign of faults needs it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/driver.hpp"
#include "http/loopback_server.hpp"

namespace selfscale::drivers {

/// Time enough.
inline constexpr Duration ample{10'000};

/// Part of what every platform says when it refuses.
inline constexpr std::string_view words_of_refusal = "says no";

/// A refusal in the form of the platform.
struct Refused {
  int status = 0;
  std::string body;
  std::string headers{};  ///< lines with their ends
};

/// What was asked.
struct Called {
  std::string name;
  bool writes = false;
  std::string in_words{};  ///< a part of what every failure of it says; empty: nothing is sure
};

/// Where a driver is right to differ from the table of faults, and goes on instead.
struct Divergence {
  enum class End : std::uint8_t {
    done,
    failed,           ///< Errc::failed
    denied,           ///< Errc::denied
    unsure,           ///< Errc::timed_out
    as_in_the_table,  ///< but for what it does about it
    finding,          ///< of a preflight's own, in its own words
  };
  std::string_view use;     ///< a part of its name; empty: any
  std::string_view call;    ///< a part of its name; empty: any
  std::string_view faults;  ///< their names; empty: any
  End end = End::done;
  std::string_view why;
  bool after_a_write = false;  ///< only calls that come after one
};

class OverHttp {
 public:
  virtual ~OverHttp() = default;

  /// The driver with all options that make it call; `patience` as in Setting.
  virtual std::unique_ptr<Driver> make_busy(boost::asio::io_context& io, Duration patience) = 0;
  /// 2 replicas, and an autoscaler of the platform's own where a driver may take one over.
  virtual void restore() = 0;
  virtual int truth() = 0;
  /// Replicas that serve without all that the others have, by their names.
  virtual std::vector<std::string> incomplete() { return {}; }
  /// The setting of the autoscaler that restore() made, as it stands, with all that a takeover has
  /// left there; empty: this driver takes none over.
  virtual std::string autoscaler() { return {}; }
  /// With all servers of the platform.
  virtual void interfere(http::Interference* interference) = 0;
  /// What the platform says to a call where others have this status; to whoever throttles, that it
  /// wants to be left alone so long, in its own unit.
  virtual Refused refusal(const Called& call, int status, std::chrono::seconds wait) = 0;
  /// Does it say how long, when it throttles?
  virtual bool asks_to_wait() { return true; }
  /// Writes are accepted and not carried out. False: the platform cannot do that.
  virtual bool ignore_writes() = 0;
  /// The platform takes another key from now on, and the driver can find it where the old one was.
  /// False: it has none.
  virtual bool rotate_key() = 0;
  /// What no message may show.
  virtual std::vector<std::string> secrets() { return {"hunter2", "hunter3"}; }
  /// The call shows a key; one that is refused is read anew, and the call made once more. Where it
  /// is a permission that is missing, that has a name.
  virtual bool has_key(const Called&) { return true; }
  virtual Called called(const http::Received& request) {
    const auto target = request.target();
    const auto path = target.substr(0, target.find('?'));
    return {request.method() + " " + path, request.method() != "GET" && request.method() != "HEAD",
            request.method() == "HEAD" ? "" : path.substr(path.rfind('/') + 1)};
  }
  virtual std::vector<Divergence> divergences() { return {}; }
};

}  // namespace selfscale::drivers
