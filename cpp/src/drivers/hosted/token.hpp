/// Where a platform's token stands: in a file, or in the environment. It is read at each use, so
/// one that was changed is taken up by the next call.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/result.hpp"
#include "model/secret.hpp"

namespace selfscale::drivers::hosted {

/// The value of an environment variable; empty: not set, or set to nothing.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
/// That of this process.
std::optional<std::string> variable(const std::string& name);

struct TokenPlaces {
  std::string file;                    ///< comes before the environment; empty: none
  std::vector<std::string> variables;  ///< the first that is set
};

/// Blanks and line ends around it are left out. Errc::denied: there is none, and the message says
/// where one may be put; Errc::storage: the file cannot be read. No message repeats any of it.
Result<Secret> read_token(const TokenPlaces& places, const Environment& environment);

/// What is wrong with a driver's options, and beside it a token that is not there: so that both are
/// heard of at once.
Failure with_missing_token(Failure failure, const TokenPlaces& places,
                           const Environment& environment);

}  // namespace selfscale::drivers::hosted
