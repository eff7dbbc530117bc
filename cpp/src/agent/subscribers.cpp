#include "agent/subscribers.hpp"

#include <utility>

namespace selfscale::agent {

void Subscribers::add(Function function) {
  const std::lock_guard lock{mutex_};
  functions_.push_back(std::move(function));
}

bool Subscribers::empty() const {
  const std::lock_guard lock{mutex_};
  return functions_.empty();
}

void Subscribers::tell(Calls& calls, const std::string& json) const {
  std::vector<Function> functions;
  {
    const std::lock_guard lock{mutex_};
    functions = functions_;
  }
  for (auto& function : functions) {
    calls.post([function = std::move(function), json] { function(json); });
  }
}

}  // namespace selfscale::agent
