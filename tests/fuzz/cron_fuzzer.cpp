// Crons: what parses has fired at or before any instant, and has one spelling; days likewise.
#include <array>

#include "invariants.hpp"
#include "policy/cron.hpp"

namespace selfscale::fuzz {
namespace {

using namespace std::chrono_literals;
using std::chrono::local_days;

constexpr std::array<local_minutes, 8> instants{local_minutes{},
                                                local_days{1600y / 2 / 29} + 0min,
                                                local_days{1970y / 12 / 31} + 23h + 59min,
                                                local_days{2000y / 2 / 29} + 12h,
                                                local_days{2026y / 11 / 26} + 4h + 31min,
                                                local_days{2100y / 3 / 1} + 0min,
                                                local_days{2400y / 2 / 28} + 23h + 59min,
                                                local_days{9999y / 12 / 31} + 23h + 59min};

void hold_fires(const Cron& cron) {
  for (const local_minutes instant : instants) {
    const auto fire = last_fire(cron, instant);
    hold(fire.has_value(), "a cron has fired before any instant");
    hold(*fire <= instant, "the latest fire is not in the future");
    hold(last_fire(cron, *fire) == fire, "a minute that is named is the latest until itself");
    hold(last_fire(cron, *fire - 1min) < fire, "before it an earlier one is the latest");
  }
}

void parse(std::string_view text) {
  const std::string normal = normal_cron(text);
  hold(normal_cron(normal) == normal, "a spelling is its own: " + normal);
  const auto cron = parse_cron(text);
  if (cron) {
    hold(*parse_cron(normal) == *cron, "the spelling is of the same cron: " + normal);
    hold_fires(*cron);
  } else {
    hold(!cron.error().message.empty(), "a refusal has a message");
  }
  if (const auto days = parse_weekdays(text)) {
    hold(*parse_weekdays(weekdays_text(*days)) == *days, "the shortest form is of the same days");
  }
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::parse(selfscale::fuzz::text_of(data, size));
  return 0;
}
