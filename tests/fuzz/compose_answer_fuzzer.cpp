// What a Docker Engine answers about containers: it is understood, or refused in words; what is
// seen of a service adds up, and a copy is what its model was.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "drivers/compose/api.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace drivers;
using Document = nlohmann::ordered_json;

template <class T>
void hold_failure(const Result<T>& read) {
  if (read) return;
  const auto& failure = read.error();
  hold(failure.code == Errc::malformed || failure.code == Errc::failed,
       "an answer is malformed, or cannot be copied: " + failure.message);
  hold(is_utf8(failure.message), "a failure is UTF-8: " + failure.message);
}

void hold_observation(const std::vector<compose::Container>& all) {
  for (const auto& unhealthy : {std::vector<compose::Container>{}, all}) {
    const auto seen = compose::observation_of(all, unhealthy);
    hold(seen.desired <= static_cast<int>(all.size()), "no more are wanted than there are");
    hold(seen.current <= seen.desired && *seen.ready <= seen.current, "counts add up");
    hold(is_utf8(seen.failure), "words are UTF-8");
  }
  const compose::Target target{"shop", "web"};
  const auto why = compose::hold_of(all, target);
  hold(is_utf8(why), "words are UTF-8");
  const auto versions = compose::against_versions(all, target);
  hold(!versions || (why.empty() && is_utf8(versions->what)), "it is said once");
  const auto going = compose::chosen(all, {"web"}, "", 1);
  hold(going.size() == std::min<std::size_t>(all.size(), 1), "one goes where one is");
  const bool is_any_started = std::ranges::any_of(
      all, [](const auto& each) { return !each.is_unstarted() && !each.is_leaving(); });
  hold((compose::model_of(all) != nullptr) == is_any_started,
       "one is copied where one has started");
}

void hold_copy(std::string_view body) {
  const auto copy = compose::copy_of(body, 7);
  hold_failure(copy);
  if (!copy) return;
  const auto made = Document::parse(copy->create.body);
  const auto model = Document::parse(body);
  hold(made["HostConfig"] == model["HostConfig"], "the host's part is as it was");
  hold(made["Labels"]["com.docker.compose.container-number"] == "7", "it has its number");
  for (const auto& [network, settings] : copy->others) {
    hold(Document::accept(compose::connect(network, settings, "x").body), "a body is JSON");
  }
}

void read(std::string_view text) {
  const auto all = compose::parse_containers(text, "Fri, 27 Nov 2026 02:01:30 GMT");
  hold_failure(all);
  if (all) hold_observation(*all);
  hold_copy(text);
  hold_failure(compose::parse_created(text));
  const auto grace = compose::grace_of(text, std::nullopt);
  hold(!grace || grace->seconds >= 0.0, "a grace period is none that is over");
  const auto own = compose::own_container(text);
  hold(own.empty() || own.size() == 64, "an id is whole");
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
