// What the Kubernetes API answers: it is understood, or refused in words.
#include "drivers/kubernetes/api.hpp"
#include "drivers/kubernetes/autoscalers.hpp"
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

void hold_workload(const Result<kubernetes::Workload>& read) {
  hold_failure(read);
  if (!read) return;
  hold(read->desired >= 0 && read->current >= 0 && read->ready >= 0, "counts are not negative");
  hold(is_utf8(read->failure) && is_utf8(read->selector), "words are UTF-8");
  for (const auto& warning : read->warnings) hold(is_utf8(warning.what), "words are UTF-8");
}

void hold_pods(const Result<kubernetes::Pods>& read) {
  hold_failure(read);
  if (!read) return;
  std::string own;
  for (const auto& pod : read->pods) {
    hold(pod.replica.started_seconds_ago.value_or(0) >= 0, "no pod starts in the future");
    hold(is_utf8(pod.waits_for), "words are UTF-8");
    own = pod.replica.instance;
  }
  const auto costs = kubernetes::costs_of_step_down(read->pods, own);
  hold(costs.size() <= read->pods.size(), "a cost is of a pod");
}

void read(std::string_view text) {
  for (const auto kind : {kubernetes::Kind::deployment, kubernetes::Kind::stateful_set}) {
    const kubernetes::Target target{kind, "shop", "web"};
    hold_workload(kubernetes::parse_workload(target, text));
    hold_pods(kubernetes::parse_pods(target, text, "Fri, 27 Nov 2026 02:01:30 GMT"));
    hold_failure(kubernetes::parse_autoscalers(target, text));
    hold_failure(kubernetes::parse_scaled_objects(target, text));
    http::Answer answer;
    answer.body = text;
    for (const int status : {401, 409, 503}) {
      answer.status = status;
      const auto refusal = kubernetes::refusal({}, kubernetes::get_workload(target), answer);
      hold(is_utf8(refusal.message), "a refusal is UTF-8: " + refusal.message);
      hold(refusal.message.size() < 4'000, "a refusal is not endless");
    }
  }
  hold_failure(kubernetes::parse_scale(text));
  hold_failure(kubernetes::parse_whether_allowed(text));
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
