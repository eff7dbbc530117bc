/// The account that an agent gives of its decisions: the log's lines, a record in the journal of
/// each that is news, and word to subscribers.
#pragma once

#include <optional>
#include <selfscale/decision.hpp>
#include <string>
#include <vector>

#include "agent/house.hpp"
#include "agent/records.hpp"
#include "agent/switches.hpp"

namespace selfscale::agent {

/// Control thread only.
class Account {
 public:
  explicit Account(House& house) : house_{house} {}

  /// Of one evaluation: each in its turn.
  void give(const Evaluated& evaluated, const std::vector<Switch>& switches);
  /// Sees to it that the decision has a record of its own, news or not: an event names the decision
  /// that it came of.
  void ensure_record(const Evaluated& evaluated);
  /// The next decision is news, whatever it is.
  void forget() noexcept { recorded_.reset(); }

  /// Of the record that was written last; empty: none yet.
  [[nodiscard]] const std::string& decision_id() const noexcept { return decision_id_; }

 private:
  [[nodiscard]] bool is_news(const Evaluated& evaluated) const;
  void write_down(const Evaluated& evaluated);
  void say(const Evaluated& evaluated);
  [[nodiscard]] std::string whether_it_acts(const Verdict& verdict,
                                            const std::vector<Switch>& switches) const;

  House& house_;
  std::optional<Decision> recorded_;  ///< the last with a record of its own
  Verdict recorded_verdict_;
  std::string decision_id_;
  bool has_spoken_ = false;
  std::optional<int> said_;  ///< the count recommended last, while it is not acted on
};

}  // namespace selfscale::agent
