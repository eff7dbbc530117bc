#include "decide/combine.hpp"

namespace selfscale {
namespace {

/// The answers by kind, with the proposals that stand for each.
struct Votes {
  int up = 0, hold = 0, down = 0, missing = 0;
  int contented = 0;  ///< abstain, and could have asked for more
  int largest_up = -1, smallest_up = -1, largest_down = -1, smallest_down = -1;
  int first_hold = -1, first_missing = -1, first_starting = -1;
};

Votes count(std::span<const Proposal> proposals) noexcept {
  Votes votes;
  const auto replicas = [&](int index) {
    return proposals[static_cast<std::size_t>(index)].replicas;
  };
  for (int i = 0; i < static_cast<int>(proposals.size()); ++i) {
    switch (proposals[static_cast<std::size_t>(i)].answer) {
      case Answer::up:
        if (++votes.up == 1 || replicas(i) > replicas(votes.largest_up)) votes.largest_up = i;
        if (votes.up == 1 || replicas(i) < replicas(votes.smallest_up)) votes.smallest_up = i;
        break;
      case Answer::hold:
        if (++votes.hold == 1) votes.first_hold = i;
        if (proposals[static_cast<std::size_t>(i)].code == Code::starting) votes.first_starting = i;
        break;
      case Answer::down:
        if (++votes.down == 1 || replicas(i) > replicas(votes.largest_down)) votes.largest_down = i;
        if (votes.down == 1 || replicas(i) < replicas(votes.smallest_down)) votes.smallest_down = i;
        break;
      case Answer::missing:
        if (++votes.missing == 1) votes.first_missing = i;
        break;
      case Answer::abstain:
        votes.contented += proposals[static_cast<std::size_t>(i)].code == Code::no_lowering ? 1 : 0;
        break;
    }
  }
  return votes;
}

}  // namespace

Combined combine(std::span<const Proposal> proposals, int current, Direction up,
                 Direction down) noexcept {
  const Votes votes = count(proposals);
  const auto carried = [&](int leading, Code code) {
    return Combined{proposals[static_cast<std::size_t>(leading)].replicas, code, leading};
  };
  const auto held = [&](int leading, Code code) { return Combined{current, code, leading}; };

  if (votes.up > 0) {
    if (up == Direction::any) return carried(votes.largest_up, Code::largest_up);
    if (votes.hold + votes.down + votes.missing + votes.contented == 0) {
      return carried(votes.smallest_up, Code::smallest_up);
    }
    return votes.missing > 0 ? held(votes.first_missing, Code::missing_blocks_up)
                             : held(votes.largest_up, Code::rules_disagree);
  }
  if (votes.down > 0) {
    const bool holds = down == Direction::all && votes.hold > 0;  // whatever the missing would say
    if (votes.missing > 0 && !holds) return held(votes.first_missing, Code::missing_blocks_down);
    // Else what a rule still needs would be taken away before it can serve, again and again.
    if (votes.first_starting >= 0) return held(votes.first_starting, Code::rules_disagree);
    if (down == Direction::any) return carried(votes.smallest_down, Code::smallest_down);
    return votes.hold == 0 ? carried(votes.largest_down, Code::all_agree_down)
                           : held(votes.first_hold, Code::rules_disagree);
  }
  if (votes.hold > 0) return held(votes.first_hold, Code::all_hold);
  if (votes.missing > 0) return held(votes.first_missing, Code::no_data);
  return held(-1, Code::all_abstain);
}

}  // namespace selfscale
