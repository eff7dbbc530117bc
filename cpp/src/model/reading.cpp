#include <cmath>
#include <selfscale/snapshot.hpp>
#include <utility>

namespace selfscale {

Reading Reading::of(double value) noexcept {
  Reading reading;
  const bool is_good = std::isfinite(value) && value >= 0.0;
  reading.missing = is_good ? Missing::no : Missing::refused;
  reading.value = is_good ? value : 0.0;
  return reading;
}

Reading Reading::absent(Missing why, std::string detail) {
  Reading reading;
  reading.missing = why;
  reading.detail = std::move(detail);
  return reading;
}

}  // namespace selfscale
