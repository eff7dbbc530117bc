#include "drivers/kubernetes/own_pod.hpp"

#include <utility>

namespace selfscale::drivers::kubernetes {
namespace {

using std::chrono::seconds;

// A leader that may act no more takes it away, and so may a person.
constexpr seconds look_again{60};
constexpr seconds try_again{10};
/// After that, another process of the pod may have told of its work.
constexpr seconds silence{10};

seconds wait_after(const Result<void>& settled) {
  if (settled || settled.error().code == Errc::denied) return look_again;
  return settled.error().code == Errc::conflict ? seconds{0} : try_again;
}

}  // namespace

bool OwnPod::is_to_be_looked_at(bool is_busy, Time now) {
  if (now - asked_at_ > silence) settled_for_.reset();
  asked_at_ = now;
  const bool is_news = std::exchange(is_busy_, is_busy) != is_busy;
  const bool is_settled = settled_for_ == is_busy;
  if (is_settled && !is_busy) return false;
  return now >= next_look_ || (is_news && !is_settled);
}

void OwnPod::take(Result<void> settled, Time now) {
  asked_at_ = now;
  next_look_ = now + wait_after(settled);
  settled_for_.reset();
  if (settled) settled_for_ = is_busy_;
  // Of a right that is missing the preflight warns; a pod that has changed is read again at once.
  const bool is_said =
      !settled && settled.error().code != Errc::denied && settled.error().code != Errc::conflict;
  last_ = is_said ? std::move(settled) : Result<void>{};
}

}  // namespace selfscale::drivers::kubernetes
