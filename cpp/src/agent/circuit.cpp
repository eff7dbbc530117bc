#include "agent/circuit.hpp"

#include <algorithm>
#include <utility>

namespace selfscale::agent {
namespace {

constexpr Duration first_pause{1'000};           // doubles with each failure, to
constexpr int most_doublings = 8;                // about four minutes
constexpr Duration pause_after_refusal{60'000};  // at least: a person has something to mend

/// The same again would be refused again.
bool is_refusal(Errc code) {
  return code == Errc::denied || code == Errc::not_found || code == Errc::unsupported ||
         code == Errc::invalid_argument;
}

}  // namespace

void Circuit::open(Errc code, std::string because, std::optional<Duration> asked, Instant now) {
  const auto doubled = first_pause * (1 << std::min(failures_, most_doublings));
  const auto least = is_refusal(code) ? pause_after_refusal : Duration{0};
  ++failures_;
  code_ = code;
  because_ = std::move(because);
  until_ = now + std::max({doubled, least, asked.value_or(Duration{0})});
}

}  // namespace selfscale::agent
