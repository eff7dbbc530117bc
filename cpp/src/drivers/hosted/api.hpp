/// Calls to a hosted platform: its token on each, refusals in its own words, used-up quotas kept.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "drivers/deadline.hpp"
#include "drivers/hosted/answer.hpp"
#include "drivers/hosted/token.hpp"
#include "http/client.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::hosted {

/// What shows a platform who calls.
struct Credential {
  std::string header = "Authorization";
  Secret value;
};

/// Where time and settings come from; tests have their own.
struct Surroundings {
  Environment environment = variable;
  std::function<std::chrono::system_clock::time_point()> now = std::chrono::system_clock::now;
  std::function<std::chrono::steady_clock::time_point()> steady_now =
      std::chrono::steady_clock::now;
};

/// How a platform speaks.
struct Manners {
  std::string platform;                  ///< its name, for words
  std::string (*words_of)(const Json&);  ///< what the body of a refusal says; empty: nothing
  std::string reset_header;              ///< of its rate limit
  Reset reset = Reset::seconds_left;
};

/// All members: on the io_context's thread.
class Api {
 public:
  /// Asked before each call. `is_refused`: the platform did not accept the last one.
  using Credentials =
      std::function<boost::asio::awaitable<Result<Credential>>(Deadline until, bool is_refused)>;

  /// `Authorization: Bearer TOKEN`.
  static Credentials bearer_of(TokenPlaces places, Environment environment);

  Api(boost::asio::io_context& io, http::Address address, Manners manners, Credentials credentials,
      Surroundings surroundings);

  /// The answer, with a status of success. A 401 is tried once more with credentials read anew;
  /// nothing else is. After a 429 no call of its quota leaves until the platform's wait is over:
  /// it fails with Errc::throttled. Failures are those of http::Client, and of http::failure_of;
  /// of a missing right they name it. Errc::timed_out of a write: read back whether it was done.
  boost::asio::awaitable<Result<http::Answer>> ask(Request request, Deadline until);

  /// What `parsed` says is wrong with the answer to a request, after what was asked.
  template <class T>
  static Result<T> read(const Request& request, Result<T> parsed) {
    if (parsed) return parsed;
    return Failure{parsed.error().code, name_of(request) + ": " + parsed.error().message, {}};
  }

 private:
  static std::string name_of(const Request& request);
  boost::asio::awaitable<Result<http::Answer>> ask_once(Request request, Deadline until,
                                                        bool is_refused);
  Failure refusal(const Request& request, const http::Answer& answer);

  std::shared_ptr<http::Client> client_;
  Manners manners_;
  Credentials credentials_;
  Surroundings surroundings_;
  /// By quota. Not by the wall clock: that may be set while a wait lasts.
  std::map<std::string, std::chrono::steady_clock::time_point> not_before_;
};

/// Of a policy's `endpoint`, else of the platform's own address. A token leaves this machine over
/// TLS alone: Errc::invalid_argument for plain http elsewhere than on loopback.
Result<http::Address> address_of(const std::string& endpoint, std::string_view usual);

}  // namespace selfscale::drivers::hosted
