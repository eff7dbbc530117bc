/// Names of records: ULIDs, which sort by the time at which they were made.
#pragma once

#include <array>
#include <cstdint>
#include <selfscale/instant.hpp>
#include <string>

namespace selfscale::agent {

/// Each id is greater than the one before, also within a millisecond. One thread at a time.
class Ulids {
 public:
  std::string next(Instant at);

 private:
  std::int64_t last_at_ = -1;
  std::array<std::uint8_t, 16> value_{};  ///< 6 bytes of time, 10 of chance; the last one made
};

}  // namespace selfscale::agent
