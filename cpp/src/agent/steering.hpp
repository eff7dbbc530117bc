/// The straight line of one evaluation: sample → observe → snapshot → decide → may it act? → act →
/// renew the lease with the state → publish → journal → notify.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <selfscale/decide.hpp>
#include <string>
#include <vector>

#include "agent/account.hpp"
#include "agent/events.hpp"
#include "agent/house.hpp"
#include "agent/platform.hpp"
#include "agent/records.hpp"
#include "agent/sampler.hpp"
#include "agent/shown_readings.hpp"
#include "agent/snapshot.hpp"
#include "agent/standing.hpp"
#include "agent/switches.hpp"

namespace selfscale::agent {

/// Who this process is among the agents of its service.
enum class Role : std::uint8_t {
  follower,     ///< reads what others publish
  recommender,  ///< nobody leads: evaluates and publishes, never acts
  leader,       ///< evaluates, and acts where it may
};
std::string_view name_of(Role role) noexcept;

/// Control thread only, one coroutine at a time but for sample().
class Steering {
 public:
  explicit Steering(House& house);

  /// One step: finds the role, then does what is due.
  boost::asio::awaitable<void> step();
  /// Readings that were refused, each at each evaluation.
  [[nodiscard]] std::uint64_t refused_readings() const noexcept { return refused_readings_; }
  /// When step() wants to be called again.
  [[nodiscard]] Instant due() const;
  /// Have the next step evaluate at once.
  void hurry() noexcept { next_evaluation_ = {}; }

  /// Looks at the processes and the host; does nothing for a follower.
  void sample();

  [[nodiscard]] Role role() const noexcept { return role_; }
  /// "host/pid" of who leads, as last seen; empty: nobody, or it cannot be seen.
  [[nodiscard]] const std::string& leader() const noexcept { return leader_; }
  [[nodiscard]] const std::vector<Switch>& switches() const noexcept { return switches_; }
  /// As they stood when it last asked; a follower does not ask what people say.
  [[nodiscard]] const Circumstances& circumstances() const noexcept { return circumstances_; }
  /// The last word on a service, JSON as published; Errc::not_found: none yet.
  boost::asio::awaitable<Result<std::string>> published(std::string service);
  /// What this process published last itself; empty: nothing, or it follows.
  [[nodiscard]] const std::string& own_published() const noexcept { return published_; }
  /// Of the whole host; empty: not known (yet), or this process follows.
  [[nodiscard]] std::optional<double> host_cpu_percent() const noexcept {
    return sampler_.host_cpu_percent();
  }
  /// What the driver found when it was last asked; nothing where there is none.
  [[nodiscard]] const drivers::Preflight& found_by_preflight() const noexcept {
    return standing_.found();
  }
  /// Has the totals go on from the last word on the service. Whoever may decide next does so again
  /// and again: a recommender's word goes with it.
  boost::asio::awaitable<void> take_up_totals();
  /// What is measured, as of now; nothing while this process follows.
  [[nodiscard]] std::vector<ShownReading> readings() const;
  /// Do people let agents act, whoever leads, as far as is known? A follower hears it where its
  /// driver keeps busy replicas.
  [[nodiscard]] bool people_allow() const noexcept { return people_allow_; }
  /// Why it is not certain that this platform has one writer, and the ways out; empty: it is.
  [[nodiscard]] std::optional<Finding> rivals() const { return standing_.rivals(); }
  /// The nearest count that the policy allows at this time, and the platform takes.
  [[nodiscard]] int within_bounds(int replicas) const;
  /// Whatever a step under way would still ask of the platform; before resign().
  void write_no_more() noexcept;
  /// Gives the lease back, as the process ends; but where a write may still come through: so that
  /// nobody writes beside it, the lease runs out.
  boost::asio::awaitable<void> resign();
  /// In a fork's child, which must touch nothing else: closes the files that are kept open.
  void abandon_in_child() noexcept { sampler_.abandon_in_child(); }

 private:
  boost::asio::awaitable<void> find_role();
  void note_leader(const std::string& leader);
  boost::asio::awaitable<bool> stands_and_leads();
  boost::asio::awaitable<void> give_up();
  boost::asio::awaitable<void> release();
  bool may_give_back();
  boost::asio::awaitable<void> begin_to_lead();
  void take_over_state();
  void cease_to_lead();
  void take_policies();

  [[nodiscard]] std::vector<Finding> warnings() const;
  [[nodiscard]] bool others_report_elsewhere() const;
  [[nodiscard]] Duration rest() const;
  boost::asio::awaitable<void> observe();
  boost::asio::awaitable<void> evaluate();
  boost::asio::awaitable<void> think();
  void say_whether_counted();
  boost::asio::awaitable<Shared> shared();
  boost::asio::awaitable<void> read_switches_of_people();
  [[nodiscard]] const std::vector<drivers::Replica>& replicas() const;  ///< as last seen
  void take_circumstances();
  void judge_now();
  boost::asio::awaitable<void> act();
  bool is_held();
  boost::asio::awaitable<void> go_on();
  boost::asio::awaitable<void> resume_event();
  [[nodiscard]] bool has_order();
  boost::asio::awaitable<void> carry_out_order();
  [[nodiscard]] Evaluated evaluated() const noexcept;
  boost::asio::awaitable<Result<void>> renew();
  boost::asio::awaitable<void> publish();
  [[nodiscard]] Wish wish_of_decision() const;

  House& house_;
  Role role_ = Role::follower;
  std::string leader_;
  Policy policy_;
  Readings readings_;
  Sampler sampler_;
  SnapshotMaker maker_;
  Snapshot snapshot_;
  DecisionState state_;
  DecisionState state_before_;  ///< the last decision
  Decision decision_;
  Platform platform_;
  Account account_;
  Events events_;
  Standing standing_;

  fleet::LeaseRecord lease_;
  bool resumes_ = false;  ///< what the leader before left unfinished is still to be taken up
  bool has_learned_ = false;
  Circumstances circumstances_;
  bool hears_people_ = false;  ///< their switches could be read
  bool people_allow_ = false;
  std::vector<Switch> switches_;
  Verdict verdict_;
  bool ends_ = false;  ///< nothing is written any more
  std::string published_;

  Instant next_evaluation_{};
  std::optional<Instant> next_renewal_;  ///< of the lease, while this process leads
  std::optional<Instant> sampled_at_;
  Instant next_tidy_{};
  std::uint64_t refused_readings_ = 0;
};

}  // namespace selfscale::agent
