#include "agent/ulid.hpp"

#include <algorithm>
#include <random>
#include <string_view>

namespace selfscale::agent {
namespace {

constexpr std::size_t time_bytes = 6;
constexpr std::string_view letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford's base 32
constexpr int length = 26;

/// 128 bits in letters of 5, the highest first.
std::string written(const std::array<std::uint8_t, 16>& value) {
  std::string text(length, '0');
  for (int at = 0; at < length; ++at) {
    unsigned letter = 0;
    for (int bit = 0; bit < 5; ++bit) {
      const int from_left = at * 5 + bit - 2;  // 26 letters hold two bits more
      if (from_left < 0) continue;
      const auto byte = value[static_cast<std::size_t>(from_left / 8)];
      letter |= ((static_cast<unsigned>(byte) >> (7 - from_left % 8)) & 1U) << (4 - bit);
    }
    text[static_cast<std::size_t>(at)] = letters[letter];
  }
  return text;
}

}  // namespace

std::string Ulids::next(Instant at) {
  const std::int64_t now = std::max<std::int64_t>(at.time_since_epoch().count(), 0);
  if (now > last_at_) {
    last_at_ = now;
    for (std::size_t i = 0; i < time_bytes; ++i) {
      value_[i] = static_cast<std::uint8_t>(now >> (8 * (time_bytes - 1 - i)));
    }
    std::random_device chance;
    for (auto i = time_bytes; i < value_.size(); ++i) {
      value_[i] = static_cast<std::uint8_t>(chance());
    }
  } else {
    for (auto i = value_.size(); i-- > time_bytes && ++value_[i] == 0;) {
    }
  }
  return written(value_);
}

}  // namespace selfscale::agent
