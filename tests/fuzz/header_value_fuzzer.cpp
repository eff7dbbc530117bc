// Headers by which a server says when: a wait has bounds, and a date is the one that was written.
#include <chrono>
#include <cmath>

#include "http/status.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace std::chrono;

/// The years 0 to 9999, of which four digits can speak.
constexpr double earliest = -62'167'219'200.0;
constexpr double latest = 253'402'300'800.0;  // with a leap second

void hold_wait(std::string_view text, system_clock::time_point now) {
  const auto wait = http::retry_after(text, now);
  if (!wait) return;
  hold(*wait >= seconds{0} && *wait <= days{1}, "a wait is from none to a day");
  const auto later = http::retry_after(text, now + seconds{1});
  hold(later.has_value() && *later <= *wait, "it grows no longer with time");
}

void read(std::string_view text) {
  for (const auto now :
       {sys_days{1970y / 1 / 1}, sys_days{2026y / 11 / 27}, sys_days{2199y / 12 / 31}}) {
    hold_wait(text, now);
    hold_wait(text, now + milliseconds{500});
  }
  const auto date = http::seconds_since_epoch(text);
  if (!date) return;
  hold(*date >= earliest && *date <= latest, "a date is one of those years");
  hold(std::floor(*date) == *date, "it is a whole second");
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
