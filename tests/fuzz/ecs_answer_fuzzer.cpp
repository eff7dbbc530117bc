// What Amazon ECS and Application Auto Scaling answer: it is understood, or refused in words; what
// is seen of a service adds up.
#include "drivers/ecs/answers.hpp"
#include "drivers/ecs/metadata.hpp"
#include "drivers/ecs/own_protection.hpp"
#include "drivers/ecs/refusal.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace drivers;

template <class T>
void hold_failure(const Result<T>& read) {
  if (read) return;
  const auto& failure = read.error();
  hold(failure.code == Errc::malformed || failure.code == Errc::not_found,
       "an answer is malformed, or the service is not there: " + failure.message);
  hold(is_utf8(failure.message), "a failure is UTF-8: " + failure.message);
}

void hold_observation(const ecs::Service& service, const std::vector<ecs::Task>& tasks) {
  const auto seen = ecs::observation_of(service, tasks, 1e9);
  hold(seen.desired >= 0 && seen.current >= 0, "counts are not negative");
  hold(seen.ready >= 0 && *seen.ready <= seen.current, "no more are ready than there are");
  hold(seen.replicas.size() == tasks.size(), "a task is a replica");
  for (const auto& replica : seen.replicas) {
    hold(replica.started_seconds_ago.value_or(0) >= 0, "no task starts in the future");
  }
  hold(is_utf8(seen.failure) && is_utf8(seen.note), "words are UTF-8");
}

void hold_refusal(std::string_view text) {
  for (const int status : {302, 400, 500}) {
    const auto refusal = ecs::refusal_of(ecs::describe_service({"c", "s"}),
                                         {status, text, text, text}, ecs::WallTime{});
    hold(refusal.failure.message.size() < 4'000, "a refusal is not endless");
    const auto by_body = ecs::refusal_of(ecs::set_desired_count({"c", "s"}, 1),
                                         {status, text, {}, {}}, ecs::WallTime{});
    hold(is_utf8(by_body.failure.message), "a refusal is UTF-8: " + by_body.failure.message);
  }
}

void hold_own_protection(std::string_view text) {
  for (const int status : {200, 400, 504}) {
    for (const auto& call : {ecs::get_own_protection(), ecs::unprotect_own_task()}) {
      const auto read = ecs::parse_own_protection(call, status, text);
      if (!read) hold(is_utf8(read.error().message), "a failure is UTF-8: " + read.error().message);
      hold(!read || status == 200, "a refusal is no protection");
      if (!read) continue;
      const auto step = ecs::own_step(false, *read, 0.0, 1e9);
      hold(step == ecs::OwnStep::none, "what is not ours is not taken away");
    }
  }
}

void read(std::string_view text) {
  const auto service = ecs::parse_described(text, {"cluster", "service"});
  const auto tasks = ecs::parse_tasks(text);
  hold_failure(service);
  hold_failure(tasks);
  if (service) hold_observation(*service, {});
  if (tasks) hold_observation({}, *tasks);
  hold_failure(ecs::parse_own_task(text));
  hold_failure(ecs::parse_updated(text));
  hold_failure(ecs::parse_task_page(text));
  hold_failure(ecs::parse_protection("GetTaskProtection", text));
  hold_failure(ecs::parse_scalable_target(text));
  hold_failure(ecs::parse_policy_names(text));
  hold_failure(ecs::parse_action_names(text));
  hold_refusal(text);
  hold_own_protection(text);
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
