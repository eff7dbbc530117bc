// Every fault, at every call that a driver makes, in everything that a driver is asked for.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <iterator>
#include <mutex>

#include "drivers/conformance.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds wait_of_throttled{7};
// Sanitizers on a machine that is busy are slow; run() gives up after 30 s.
constexpr Duration no_hurry{25'000};

// --- the table
//
// The same for every driver and every call, because what follows is the agent's to decide, and it
// has nothing but the code to go by: whether the same call may succeed later (unreachable,
// timed_out, throttled, conflict), and whether a write may have been carried out (timed_out), so
// that it is read back before it is repeated. Nothing is tried again here, but for a key that was
// refused. What a driver does otherwise stands with its reason in its harness.

struct CallFault {
  enum class How : std::uint8_t {
    refused,
    reset,
    lost,
    torn,
    cut,
    garbled,
    hangs,
    cancelled,
    rotates,  ///< no fault: all is well, and the key is another from then on
  };
  std::string name;
  How how = How::refused;
  Errc when_reading{};
  Errc when_writing{};
  int status = 0;

  [[nodiscard]] Errc owed(const Called& call) const {
    return call.writes ? when_writing : when_reading;
  }
  /// Was a write carried out that met with it?
  [[nodiscard]] bool leaves_open() const { return when_writing == Errc::timed_out; }
};

std::vector<CallFault> every_fault() {
  using How = CallFault::How;
  const auto status = [](int code, Errc when_reading, Errc when_writing) {
    return CallFault{std::to_string(code), How::refused, when_reading, when_writing, code};
  };
  return {
      // Wrong, and wrong again if it were asked again.
      status(401, Errc::denied, Errc::denied),
      status(403, Errc::denied, Errc::denied),
      status(404, Errc::not_found, Errc::not_found),
      status(422, Errc::failed, Errc::failed),
      // To be decided anew, or later.
      status(409, Errc::conflict, Errc::conflict),
      status(429, Errc::throttled, Errc::throttled),
      // May pass; whether a write was carried out must be read.
      status(500, Errc::unreachable, Errc::timed_out),
      status(502, Errc::unreachable, Errc::timed_out),
      status(503, Errc::unreachable, Errc::timed_out),
      status(504, Errc::unreachable, Errc::timed_out),
      {"reset", How::reset, Errc::unreachable, Errc::timed_out},
      // Of a write that was carried out.
      {"lost", How::lost, Errc::unreachable, Errc::timed_out},
      {"torn", How::torn, Errc::unreachable, Errc::timed_out},
      {"hangs", How::hangs, Errc::timed_out, Errc::timed_out},
      // No answer of this platform's; of a write it says as little as none.
      {"cut", How::cut, Errc::malformed, Errc::timed_out},
      {"garbled", How::garbled, Errc::malformed, Errc::timed_out},
      // By us.
      {"cancelled", How::cancelled, Errc::stopped, Errc::stopped},
  };
}

// --- what is asked of a driver

struct Use {
  enum class What : std::uint8_t { preflight, observe, scale, release };
  std::string name;
  What what;
  int desired = 0;            ///< of scale
  bool has_scaled = false;    ///< before, to `desired`
  bool has_observed = false;  ///< so it knows the version and the victims

  friend void PrintTo(const Use& use, std::ostream* out) { *out << use.name; }
};

std::vector<Use> every_use() {
  using What = Use::What;
  return {{"preflight", What::preflight},
          {"observe", What::observe},
          {"observe_after_a_change", What::observe, 3, true},
          {"scale_up", What::scale, 3},
          {"scale_down", What::scale, 1, false, true},
          {"release", What::release, 3, true}};
}

std::vector<Use> scaling_uses() {
  auto uses = every_use();
  std::erase_if(uses, [](const Use& use) { return use.what != Use::What::scale; });
  return uses;
}

/// How it ended.
struct Outcome {
  std::optional<Failure> failure{};  ///< of the call
  std::vector<Finding> wrong{};      ///< what a preflight found instead
  [[nodiscard]] bool is_done() const { return !failure && wrong.empty(); }
  [[nodiscard]] std::string words() const {
    std::string all = failure ? failure->message : "";
    for (const auto& each : wrong) all += each.what + " " + each.why + " " + each.paste;
    return all;
  }
};

Outcome outcome_of(const Result<Preflight>& result) {
  if (result) return {{}, result->wrong};
  return {result.error(), {}};
}
template <class T>
Outcome outcome_of(const Result<T>& result) {
  if (result) return {};
  return {result.error(), {}};
}

asio::awaitable<Outcome> ask(Driver& driver, Use::What what, ScaleRequest request) {
  switch (what) {
    case Use::What::preflight:
      co_return outcome_of(co_await driver.preflight());
    case Use::What::observe:
      co_return outcome_of(co_await driver.observe());
    case Use::What::scale:
      co_return outcome_of(co_await driver.scale(std::move(request)));
    case Use::What::release:
      co_return outcome_of(co_await driver.release());
  }
  co_return Outcome{};
}

// --- what the platform does

/// A fault at one call, or at that and at all after it.
struct Blow {
  CallFault fault;
  int at = 0;  ///< from 1; 0: never
  bool for_ever = false;
};

class Injector final : public http::Interference {
 public:
  struct Seen {
    Called called;
    std::string whole;  ///< line and body: two that are alike ask for the same
  };

  /// With all that is connected to the platform from now on. Outlives it, and leaves it before it
  /// goes: a call that was given up may still come in.
  void interfere(OverHttp& platform) {
    const std::lock_guard guard{mutex_};
    platform_ = &platform;
    platform.interfere(this);
  }
  void leave() {
    const std::lock_guard guard{mutex_};
    platform_ = nullptr;
  }
  void begin(Blow blow) {
    const std::lock_guard guard{mutex_};
    blow_ = std::move(blow);
    seen_.clear();
  }
  std::vector<Seen> seen() {
    const std::lock_guard guard{mutex_};
    return seen_;
  }
  int count() {
    const std::lock_guard guard{mutex_};
    return static_cast<int>(seen_.size());
  }

  bool takes(http::Peer& peer, const http::Received& request) override {
    using How = CallFault::How;
    CallFault fault;
    Refused refusal;
    {
      const std::lock_guard guard{mutex_};
      if (platform_ == nullptr) return true;  // nobody waits for the answer
      const auto called = platform_->called(request);
      seen_.push_back({called, request.line + "\n" + request.body});
      const auto now = static_cast<int>(seen_.size());
      const bool is_hit = blow_.at > 0 && (now == blow_.at || (now > blow_.at && blow_.for_ever));
      if (!is_hit) return false;
      fault = blow_.fault;
      if (fault.how == How::refused) {
        refusal = platform_->refusal(called, fault.status, wait_of_throttled);
      }
    }
    const auto half = [](std::string_view answer) {
      return std::string{answer.substr(0, answer.size() / 2)};
    };
    switch (fault.how) {
      case How::refused:
        peer.answer(refusal.status, refusal.body, refusal.headers);
        return true;
      case How::hangs:
      case How::cancelled:
        peer.wait_for_the_end();
        return true;
      case How::reset:
        peer.will_reset();
        return true;
      case How::lost:
        peer.will_reset();
        peer.distort([](std::string_view) { return std::string{}; });
        return false;
      case How::torn:
        peer.will_reset();
        peer.distort(half);
        return false;
      case How::cut:
        peer.distort(half);
        return false;
      case How::garbled:
        peer.distort([](std::string_view) {
          return std::string{"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"};
        });
        return false;
      case How::rotates:
        peer.distort([this](std::string_view answer) {
          const std::lock_guard guard{mutex_};
          if (platform_ != nullptr) platform_->rotate_key();
          return std::string{answer};
        });
        return false;
    }
    return false;
  }

 private:
  OverHttp* platform_ = nullptr;
  std::mutex mutex_;
  Blow blow_;
  std::vector<Seen> seen_;
};

// --- the campaign

std::vector<HarnessRow> rows_over_http() {
  auto rows = every_harness();
  std::erase_if(rows, [](const HarnessRow& row) { return !row.over_http; });
  std::ranges::move(every_other_way_to_credentials(), std::back_inserter(rows));
  return rows;
}

/// A driver that is made for one test, on a platform that is used by many.
struct OneDriver {
  explicit OneDriver(OverHttp& platform, Duration patience = no_hurry)
      : driver{platform.make_busy(io, patience)} {}
  asio::io_context io;
  std::unique_ptr<Driver> driver;
};

class FaultCampaign : public testing::TestWithParam<std::tuple<HarnessRow, Use>> {
 protected:
  struct Report {
    Outcome outcome;
    std::vector<Injector::Seen> seen;
    /// The one that was hit.
    [[nodiscard]] const Called& call(const Blow& blow) const {
      return seen[static_cast<std::size_t>(blow.at - 1)].called;
    }
  };

  FaultCampaign() { set_up_platform(); }
  ~FaultCampaign() override { injector.leave(); }

  void set_up_platform() {
    injector.leave();
    platform.reset();
    platform = std::get<0>(GetParam()).over_http();
    injector.interfere(*platform);
  }

  /// What becomes of the use under a blow.
  Report report_of(OneDriver& one, const Blow& blow, Duration deadline = no_hurry) {
    platform->restore();
    setting_of_autoscaler = platform->autoscaler();
    ScaleRequest request;
    request.deadline = no_hurry;
    if (use.has_observed) request = seen_by_another();
    request.desired = use.desired;
    if (use.has_scaled) {
      EXPECT_TRUE(run(one.io, one.driver->scale(request)));
    }
    request.deadline = deadline;
    injector.begin(blow);
    auto outcome = ask_and_wait(one, request, blow);
    auto seen = injector.seen();
    injector.begin({});
    return {std::move(outcome), std::move(seen)};
  }

  /// As the agent has it: of an observation that went well.
  ScaleRequest seen_by_another() {
    OneDriver other{*platform};
    const auto seen = run(other.io, other.driver->observe()).value();
    ScaleRequest request;
    request.deadline = no_hurry;
    request.version = seen.version;
    for (const auto& each : seen.replicas) request.victims.push_back(each.instance);
    return request;
  }

  /// Under a blow that is a cancellation of ours, that comes as soon as the call is under way.
  Outcome ask_and_wait(OneDriver& one, const ScaleRequest& request, const Blow& blow) {
    auto& io = one.io;
    asio::cancellation_signal stop;
    bool is_to_be_stopped = blow.at > 0 && blow.fault.how == CallFault::How::cancelled;
    std::optional<Outcome> outcome;
    asio::co_spawn(io, ask(*one.driver, use.what, request),
                   asio::bind_cancellation_slot(
                       stop.slot(), [&outcome](const std::exception_ptr& thrown, Outcome ended) {
                         if (thrown) ended.failure = Failure{Errc::stopped, "cancelled", {}};
                         outcome = std::move(ended);
                       }));
    const auto until = std::chrono::steady_clock::now() + seconds{30};
    while (!outcome && std::chrono::steady_clock::now() < until) {
      io.restart();
      io.run_one_for(is_to_be_stopped ? milliseconds{1} : milliseconds{1'000});
      if (is_to_be_stopped && injector.count() >= blow.at) {
        is_to_be_stopped = false;
        stop.emit(asio::cancellation_type::terminal);
      }
    }
    // What goes on after the answer, where nothing waits for ever, is a part of it.
    const bool waits =
        blow.fault.how == CallFault::How::hangs || blow.fault.how == CallFault::How::cancelled;
    io.restart();
    io.run_for(waits && blow.at > 0 ? seconds{0} : seconds{30});
    EXPECT_TRUE(outcome) << "it does not end";
    return outcome.value_or(Outcome{});
  }

  /// A deadline that is over while the call waits, and no sooner. What was sent at the end of it
  /// may come to the server later than that: each has a server of its own.
  Report under_deadline(const Blow& blow, const std::string& call) {
    for (Duration deadline{16};; deadline *= 2) {
      set_up_platform();
      // What a driver mends after its deadline has time enough, where it does not hang, too.
      const bool may_mend = use.what == Use::What::scale && !blow.for_ever;
      OneDriver one{*platform, may_mend ? no_hurry : deadline};
      auto report = report_of(one, blow, deadline);
      const bool has_come_so_far =
          static_cast<int>(report.seen.size()) >= blow.at && report.call(blow).name == call;
      if (has_come_so_far || deadline > no_hurry) {
        set_up_platform();
        return report;
      }
    }
  }

  /// How many calls were made, of which one that is named so is the one that is hit.
  int strike(const Blow& blow, const std::string& call) {
    SCOPED_TRACE("call " + std::to_string(blow.at) + ", " + call + ", " + blow.fault.name +
                 (blow.for_ever ? " from then on" : " once"));
    const bool hangs = blow.fault.how == CallFault::How::hangs;
    auto hanging = hangs ? std::optional{under_deadline(blow, call)} : std::nullopt;
    OneDriver one{*platform};
    const auto report = hangs ? std::move(*hanging) : report_of(one, blow);
    SCOPED_TRACE(report.outcome.words());
    const auto count = static_cast<int>(report.seen.size());
    if (count < blow.at || report.call(blow).name != call) {
      ADD_FAILURE() << "it is not called";
      return 0;
    }
    expect_end(blow, report);
    expect_calls(blow, report);
    expect_words(blow, report, *one.driver);
    EXPECT_EQ(platform->incomplete(), std::vector<std::string>{});
    const bool may_ask_again =
        blow.fault.how != CallFault::How::cancelled && !hangs && blow.fault.status != 429;
    if (use.what == Use::What::scale && may_ask_again) expect_success_later(one);
    if (!hangs) expect_given_back_later();  // else the platform is another one by now
    return count;
  }

  // --- what is owed

  std::optional<Divergence> divergence(const Blow& blow,
                                       const std::vector<Injector::Seen>& seen) const {
    const auto divergences = platform->divergences();
    const auto at = seen.begin() + blow.at - 1;
    const bool is_after_write =
        std::any_of(seen.begin(), at, [](const auto& each) { return each.called.writes; });
    const auto found = std::ranges::find_if(divergences, [&](const Divergence& each) {
      return use.name.find(each.use) != std::string::npos &&
             at->called.name.find(each.call) != std::string::npos &&
             (each.faults.empty() || each.faults.find(blow.fault.name) != std::string::npos) &&
             (!each.after_a_write || (is_after_write && !at->called.writes));
    });
    return found == divergences.end() ? std::nullopt : std::optional{*found};
  }

  /// It was carried out, and a driver may need no more of the answer than its status.
  static bool is_garbled_write(const Blow& blow, const Called& call) {
    return blow.fault.how == CallFault::How::garbled && call.writes;
  }
  [[nodiscard]] bool is_renewed(const Blow& blow, const Called& call) const {
    return blow.fault.status == 401 && platform->has_key(call);
  }

  void expect_end(const Blow& blow, const Report& report) {
    using End = Divergence::End;
    const auto& call = report.call(blow);
    const auto other = divergence(blow, report.seen);
    const auto end = other ? other->end : End::as_in_the_table;
    const bool goes_on = static_cast<int>(report.seen.size()) > blow.at;
    const bool may_be_done = end == End::done || is_garbled_write(blow, call) ||
                             (is_renewed(blow, call) && !blow.for_ever);
    if (report.outcome.is_done()) {
      EXPECT_TRUE(may_be_done) << "it is not done";
      if (is_garbled_write(blow, call) && use.what == Use::What::scale) {
        EXPECT_EQ(platform->truth(), use.desired);
      }
      return;
    }
    if (end == End::finding && !report.outcome.failure) return;
    std::vector<Errc> owed{end == End::denied ? Errc::denied : blow.fault.owed(call)};
    ASSERT_TRUE(report.outcome.failure) << "a finding that no row tells of";
    if (end == End::failed) owed = {Errc::failed};
    if (end == End::unsure) owed = {Errc::timed_out};
    // Whatever it goes on with meets with the same.
    if (blow.for_ever && (goes_on || other)) {
      owed.push_back(blow.fault.when_reading);
      owed.push_back(blow.fault.when_writing);
    } else if (end == End::done) {
      ADD_FAILURE() << "it is no failure: " << other->why;
    }
    EXPECT_TRUE(std::ranges::find(owed, report.outcome.failure->code) != owed.end())
        << name_of(report.outcome.failure->code) << " instead of " << name_of(owed.front());
  }

  /// Nothing is asked after a failure, and nothing is written twice that may have been done.
  void expect_calls(const Blow& blow, const Report& report) {
    const auto& seen = report.seen;
    const auto& call = report.call(blow);
    const auto count = static_cast<int>(seen.size());
    if (is_renewed(blow, call)) {
      EXPECT_GT(count, blow.at) << "a key that is refused is read anew";
      const bool ends_so = blow.for_ever && !divergence(blow, seen);
      EXPECT_TRUE(!ends_so || count == blow.at + 1) << count;
    } else if (!divergence(blow, seen) && !is_garbled_write(blow, call)) {
      EXPECT_EQ(count, blow.at);
    }
    if (!blow.fault.leaves_open()) return;
    for (const auto& one : seen) {
      const auto times = std::ranges::count(seen, one.whole, &Injector::Seen::whole);
      EXPECT_TRUE(!one.called.writes || times == 1) << one.called.name << " is written twice";
    }
  }

  void expect_words(const Blow& blow, const Report& report, const Driver& driver) {
    const auto& call = report.call(blow);
    auto words = report.outcome.words();
    const auto says = [&words](std::string_view part) {
      return words.find(part) != std::string::npos;
    };
    if (report.outcome.failure) {
      const auto finding = driver.explain(*report.outcome.failure);
      EXPECT_TRUE(finding.what.starts_with(report.outcome.failure->message));
      words += finding.what + finding.why + finding.paste;
    }
    for (const auto& secret : platform->secrets()) EXPECT_FALSE(says(secret));
    const auto other = divergence(blow, report.seen);
    const bool has_own_words = other && other->end == Divergence::End::finding;
    if (report.outcome.is_done() || has_own_words || call.in_words.empty()) return;
    const bool is_refused = blow.fault.how == CallFault::How::refused;
    EXPECT_TRUE(!is_refused || says(words_of_refusal)) << "the platform's own words are missing";
    if (blow.fault.how == CallFault::How::cancelled) return;
    const bool goes_on = static_cast<int>(report.seen.size()) > blow.at;
    EXPECT_TRUE(goes_on || says(call.in_words)) << "it does not say what was asked";
    const bool lacks_permission = blow.fault.status == 403 && platform->has_key(call);
    EXPECT_TRUE(!lacks_permission || says("missing permission: ")) << words;
    const auto& failure = report.outcome.failure;
    if (failure && failure->code == Errc::throttled && platform->asks_to_wait()) {
      EXPECT_EQ(failure->retry_after, wait_of_throttled);
    }
  }

  /// Whatever became of it, asking once more when all is well ends it, and counts nothing twice.
  void expect_success_later(OneDriver& one) {
    auto request = seen_by_another();
    request.desired = use.desired;
    const auto written = run(one.io, one.driver->scale(request));
    EXPECT_TRUE(written) << written.error().message;
    one.io.restart();
    one.io.run_for(seconds{30});
    EXPECT_TRUE(run(one.io, one.driver->observe()));
    const auto gone_on = run(one.io, one.driver->go_on());
    EXPECT_TRUE(gone_on) << gone_on.error().message;
    EXPECT_EQ(platform->truth(), use.desired) << "asked for once more";
    EXPECT_EQ(platform->incomplete(), std::vector<std::string>{}) << "asked for once more";
  }

  /// Whatever became of it, the next agent leaves the platform's own autoscaler as it was.
  void expect_given_back_later() {
    OneDriver next{*platform};
    const auto given_back = run(next.io, next.driver->release());
    EXPECT_TRUE(given_back) << given_back.error().message;
    EXPECT_EQ(platform->autoscaler(), setting_of_autoscaler);
  }

  const Use use = std::get<1>(GetParam());
  std::string setting_of_autoscaler;
  Injector injector;
  std::unique_ptr<OverHttp> platform;
};

TEST_P(FaultCampaign, EveryFaultAtEveryCall) {
  OneDriver faultless{*platform};
  const auto usual = report_of(faultless, {});
  ASSERT_TRUE(usual.outcome.is_done()) << usual.outcome.words();
  for (int at = 1; at <= static_cast<int>(usual.seen.size()); ++at) {
    for (const auto& fault : every_fault()) {
      const auto& call = usual.seen[static_cast<std::size_t>(at - 1)].called.name;
      if (strike({fault, at, true}, call) > at) strike({fault, at, false}, call);
    }
  }
}

class AcceptedWrite : public FaultCampaign {};

TEST_P(AcceptedWrite, ThatIsIgnoredIsNoticed) {
  if (!platform->ignore_writes()) return;
  OneDriver one{*platform};
  const auto report = report_of(one, {});
  const bool is_known = std::ranges::any_of(
      platform->divergences(), [](const Divergence& each) { return each.faults == "ignored"; });
  EXPECT_EQ(report.outcome.is_done(), is_known) << report.outcome.words();
  if (report.outcome.failure) {
    const auto code = report.outcome.failure->code;
    EXPECT_TRUE(code == Errc::failed || code == Errc::timed_out) << report.outcome.words();
  }
  EXPECT_EQ(run(one.io, one.driver->observe()).value().desired, 2);
}

TEST_P(FaultCampaign, TheKeyIsReadAtEachUse) {
  OneDriver one{*platform};
  ASSERT_TRUE(report_of(one, {}).outcome.is_done());
  platform->rotate_key();
  const auto report = report_of(one, {});
  EXPECT_TRUE(report.outcome.is_done()) << report.outcome.words();
}

TEST_P(FaultCampaign, TheKeyIsReadAtEachCall) {
  OneDriver faultless{*platform};
  const auto usual = report_of(faultless, {});
  for (int at = 1; at < static_cast<int>(usual.seen.size()); ++at) {
    SCOPED_TRACE("after call " + std::to_string(at));
    set_up_platform();  // that takes the first key again
    OneDriver one{*platform};
    const auto report =
        report_of(one, {{.name = "another key", .how = CallFault::How::rotates}, at});
    EXPECT_TRUE(report.outcome.is_done()) << report.outcome.words();
    if (use.what == Use::What::scale) {
      EXPECT_EQ(platform->truth(), use.desired);
    }
  }
}

std::string name_of(const testing::TestParamInfo<FaultCampaign::ParamType>& info) {
  return std::get<0>(info.param).name + "_" + std::get<1>(info.param).name;
}
INSTANTIATE_TEST_SUITE_P(Every, FaultCampaign,
                         testing::Combine(testing::ValuesIn(rows_over_http()),
                                          testing::ValuesIn(every_use())),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Every, AcceptedWrite,
                         testing::Combine(testing::ValuesIn(rows_over_http()),
                                          testing::ValuesIn(scaling_uses())),
                         name_of);

TEST(FaultCampaignRows, LeaveOutThoseAloneThatSpeakNoHttp) {
  std::vector<std::string> left_out;
  for (const auto& row : every_harness()) {
    if (!row.over_http) left_out.push_back(row.name);
  }
  EXPECT_EQ(left_out,
            (std::vector<std::string>{"callback", "gunicorn", "local", "memory", "uvicorn"}));
}

}  // namespace
}  // namespace selfscale::drivers
