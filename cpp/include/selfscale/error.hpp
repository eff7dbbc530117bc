/// What went wrong, as a code that a program can act on and words that a person can.
///
/// The same codes appear in C++, Python (`selfscale.Error.code`), HTTP bodies and the journal.
#pragma once

#include <selfscale/export.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace selfscale {

/// Kinds of failure: few, and each says what the caller can do about it.
enum class Errc {
  invalid_policy,    ///< the document is wrong; mend it
  invalid_argument,  ///< the call is wrong; mend it
  unreachable,       ///< nobody answered; try again later
  timed_out,         ///< no answer in time; what was asked for may have happened
  denied,            ///< a permission is missing
  not_found,         ///< the thing named is not there
  conflict,          ///< somebody else has changed it meanwhile, or also controls it
  throttled,         ///< asked too often; wait
  unsupported,       ///< this build or this platform cannot do it
  malformed,         ///< an answer or a file could not be understood
  stopped,           ///< the agent was stopped meanwhile
  failed,            ///< a program or callback of the user's reported a failure
  storage,           ///< a file or database could not be read or written
};

/// The code's stable name, as it stands in JSON: "timed_out".
SELFSCALE_API std::string_view name_of(Errc code) noexcept;

/// Root of all exceptions that this library throws. Immutable; safe to pass between threads.
class SELFSCALE_API Error : public std::runtime_error {
 public:
  Error(Errc code, const std::string& message) : std::runtime_error{message}, code_{code} {}
  [[nodiscard]] Errc code() const noexcept { return code_; }
  /// True when the same call may succeed later without anybody mending anything.
  [[nodiscard]] bool is_retryable() const noexcept {
    return code_ == Errc::unreachable || code_ == Errc::timed_out || code_ == Errc::throttled;
  }

 private:
  Errc code_;
};

/// One mistake in a policy document.
struct Problem {
  std::string pointer;  ///< JSON pointer (RFC 6901) to the offending value; empty: the document
  std::string value;    ///< that value as JSON text, shortened; empty where a key is missing
  std::string message;  ///< what is wrong and what would be right, one sentence
  bool operator==(const Problem&) const = default;
};

/// Every mistake of a policy document at once. what() lists them, one a line.
class SELFSCALE_API PolicyError : public Error {
 public:
  explicit PolicyError(std::vector<Problem> problems);
  [[nodiscard]] const std::vector<Problem>& problems() const noexcept { return problems_; }

 private:
  std::vector<Problem> problems_;
};

/// A platform refused or failed. `permission` names the missing right, where that is the cause.
class SELFSCALE_API DriverError : public Error {
 public:
  DriverError(Errc code, const std::string& message, std::string permission = {})
      : Error{code, message}, permission_{std::move(permission)} {}
  [[nodiscard]] const std::string& permission() const noexcept { return permission_; }

 private:
  std::string permission_;
};

}  // namespace selfscale
