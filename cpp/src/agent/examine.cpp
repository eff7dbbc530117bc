#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <selfscale/doctor.hpp>
#include <utility>

#include "agent/candidacy.hpp"
#include "agent/chosen_driver.hpp"
#include "agent/clock.hpp"
#include "agent/hints.hpp"
#include "agent/meeting.hpp"
#include "agent/policies.hpp"
#include "agent/rivals.hpp"
#include "agent/settings.hpp"
#include "agent/switches.hpp"
#include "drivers/own_labels.hpp"
#include "policy/compiled.hpp"
#include "sampling/cgroup.hpp"
#include "segment/open_file.hpp"
#include "segment/segment.hpp"

namespace selfscale {
namespace agent {
namespace {

namespace asio = boost::asio;
using json = nlohmann::ordered_json;

constexpr Duration docker_patience{3'000};
constexpr auto looks_again = "selfscale doctor   # looks again; nothing is written by it";
constexpr auto another_place =
    "SELFSCALE_FLEET=redis://HOST:6379/0   # or another place that answers here, the same for all "
    "agents of the service; selfscale doctor asks again";

std::string counted(int count, const std::string& thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

std::string words_of(const drivers::Observation& seen) {
  auto words = counted(seen.desired, "replica") + " wanted, " + std::to_string(seen.current) +
               " there" + (seen.ready ? ", " + std::to_string(*seen.ready) + " ready" : "");
  return words + (seen.updating ? ", an update is under way" : "");
}

void add(std::vector<Finding>& all, std::vector<Finding> more) {
  std::ranges::move(more, std::back_inserter(all));
}

/// Is this process in a container? Engines say so by a file.
bool is_in_container(const std::optional<drivers::Guess>& guess) {
  std::error_code ignored;
  return guess || std::filesystem::exists("/.dockerenv", ignored) ||
         std::filesystem::exists("/run/.containerenv", ignored);
}

/// The kernel's own folders: to root they look writable, and take no file.
bool is_of_the_kernel(const std::string& directory) {
  struct statfs system {};
  if (::statfs(directory.c_str(), &system) != 0) return false;
  constexpr std::array kinds{PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC,
                             CGROUP2_SUPER_MAGIC};
  return std::ranges::find(kinds, system.f_type) != kinds.end();
}

/// Why this user cannot keep files there; where it is not there yet, the next folder above decides.
std::optional<Finding> cannot_keep(const std::string& directory, const std::string& variable) {
  struct stat status {};
  auto nearest = directory;
  while (::stat(nearest.c_str(), &status) != 0 && nearest.size() > 1) {
    nearest = std::filesystem::path{nearest}.parent_path();
    if (nearest.empty()) nearest = ".";
  }
  const std::string what = "nothing can be kept in the directory " + directory;
  const std::string why = variable == "SELFSCALE_STATE_DIR"
                              ? "cooldowns, the journal and what people say end with the process"
                              : "processes of the service do not see each other, and nobody can "
                                "ask the agent";
  const auto other = variable + "=/path/of/a/directory   # that user " +
                     std::to_string(::geteuid()) + " may write to";
  if (!S_ISDIR(status.st_mode) || ::eaccess(nearest.c_str(), W_OK | X_OK) != 0 ||
      is_of_the_kernel(nearest)) {
    return Finding{what + ": " + nearest + " is not writable", why, other};
  }
  if (nearest != directory) return std::nullopt;
  if (status.st_uid != ::geteuid()) {
    return Finding{what + ": it belongs to another user", why, other};
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Finding{what + ": others may write to it", why,
                   segment::is_for_many(directory, status)
                       ? variable + "=" + directory + "/selfscale"
                       : "chmod 700 " + directory};
  }
  return std::nullopt;
}

/// A sentence that begins "NAME is set (WHERE)".
Finding without_effect(const std::string& sentence) {
  const auto name = sentence.substr(0, sentence.find(' '));
  const auto begin = sentence.find('(') + 1;
  const auto where = sentence.substr(begin, sentence.find(')') - begin);
  const bool is_file = where != "environment" && where != "option";
  return {sentence, "whoever set it expects what does not come",
          is_file ? "sed -i '/^" + name + "=/d' '" + where + "'" : "unset " + name};
}

/// One look at everything an agent of these options would stand on.
class Examiner {
 public:
  explicit Examiner(const AgentOptions& options)
      : options_{options},
        settings_{read_settings(options, process_environment(), wall_seconds())},
        policies_{settings_} {}

  Examination examine() {
    found_.service = policies_.service();
    driver_name_ = chosen_driver(options_, settings_, policies_);
    found_.driver = label_of(driver_name_, options_);
    std::exception_ptr thrown;
    asio::co_spawn(io_, look(), [&thrown](const std::exception_ptr& failed) { thrown = failed; });
    io_.run();
    if (thrown) std::rethrow_exception(thrown);
    return std::move(found_);
  }

 private:
  asio::awaitable<void> look() {
    co_await look_at_surroundings();
    co_await look_at_driver();
    co_await look_at_fleet();
    look_at_switches();
    look_at_peers();
    look_at_directories();
    look_at_limits();
    look_at_settings();
  }

  Check& begin(std::string name) {
    found_.checks.push_back({std::move(name), {}, {}, {}});
    return found_.checks.back();
  }

  // --- the platform

  asio::awaitable<void> look_at_surroundings() {
    auto seen = hints(options_.environment);
    seen.labels = co_await drivers::own_labels(io_, docker_patience);
    guess_ = drivers::guess_platform(seen);
    auto& check = begin("platform");
    if (!guess_) {
      check.seen = "nothing tells what this runs on";
      if (found_.driver.empty()) check.warnings.push_back(no_platform());
      co_return;
    }
    check.seen = "this looks like " + guess_->platform + " (" + guess_->evidence + ")";
    if (found_.driver.empty()) {
      check.warnings.push_back(drivers::finding_of(*guess_));
    } else if (guess_->driver != found_.driver) {
      check.seen += "; what acts is the driver " + found_.driver;
    }
  }

  static Finding no_platform() {
    return {"the policy names no platform", "it recommends, and never acts",
            R"("platform": {"driver": "…"}   # in the policy, to act; docs/drivers/README.md)"};
  }

  // --- the driver

  asio::awaitable<void> look_at_driver() {
    if (found_.driver.empty()) co_return;
    auto& check = begin("driver");
    auto made = make_driver(driver_name_, options_, settings_, policies_, io_, post());
    if (!made) {
      check.wrong.push_back(drivers::finding_of_unmade(found_.driver, made.error()));
      co_return;
    }
    driver_ = std::move(*made);
    auto preflight = co_await driver_->preflight();
    if (!preflight) {
      check.wrong.push_back(driver_->explain(preflight.error()));
      co_return;
    }
    add(check.wrong, std::move(preflight->wrong));
    add(check.warnings, std::move(preflight->warnings));
    // What is recorded an agent of the service reads, who says it in its status.
    if (auto against = driver_->against_fewer(std::nullopt)) {
      check.warnings.push_back(std::move(*against));
    }
    if (!check.wrong.empty()) co_return;  // it would say the same again
    const auto observed = co_await driver_->observe();
    if (!observed) {
      check.wrong.push_back(driver_->explain(observed.error()));
      co_return;
    }
    look_at(*observed, check);
    listed_ = observed->replicas;
  }

  void look_at(const drivers::Observation& observed, Check& check) const {
    check.seen = words_of(observed);
    if (!observed.failure.empty()) {
      check.warnings.emplace_back(observed.failure, "replicas that are asked for may not come",
                                  looks_again);
    }
    if (!observed.note.empty()) {
      check.warnings.emplace_back(observed.note, "the platform says so beside its counts",
                                  looks_again);
    }
    if (!observed.hold.empty()) {
      check.warnings.emplace_back("no count is set now: " + observed.hold,
                                  "what is wanted waits until that is over", looks_again);
    }
    const auto& policy = policies_.policy().compiled();
    if (observed.most && *observed.most < policy.max_replicas) {
      check.warnings.emplace_back("the platform takes " + std::to_string(*observed.most) +
                                      " replicas at most, and " + "maxReplicas is " +
                                      std::to_string(policy.max_replicas),
                                  "what the load asks for beyond that does not come",
                                  "\"maxReplicas\": " + std::to_string(*observed.most));
    }
    if (observed.least && *observed.least > policy.min_replicas) {
      check.warnings.emplace_back("the platform keeps " + std::to_string(*observed.least) +
                                      " replicas at least, and " + "minReplicas is " +
                                      std::to_string(policy.min_replicas),
                                  "it does not go down as far as the policy says",
                                  "\"minReplicas\": " + std::to_string(*observed.least));
    }
  }

  /// A user's functions run where they were said to run; without a place, here.
  [[nodiscard]] drivers::Post post() const {
    if (options_.run_on) return options_.run_on;
    return [](const std::function<void()>& job) { job(); };
  }

  // --- where agents meet

  asio::awaitable<void> look_at_fleet() {
    auto& check = begin("fleet");
    if (auto why = settings_.why_not_lead(found_.service)) {
      check.warnings.push_back(std::move(*why));
    }
    Meeting meeting;
    try {
      meeting = meet({.io = io_,
                      .settings = settings_,
                      .service = found_.service,
                      .holder = "doctor/" + std::to_string(::getpid()),
                      .driver_name = driver_name_,
                      .driver = driver_.get(),
                      .platform_json = policies_.policy().compiled().platform_json});
    } catch (const Error& error) {
      check.wrong.emplace_back(error.what(), "agents that cannot meet do not act", another_place);
      co_return;
    }
    check.seen = settings_.fleet == Settings::Fleet::single
                     ? "no other agent leads, by a person's word (SELFSCALE_FLEET=single)"
                     : "agents meet at " + meeting.place;
    if (!driver_ && !driver_name_.empty() && !meeting.spans_hosts) {
      // Whether that is enough, only the driver could say.
      check.seen.clear();
      check.warnings.push_back(reach_unknown(meeting.place));
    }
    if (auto rivals =
            possible_rivals(settings_, driver_.get(), driver_name_, meeting.spans_hosts, listed_)) {
      check.wrong.push_back(std::move(*rivals));
    }
    if (auto unheard = unheard_replicas(settings_, meeting.spans_hosts); unheard && driver_) {
      check.warnings.push_back(std::move(*unheard));
    }
    found_.elsewhere = asked_elsewhere(driver_name_, meeting.spans_hosts);
    co_await ask(meeting, check);
  }

  static Finding reach_unknown(const std::string& place) {
    return {"agents meet at " + place + "; whether that is enough depends on how far the driver " +
                "reaches, and it could not be made",
            "what every host can write to needs a place where all agents meet", another_place};
  }

  /// On one host who leads is told by locks, in files that are not made here.
  asio::awaitable<void> ask(const Meeting& meeting, Check& check) {
    auto global = co_await meeting.fleet->switches({});
    auto service = co_await meeting.fleet->switches(found_.service);
    if (!global || !service) {
      const auto& why = global ? service.error() : global.error();
      check.wrong.emplace_back("the place where agents meet cannot be asked: " + why.message,
                               "who leads cannot be seen, so nobody acts", another_place);
      co_return;
    }
    said_.global = std::move(*global);
    said_.service = std::move(*service);
    if (!meeting.spans_hosts) co_return;
    const auto leader = co_await meeting.fleet->leader();
    if (!leader) {
      check.wrong.emplace_back("who leads cannot be seen: " + leader.error().message,
                               "so nobody acts", another_place);
    } else {
      check.seen += leader->empty() ? "; nobody leads now" : "; " + *leader + " leads";
    }
  }

  // --- may it act?

  void look_at_switches() {
    said_.wall_time_seconds = wall_seconds();
    auto& check = begin("switches");
    check.warnings = switches_against(as_this_process(), said_);
    check.seen = !check.warnings.empty() ? "it recommends only"
                 : found_.driver.empty() ? "it is enabled, and names no platform to act on"
                                         : "it is enabled: it may act";
  }

  /// An agent that was started here would tell it of itself.
  [[nodiscard]] Candidacy as_this_process() const {
    Candidacy own;
    own.killed = settings_.killed;
    own.word = settings_.word;
    own.enabled_by_environment = settings_.enabled;
    own.enabled_by_policy = policies_.policy().compiled().enabled;
    own.dry_run_by_environment = settings_.dry_run;
    own.has_driver = true;  // what is wrong with it has been said
    for (const auto& check : found_.checks) {
      add(own.wrong, check.wrong);
      add(own.warnings, check.warnings);
    }
    return own;
  }

  // --- the processes whose agents run here

  void look_at_peers() {
    const auto segment = segment::Segment::find({.service = found_.service,
                                                 .release = settings_.release,
                                                 .run_directory = settings_.run_directory});
    if (!segment) return;
    auto own = as_this_process();
    own.has_driver = driver_ != nullptr;
    found_.peers = peers(*segment, own, said_);
    std::erase_if(found_.peers, [](const Peer& each) { return each.pid == ::getpid(); });
  }

  // --- this host

  void look_at_directories() {
    auto& check = begin("directories");
    check.seen = settings_.run_directory + ", " + settings_.state_directory;
    for (const auto& [directory, variable] :
         {std::pair{settings_.run_directory, "SELFSCALE_RUN_DIR"},
          std::pair{settings_.state_directory, "SELFSCALE_STATE_DIR"}}) {
      if (auto found = cannot_keep(directory, variable)) check.wrong.push_back(std::move(*found));
    }
  }

  void look_at_limits() {
    if (!is_in_container(guess_)) return;
    auto& check = begin("limits");
    auto group = sampling::Cgroup::find();
    const auto cpu = group.read_cpu();
    if (cpu) {
      json cores = cpu->limit_cores;
      check.seen = "this container may use " + cores.dump() + " cores";
      return;
    }
    check.warnings.emplace_back(
        "this container has no CPU limit",
        "cpu_usage is then a percentage of all the host's cores, which other containers use, too",
        drivers::line_for_cpu(platform_of_container()));
  }

  /// A driver that sets processes, or an app's own, says nothing of the container around it.
  [[nodiscard]] std::string platform_of_container() const {
    const bool is_named = drivers::runs_containers(driver_name_);
    return guess_ && !is_named ? guess_->driver : driver_name_;
  }

  // --- what it was told in vain

  void look_at_settings() {
    if (settings_.without_effect.empty()) return;
    auto& check = begin("settings");
    for (const auto& sentence : settings_.without_effect) {
      check.warnings.push_back(without_effect(sentence));
    }
  }

  const AgentOptions& options_;
  Settings settings_;
  Policies policies_;
  asio::io_context io_{1};
  std::string driver_name_;
  std::unique_ptr<drivers::Driver> driver_;
  std::vector<drivers::Replica> listed_;  ///< by the platform
  std::optional<drivers::Guess> guess_;
  Said said_;
  Examination found_;
};

}  // namespace
}  // namespace agent

Examination examine(const AgentOptions& options) { return agent::Examiner{options}.examine(); }

std::string to_json(const Examination& examination) {
  using json = nlohmann::ordered_json;
  json checks = json::array();
  for (const auto& each : examination.checks) {
    checks.push_back({{"name", each.name},
                      {"seen", each.seen},
                      {"wrong", agent::as_json(each.wrong)},
                      {"warnings", agent::as_json(each.warnings)}});
  }
  const json all{{"service", examination.service},
                 {"driver", examination.driver.empty() ? json(nullptr) : json(examination.driver)},
                 {"checks", std::move(checks)},
                 {"peers", agent::as_json(examination.peers)},
                 {"elsewhere",
                  examination.elsewhere ? agent::as_json(*examination.elsewhere) : json(nullptr)}};
  return all.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<std::string> driver_names() {
  const auto known = drivers::names();
  return {known.begin(), known.end()};
}

std::string capabilities_json(std::string_view driver, std::string_view platform) {
  boost::asio::io_context io{1};
  drivers::Callbacks callbacks;
  callbacks.scale = [](int) {};
  callbacks.observe = [] { return drivers::Observation{}; };
  const auto made =
      drivers::make(driver, {.io = io,
                             .service = "web",
                             .platform_json = std::string{platform},
                             .callbacks = std::move(callbacks),
                             .post = [](const std::function<void()>& job) { job(); }});
  if (!made) throw Error{made.error().code, made.error().message};
  const auto can = (*made)->capabilities();
  const bool is_of_host = can.scope == drivers::Capabilities::Scope::host;
  return nlohmann::ordered_json{{"scope", is_of_host ? "host" : "platform"},
                                {"conditionalWrite", can.conditional_write},
                                {"choosesVictims", can.chooses_victims},
                                {"reportsReady", can.reports_ready},
                                {"minimum", can.minimum}}
      .dump();
}

}  // namespace selfscale
