/// After a failure nothing new is asked of a platform for a while, longer with each in a row.
#pragma once

#include <optional>
#include <selfscale/instant.hpp>
#include <string>

#include "model/result.hpp"

namespace selfscale::agent {

class Circuit {
 public:
  /// `asked`: how long the platform wants to be left alone.
  void open(Errc code, std::string because, std::optional<Duration> asked, Instant now);
  void close() { *this = {}; }

  [[nodiscard]] bool is_open(Instant now) const noexcept { return now < until_; }
  [[nodiscard]] Instant until() const noexcept { return until_; }
  [[nodiscard]] int failures() const noexcept { return failures_; }  ///< in a row
  [[nodiscard]] Errc code() const noexcept { return code_; }         ///< of the last failure
  [[nodiscard]] const std::string& because() const noexcept { return because_; }

 private:
  int failures_ = 0;
  Errc code_ = Errc::failed;
  std::string because_;  ///< what the last failure was
  Instant until_{};
};

}  // namespace selfscale::agent
