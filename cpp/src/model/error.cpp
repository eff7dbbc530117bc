#include <selfscale/error.hpp>
#include <utility>

namespace selfscale {
namespace {

std::string listed(const std::vector<Problem>& problems) {
  std::string text = problems.size() == 1
                         ? "1 mistake in the policy document:"
                         : std::to_string(problems.size()) + " mistakes in the policy document:";
  for (const Problem& problem : problems) {
    text += "\n  " + (problem.pointer.empty() ? std::string{"the document"} : problem.pointer);
    if (!problem.value.empty()) text += " = " + problem.value;
    text += ": " + problem.message;
  }
  return text;
}

}  // namespace

std::string_view name_of(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_policy:
      return "invalid_policy";
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::unreachable:
      return "unreachable";
    case Errc::timed_out:
      return "timed_out";
    case Errc::denied:
      return "denied";
    case Errc::not_found:
      return "not_found";
    case Errc::conflict:
      return "conflict";
    case Errc::throttled:
      return "throttled";
    case Errc::unsupported:
      return "unsupported";
    case Errc::malformed:
      return "malformed";
    case Errc::stopped:
      return "stopped";
    case Errc::failed:
      return "failed";
    case Errc::storage:
      return "storage";
  }
  return "failed";
}

PolicyError::PolicyError(std::vector<Problem> problems)
    : Error{Errc::invalid_policy, listed(problems)}, problems_{std::move(problems)} {}

}  // namespace selfscale
