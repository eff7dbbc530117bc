/// The scaling events of one service while this process leads: one at a time, from the order to the
/// end, each step in the state, the lease's record, the journal and the ears of subscribers.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <selfscale/decision.hpp>
#include <string>
#include <utility>
#include <vector>

#include "agent/actuation.hpp"
#include "agent/circuit.hpp"
#include "agent/house.hpp"
#include "agent/startup_times.hpp"

namespace selfscale::agent {

/// What is to be brought about, and why.
struct Wish {
  int from = 0;
  int to = 0;
  Trigger trigger = Trigger::policy;
  std::string reason;
  std::string decision;  ///< id of the DecisionRecord
  std::vector<std::pair<std::string, double>> metrics;
  std::string version;               ///< of the observation
  std::vector<std::string> victims;  ///< who may go, the first before the others
};

/// Has an event that another process left been broken off, where this count is asked for now?
[[nodiscard]] bool is_broken_off(const ScalingEvent& left, int count) noexcept;

class Events {
 public:
  /// Renews the lease with the state and the event under way; fails when another leads.
  using Renew = std::function<boost::asio::awaitable<Result<void>>()>;

  /// `state` is told of everything that was done.
  Events(House& house, DecisionState& state, Renew renew)
      : house_{house}, state_{state}, renew_{std::move(renew)} {}

  /// The right to act, as it stands now; without it nothing is written.
  void allow(bool may_act, std::int64_t token) noexcept {
    may_act_ = may_act;
    token_ = token;
  }

  /// A write has no answer, or none that says what became of it: it may still come through.
  [[nodiscard]] bool has_open_write() const noexcept {
    return life_ && !life_->actuation.accepted_at();
  }
  /// The event under way; null: none.
  [[nodiscard]] const ScalingEvent* under_way() const noexcept {
    return life_ ? &life_->event : nullptr;
  }
  /// When the event under way wants the next observation.
  [[nodiscard]] std::optional<Instant> due() const;
  /// Does it take an observation that was made now? While it waits to write again, it does not.
  [[nodiscard]] bool wants_observation(Instant now) const;
  /// May an event to that count begin now? One under way gives way to more replicas alone, once
  /// its own count was seen; a rollback does not. After a failure it takes a while.
  [[nodiscard]] bool may_begin(int to, Instant now) const;
  [[nodiscard]] const Circuit& circuit() const noexcept { return circuit_; }

  /// What the driver says that it would refuse is an event that failed, once for each reason: the
  /// platform is not asked, so that no pause follows.
  boost::asio::awaitable<void> begin(Wish wish);
  /// Tells the event under way what was observed. True: it wrote, and what was observed is past.
  boost::asio::awaitable<bool> advance(Result<drivers::Observation> seen);
  /// An order by hand that the platform has not taken gives way to a newer one.
  void withdraw_order() noexcept;
  /// An order that cannot be carried out is an event, too.
  void refuse(Wish wish, const std::string& why);

  /// Another count while no event is under way: what the platform did of a step that it refused, or
  /// somebody else's, which is adopted.
  void compare(const drivers::Observation& seen);
  /// Takes up what a leader before left unfinished, as far as the platform has it; else ends it.
  /// A rollback goes on: it takes the next observation.
  boost::asio::awaitable<void> resume(ScalingEvent left, const drivers::Observation& seen);
  /// This process leads no more: what is under way is the next leader's.
  void forget() noexcept;

  StartupTimes startups;  ///< learned from the steps up
  /// Recorded so far; what may be taken away depends on it where the platform chooses who goes.
  std::optional<drivers::LongestWork> longest_work;
  /// Who may go by the last snapshot, as victims() has it.
  std::vector<std::string> may_go;

 private:
  struct Life {
    ScalingEvent event;
    Actuation actuation;
    std::vector<std::string> victims;
    Instant due{};
    std::vector<drivers::Replica> seen{};  ///< when it was observed last
  };
  /// The count before the last write, which answers may show for a while.
  struct Replaced {
    int count = 0;
    Instant until{};
  };

  [[nodiscard]] ScalingEvent event_of(const Wish& wish);
  [[nodiscard]] Order order_of(const ScalingEvent& event, std::string version = {}) const;
  boost::asio::awaitable<bool> perform(Action action);
  boost::asio::awaitable<Result<void>> write(Write wanted);
  void hold_back(Wish wish, const Finding& against);
  void begin_rollback(const Write& wanted);
  bool go_on_rolling_back(const ScalingEvent& left, const drivers::Observation& seen);
  void note_acceptance();
  void finish(const Finished& end);
  [[nodiscard]] bool may_be_stale(const drivers::Observation& seen) const;
  void keep(const ScalingEvent& event);
  void adopt(int from, int to);
  [[nodiscard]] bool is_part_of_refused(int count) const;
  void take_part(int from, int to);

  House& house_;
  DecisionState& state_;
  Renew renew_;
  bool may_act_ = false;
  std::int64_t token_ = 0;
  std::optional<Life> life_;
  std::optional<int> expected_;  ///< the count asked for, as far as we know
  std::optional<Replaced> replaced_;
  /// The step that failed last, of which the platform may have done a part.
  std::optional<ScalingEvent> refused_;
  bool is_stale_ = false;  ///< what was observed last, by all that is known
  Circuit circuit_;
  std::string held_back_;  ///< why the last step down was; empty: one has begun since
};

}  // namespace selfscale::agent
