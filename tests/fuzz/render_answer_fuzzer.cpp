// What Render answers: it is understood, or refused in words.
#include "drivers/render/api.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace drivers;

template <class T>
void hold_failure(const Result<T>& read) {
  if (read) return;
  hold(read.error().code == Errc::malformed, "an answer is malformed: " + read.error().message);
  hold(is_utf8(read.error().message), "a failure is UTF-8: " + read.error().message);
}

void read(std::string_view text) {
  const auto service = render::parse_service(text);
  hold_failure(service);
  if (service) {
    hold(service->desired >= 0, "a count is not negative");
    for (const auto& each : render::objections(*service))
      hold(is_utf8(each.what), "words are UTF-8");
  }
  const auto instances = render::parse_instances(text, {});
  hold_failure(instances);
  if (instances) {
    for (const auto& each : *instances) {
      hold(each.started_seconds_ago.value_or(0) >= 0, "no instance starts in the future");
    }
  }
  hold_failure(render::parse_is_deploying(text));
  for (const auto& setting : {render::parse_autoscaling(text), render::parse_taken_over(text)}) {
    hold_failure(setting);
    if (!setting) continue;
    const auto sent = render::set_autoscaling("srv-1", render::switched(*setting, true)).call.body;
    hold(render::parse_autoscaling(sent).has_value(), "a setting can be put back");
  }
  const auto refusal = hosted::parse(text);
  hold_failure(refusal);
  if (refusal) {
    const auto words = http::shortened(render::words_of(*refusal));
    hold(words.size() < 1'010 && is_utf8(words), "a refusal is short, and UTF-8");
  }
  for (const auto unit : {hosted::Reset::seconds_left, hosted::Reset::seconds_since_epoch}) {
    const auto wait = hosted::wait_of(std::nullopt, text, unit, {});
    hold(!wait || (wait->count() >= 0 && wait->count() <= 86'400),
         "a wait is no longer than a day");
  }
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
