// What a Swarm's manager answers: it is understood, or refused in words; what is seen of a service
// adds up, and its spec goes back as it came.
#include <nlohmann/json.hpp>

#include "drivers/docker/calls.hpp"
#include "drivers/swarm/api.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace drivers;
using Document = nlohmann::ordered_json;

template <class T>
void hold_failure(const Result<T>& read) {
  if (read) return;
  const auto& failure = read.error();
  hold(failure.code == Errc::malformed || failure.code == Errc::not_found ||
           failure.code == Errc::failed,
       "an answer is malformed, not there, or takes no count: " + failure.message);
  hold(is_utf8(failure.message), "a failure is UTF-8: " + failure.message);
}

void hold_observation(const swarm::Service& service, const std::optional<swarm::Tasks>& tasks) {
  const auto seen = swarm::observation_of(service, tasks);
  hold(seen.desired >= 0 && seen.current >= 0, "counts are not negative");
  hold(is_utf8(seen.failure) && is_utf8(seen.note), "words are UTF-8");
  if (!tasks) return;
  hold(*seen.ready <= seen.current, "no more are ready than there are");
  hold(static_cast<int>(seen.replicas.size()) >= seen.current, "who is there is listed");
  for (const auto& replica : seen.replicas) {
    hold(replica.started_seconds_ago.value_or(0) >= 0, "no task starts in the future");
  }
}

void hold_spec(std::string_view body) {
  const auto call = swarm::set_replicas("web", body, 3);
  hold_failure(call);
  if (!call) return;
  auto sent = Document::parse(call->body);
  auto expected = Document::parse(body)["Spec"];
  hold(sent["Mode"]["Replicated"]["Replicas"] == 3, "the count is sent");
  expected["Mode"]["Replicated"]["Replicas"] = 3;
  hold(sent == expected, "all else is sent as it came");
}

void read(std::string_view text) {
  const auto service = swarm::parse_service(text);
  const auto tasks = swarm::parse_tasks(text, "web", "Fri, 27 Nov 2026 02:01:30 GMT");
  hold_failure(service);
  hold_failure(tasks);
  if (service) hold_observation(*service, std::nullopt);
  if (tasks) hold_observation({}, *tasks);
  hold_spec(text);
  hold_failure(swarm::parse_services(text, "web"));
  hold_failure(swarm::parse_info(text));
  const auto version = docker::version_for(text);
  hold(!version || version->find('/') == std::string::npos, "a version is no path");
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
