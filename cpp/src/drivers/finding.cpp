#include "drivers/finding.hpp"

namespace selfscale::drivers {
namespace {

std::string_view what_comes_of(Errc code) {
  switch (code) {
    case Errc::unreachable:
    case Errc::timed_out:
    case Errc::throttled:
      return "while the platform does not answer nothing is scaled; it is asked again";
    case Errc::denied:
      return "without this right nothing can be scaled";
    case Errc::not_found:
      return "there is nothing to scale";
    default:
      return "until it is mended nothing is scaled";
  }
}

/// Where nobody knows what mends it, it is known how to see that it is mended.
constexpr auto asks_again = "selfscale doctor   # asks again; and nothing is written by it";

}  // namespace

std::string with_permission(const Failure& failure) {
  if (failure.permission.empty()) return failure.message;
  return failure.message + " (missing permission: " + failure.permission + ")";
}

Finding finding_of(const Failure& failure) {
  return {with_permission(failure), std::string{what_comes_of(failure.code)}, asks_again};
}

}  // namespace selfscale::drivers
