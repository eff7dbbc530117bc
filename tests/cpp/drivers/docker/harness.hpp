// What the harnesses of platforms behind an Engine share.
#pragma once

#include "drivers/over_http.hpp"

namespace selfscale::drivers {

inline Refused refusal_of_engine(int status) {
  return {status, R"({"message": "the Engine says no"})"};
}

}  // namespace selfscale::drivers
