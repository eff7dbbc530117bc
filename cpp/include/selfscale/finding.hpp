/// What a check finds: a preflight's, or `selfscale doctor`'s.
#pragma once

#include <string>
#include <utility>

namespace selfscale {

/// One thing that is not as it should be. A sentence alone is one.
struct Finding {
  std::string what;   ///< one sentence for a person
  std::string why;    ///< what comes of it; may be empty
  std::string paste;  ///< what mends it, to be pasted into a file or a terminal; may be empty

  Finding(std::string is_what, std::string is_why = {}, std::string is_paste = {})
      : what{std::move(is_what)}, why{std::move(is_why)}, paste{std::move(is_paste)} {}
  Finding(const char* is_what) : what{is_what} {}
};

}  // namespace selfscale
