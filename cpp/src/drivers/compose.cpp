#include "drivers/compose.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "drivers/compose/api.hpp"
#include "drivers/compose/options.hpp"
#include "drivers/docker/engine.hpp"
#include "drivers/docker/refusal.hpp"
#include "drivers/overtaken.hpp"
#include "sampling/text.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;
using compose::Container;
using docker::patience;
using docker::understood;

// How long an agent that ends waits for containers that it has stopped.
constexpr Duration farewell{5'000};
// What an engine refuses it refuses at once; what takes longer is on its way out.
constexpr Duration refusal_comes_within{2'000};
constexpr double longest_grace_seconds = 3'600.0;

/// A container that this process has asked to stop.
struct Stop {
  std::string usual_name;
  std::optional<Result<http::Answer>> answer;
};

/// What goes on when an answer was given: containers that are asked to stop take their time. It
/// only listens; what is to be written then is written by whoever leads then.
struct Leaving {
  Leaving(asio::io_context& io, docker::Host host) : engine{io, std::move(host)}, ended{io} {}

  docker::Engine engine;
  std::map<std::string, Stop> stops;  ///< by id
  asio::steady_timer ended;           ///< cancelled whenever one has ended
};

/// Somebody else was faster.
bool is_gone(const Result<http::Answer>& done) {
  return !done && done.error().code == Errc::not_found;
}
/// It was heard, and surely not done.
bool is_refused(const Result<http::Answer>& done) {
  if (done) return false;
  const auto code = done.error().code;
  return code == Errc::denied || code == Errc::failed || code == Errc::conflict ||
         code == Errc::throttled;
}
bool is_refused(const Stop& stop) { return stop.answer && is_refused(*stop.answer); }

asio::awaitable<void> hear_the_end(std::shared_ptr<Leaving> leaving, std::string id,
                                   std::optional<double> grace_seconds) {
  const double grace = grace_seconds.value_or(longest_grace_seconds);
  const Deadline until{Duration{static_cast<Duration::rep>(grace * 1000.0)} + patience};
  auto done = co_await leaving->engine.ask(compose::stop(id, grace_seconds), until);
  if (const auto found = leaving->stops.find(id); found != leaving->stops.end()) {
    found->second.answer = std::move(done);
  }
  leaving->ended.cancel();
}

class Compose final : public Driver {
 public:
  Compose(const Setting& setting, compose::Options options)
      : io_{setting.io},
        options_{std::move(options)},
        own_{compose::own_container(sampling::read_text("/proc/self/mountinfo").value_or(""))},
        leaving_{std::make_shared<Leaving>(setting.io, options_.engine)},
        patience_{setting.patience} {}

  asio::awaitable<Result<Observation>> observe() override {
    const Deadline until{patience_};
    const auto all = co_await list(compose::list_containers(options_.target), until);
    if (!all) co_return all.error();
    const auto unhealthy = co_await list(compose::list_unhealthy(options_.target), until);
    if (!unhealthy) co_return unhealthy.error();
    marked_.clear();
    half_made_.clear();
    std::ranges::copy_if(*all, std::back_inserter(marked_), is_to_be_seen_off);
    std::ranges::copy_if(*all, std::back_inserter(half_made_), &Container::is_half_made);
    auto seen = compose::observation_of(*all, *unhealthy);
    seen.hold = compose::hold_of(*all, options_.target);
    seen.updating = !seen.hold.empty();
    co_return seen;
  }

  asio::awaitable<Result<void>> scale(ScaleRequest request) override {
    if (request.desired < 1) {
      co_return Failure{request.desired < 0 ? Errc::invalid_argument : Errc::failed,
                        "scale: " + std::to_string(request.desired) +
                            " containers; 1 or more, for new ones are copies of one that is there",
                        {}};
    }
    const Deadline until{request.deadline};
    auto all = co_await list(compose::list_containers(options_.target), until);
    if (!all) co_return all.error();
    std::erase_if(*all, [](const Container& each) { return each.is_leaving(); });
    const int now = compose::asked_for(*all);
    if (auto why = overtaken(request, now)) co_return std::move(*why);
    const int more = request.desired - now;
    if (more == 0) co_return Result<void>{};
    if (const auto why = compose::hold_of(*all, options_.target); !why.empty()) {
      co_return Failure{Errc::conflict,
                        "the service " + options_.target.service + " takes no count now: " + why,
                        {}};
    }
    if (more > 0) co_return co_await add(*all, more, until);
    std::erase_if(*all, [](const Container& each) { return each.is_unstarted(); });
    co_return co_await take(std::move(*all), request.victims, -more, until);
  }

  /// Sees off those as well that an agent before has asked to stop, and did not live to take away;
  /// or this one, when the answer to a change of name was lost. The same of those that were made
  /// and not started.
  asio::awaitable<Result<void>> go_on() override {
    const Deadline until{patience_};
    const auto done = co_await take_away_the_ended(until);
    std::vector<std::string> asked;
    for (const auto& each : std::exchange(marked_, {})) {
      if (leaving_->stops.contains(each.id)) continue;
      stop(each);
      asked.push_back(each.id);
    }
    const auto seen_off = co_await see_off(std::move(asked), until);
    const auto cleared = co_await take_away_the_half_made(until);
    if (!done) co_return done;
    co_return seen_off ? cleared : seen_off;
  }

  /// What is on its way out goes, or is left to whoever leads next.
  asio::awaitable<Result<void>> release() override { return leave(); }

  asio::awaitable<Result<void>> leave() override {
    const Deadline enough{farewell};
    while (std::ranges::any_of(leaving_->stops, is_under_way)) {
      if (!co_await has_heard_more(enough)) break;
    }
    co_await take_away_the_ended(Deadline{patience_});
    co_return Result<void>{};
  }

  asio::awaitable<Result<Preflight>> preflight() override {
    const Deadline until{patience_};
    Preflight found;
    grace_.reset();
    auto all = co_await list(compose::list_containers(options_.target), until);
    if (!all) co_return all.error();
    std::erase_if(*all, [](const Container& each) { return each.is_leaving(); });
    const auto* model = compose::model_of(*all);
    // Of what is about to start the first is as good to look at.
    const auto made = std::ranges::find_if(*all, &Container::is_about_to_start);
    if (model == nullptr && made != all->end()) model = &*made;
    if (model == nullptr) {
      found.wrong.emplace_back("there is no container of the service " + options_.target.service +
                                   " in the project " + options_.target.project +
                                   ": docker compose up makes the first one",
                               "new ones are copies of one that is there",
                               "docker compose --project-name " + options_.target.project +
                                   " up --detach " + options_.target.service);
      co_return found;
    }
    const auto call = compose::get_container(model->id);
    const auto answer = co_await ask(call, until);
    if (!answer) co_return answer.error();
    const auto copy = understood(call, compose::copy_of(answer->body, model->number + 1));
    if (!copy && copy.error().code != Errc::failed) co_return copy.error();
    grace_ = compose::grace_of(answer->body, options_.grace_seconds);
    if (!copy) {
      found.wrong.emplace_back(copy.error().message, "a second container of its kind cannot start",
                               "ports: [\"8000-8009:8000\"]   # of the service: a range, or none "
                               "behind a proxy; and no container_name");
    }
    if (auto versions = compose::against_versions(*all, options_.target)) {
      found.warnings.push_back(std::move(*versions));
    }
    found.warnings.emplace_back(
        "docker compose up puts back the number of replicas in its file: add --scale, or "
        "keep deploy.replicas in line",
        "a deployment undoes what was scaled",
        "docker compose up --detach --scale " + options_.target.service +
            "=$(docker compose ps --quiet " + options_.target.service + " | wc --lines)");
    co_return found;
  }

  [[nodiscard]] std::optional<Finding> cut_off_by_fewer(
      const std::optional<LongestWork>& longest) const override {
    if (!grace_) return std::nullopt;
    return work_cut_off(longest, *grace_, "container");
  }

  [[nodiscard]] Capabilities capabilities() const override {
    Capabilities can;
    can.scope = Capabilities::Scope::platform;
    can.chooses_victims = true;
    can.reports_ready = true;
    can.minimum = 1;
    return can;
  }

  [[nodiscard]] Finding explain(const Failure& failure) const override {
    return docker::finding_of(failure);
  }

 private:
  // --- asking

  asio::awaitable<Result<http::Answer>> ask(http::Call call, Deadline until) {
    co_return co_await leaving_->engine.ask(std::move(call), until);
  }

  asio::awaitable<Result<std::vector<Container>>> list(http::Call call, Deadline until) {
    if (options_.target.project.empty()) {
      co_return Failure{Errc::invalid_argument,
                        "platform.project is missing: the name that `docker compose ls` shows",
                        {}};
    }
    const auto answer = co_await ask(call, until);
    if (!answer) co_return answer.error();
    co_return understood(
        call, compose::parse_containers(answer->body, answer->header("Date").value_or("")));
  }

  asio::awaitable<Result<compose::Copy>> copy_of(const Container& model, int number,
                                                 Deadline until) {
    const auto call = compose::get_container(model.id);
    const auto answer = co_await ask(call, until);
    if (!answer) co_return answer.error();
    co_return understood(call, compose::copy_of(answer->body, number));
  }

  // --- more

  /// None of those that are there and were never started: Compose may be about to start its own,
  /// and one of ours may lack networks.
  asio::awaitable<Result<void>> add(const std::vector<Container>& all, int more, Deadline until) {
    const auto* const model = compose::model_of(all);
    if (model == nullptr) {
      co_return Failure{
          Errc::failed, "there is no container to copy: docker compose up makes the first one", {}};
    }
    const int highest = all.back().number;
    for (int number = highest + 1; number <= highest + more; ++number) {
      auto copy = co_await copy_of(*model, number, until);
      if (!copy) co_return copy.error();
      const auto added = co_await add(std::move(*copy), until);
      if (!added) co_return added.error();
    }
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> add(compose::Copy copy, Deadline until) {
    const auto call = copy.create;
    const auto answer = co_await ask(std::move(copy.create), until);
    if (!answer) co_return answer.error();
    const auto id = understood(call, compose::parse_created(answer->body));
    if (!id) {
      co_return Failure{Errc::timed_out, id.error().message + "; was it made?", {}};
    }
    Result<http::Answer> done = *answer;
    for (auto& [network, body] : copy.others) {
      done = co_await ask(compose::connect(network, std::move(body), *id), until);
      if (!done) co_return co_await take_back(*id, done.error());
    }
    done = co_await ask(compose::start(*id), until);
    if (!done) co_return co_await take_back(*id, done.error());
    co_return Result<void>{};
  }

  /// What was made just now and does not start must not stay: its port or its volume may be taken,
  /// and Compose would count it.
  asio::awaitable<Failure> take_back(std::string id, Failure why) {
    const auto removed = co_await ask(compose::remove_by_force(id), Deadline{patience_});
    if (!removed) {
      why.message += "; and it could not be removed: " + removed.error().message;
    } else if (why.code == Errc::timed_out) {
      why.code = Errc::failed;  // whatever was done is undone
    }
    co_return why;
  }

  /// Whoever has started one meanwhile has it: it is refused then.
  asio::awaitable<Result<void>> take_away_the_half_made(Deadline until) {
    Result<void> first;
    for (const auto& each : std::exchange(half_made_, {})) {
      const auto done = co_await ask(compose::remove(each.id), until);
      const bool is_open = !done && !is_gone(done) && done.error().code != Errc::conflict;
      if (is_open && first) first = done.error();
    }
    co_return first;
  }

  // --- fewer

  asio::awaitable<Result<void>> take(std::vector<Container> all,
                                     const std::vector<std::string>& victims, int fewer,
                                     Deadline until) {
    std::vector<std::string> asked;
    for (const auto& victim :
         compose::chosen(std::move(all), victims, own_, static_cast<std::size_t>(fewer))) {
      const auto renamed = co_await ask(compose::rename(victim.id, victim.leaving_name()), until);
      if (is_gone(renamed)) continue;
      if (!renamed) co_return renamed.error();
      asked.push_back(victim.id);
      stop(victim);
    }
    co_return co_await see_off(std::move(asked), until);
  }

  static bool is_to_be_seen_off(const Container& one) {
    return one.is_leaving() && one.state != "removing";
  }
  static bool is_under_way(const std::pair<const std::string, Stop>& each) {
    return !each.second.answer;
  }

  void stop(const Container& one) {
    leaving_->stops.insert_or_assign(one.id, Stop{one.usual_name(), {}});
    asio::co_spawn(io_, hear_the_end(leaving_, one.id, options_.grace_seconds), asio::detached);
  }

  /// Until nobody that was asked is left to be heard of, or one refuses, or enough time has gone
  /// by: then they are on their way out. Takes away who has ended by then; who was refused stays,
  /// and gets its name back, so that it counts again. The first refusal.
  asio::awaitable<Result<void>> see_off(std::vector<std::string> asked, Deadline until) {
    const auto enough = std::min(until, Deadline{refusal_comes_within});
    auto& stops = leaving_->stops;
    const auto is_open = [&stops](const std::string& id) {
      const auto found = stops.find(id);
      return found != stops.end() && is_under_way(*found);
    };
    const auto has_refused = [&stops](const std::string& id) {
      const auto found = stops.find(id);
      return found != stops.end() && is_refused(found->second);
    };
    while (std::ranges::any_of(asked, is_open) && std::ranges::none_of(asked, has_refused)) {
      if (!co_await has_heard_more(enough)) break;
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) {
        co_return Failure{Errc::stopped, "stopped", {}};
      }
    }
    Result<void> first;
    for (const auto& id : asked) {
      const auto found = stops.find(id);
      if (found == stops.end() || is_under_way(*found)) continue;
      const bool stays = is_refused(found->second);
      const auto name = found->second.usual_name;
      auto ended = co_await settle(id, until);
      if (stays) co_await ask(compose::rename(id, name), Deadline{patience});
      if (!ended && first) first = std::move(ended);
    }
    co_return first;
  }

  /// Those that were asked earlier. Who was refused since then is asked again.
  asio::awaitable<Result<void>> take_away_the_ended(Deadline until) {
    std::vector<std::string> ended;
    for (const auto& [id, stop] : leaving_->stops) {
      if (stop.answer) ended.push_back(id);
    }
    Result<void> first;
    for (const auto& id : ended) {
      auto settled = co_await settle(id, until);
      if (!settled && first) first = std::move(settled);
    }
    co_return first;
  }

  /// What came of asking one to stop, which is over; it is taken away if it has ended.
  asio::awaitable<Result<void>> settle(std::string id, Deadline until) {
    auto done = *leaving_->stops.at(id).answer;
    leaving_->stops.erase(id);
    if (done) done = co_await ask(compose::remove(id), until);
    if (!done && !is_gone(done)) co_return done.error();
    co_return Result<void>{};
  }

  /// Waits for an end, whosever; false: there was none in time.
  asio::awaitable<bool> has_heard_more(Deadline until) {
    leaving_->ended.expires_at(until.at);
    const auto [cancelled] =
        co_await leaving_->ended.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return static_cast<bool>(cancelled);
  }

  asio::io_context& io_;
  compose::Options options_;
  std::string own_;  ///< the container of this process; empty: it runs in none
  std::shared_ptr<Leaving> leaving_;
  // When last looked:
  std::vector<Container> marked_;     ///< leaving, whoever has asked them to
  std::vector<Container> half_made_;  ///< whichever agent's
  std::optional<Grace> grace_;        ///< by the last preflight; empty: not known, or for ever
  Duration patience_;
};

}  // namespace

Result<std::unique_ptr<Driver>> compose_driver(Setting setting) {
  const char* project = std::getenv("COMPOSE_PROJECT_NAME");
  auto options = compose::read_options(setting.platform_json, setting.service,
                                       project == nullptr ? "" : project);
  if (!options) return options.error();
  return std::make_unique<Compose>(setting, std::move(*options));
}

}  // namespace selfscale::drivers
