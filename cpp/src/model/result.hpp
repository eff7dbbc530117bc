/// How functions inside the library fail: by value. Exceptions exist only at the public edge.
#pragma once

#include <boost/system/result.hpp>
#include <optional>
#include <selfscale/error.hpp>
#include <selfscale/instant.hpp>
#include <string>

namespace selfscale {

struct Failure {
  Errc code = Errc::failed;
  std::string message;     ///< what was tried, on what, and what came back
  std::string permission;  ///< the missing right, where that is the cause
  /// How long the platform asks to wait before it is called again.
  std::optional<Duration> retry_after = std::nullopt;
};

template <class T>
using Result = boost::system::result<T, Failure>;

/// Found by argument-dependent lookup: Result<T>::value() throws our exception, the one bridge
/// between the two.
[[noreturn]] inline void throw_exception_from_error(const Failure& failure,
                                                    const boost::source_location&) {
  if (!failure.permission.empty())
    throw DriverError{failure.code, failure.message, failure.permission};
  throw Error{failure.code, failure.message};
}

}  // namespace selfscale
