#include "agent/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <sstream>
#include <utility>

#include "agent/env_file.hpp"
#include "agent/instance.hpp"
#include "agent/setting_names.hpp"
#include "policy/names.hpp"

namespace selfscale::agent {
namespace {

constexpr std::array later{"SCALING_NOTIFICATIONS_ENABLED", "SCALING_WEBHOOK_URL",
                           "SELFSCALE_LISTEN"};

constexpr std::array<std::pair<std::string_view, Settings::Fleet>, 5> fleets{
    {{"auto", Settings::Fleet::automatic},
     {"host", Settings::Fleet::host},
     {"kubernetes", Settings::Fleet::kubernetes},
     {"single", Settings::Fleet::single},
     {"none", Settings::Fleet::none}}};

/// Kubernetes' quantities: "500m", "0.5", "512Mi".
constexpr std::array<std::pair<std::string_view, double>, 10> quantity_units{{{"", 1.0},
                                                                              {"m", 1e-3},
                                                                              {"k", 1e3},
                                                                              {"M", 1e6},
                                                                              {"G", 1e9},
                                                                              {"T", 1e12},
                                                                              {"Ki", 0x1p10},
                                                                              {"Mi", 0x1p20},
                                                                              {"Gi", 0x1p30},
                                                                              {"Ti", 0x1p40}}};

struct Found {
  std::string value;
  std::string from;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

/// Without what a URL may hold of a password.
std::string shown(const std::string& value) {
  const auto scheme = value.find("://");
  const auto host = value.rfind('@');
  if (scheme == std::string::npos || host == std::string::npos || host < scheme) return value;
  return value.substr(0, scheme + 3) + "***" + value.substr(host);
}

[[noreturn]] void refuse(const std::string& name, const Found& found, const std::string& right) {
  throw Error{Errc::invalid_argument,
              name + "=" + shown(found.value) + " (" + found.from + "): " + right};
}

/// Looks a name up wherever it may stand, and remembers what it found.
class Reader {
 public:
  Reader(const AgentOptions& options, const Environment& environment, Settings& into)
      : options_{options}, environment_{environment}, into_{into} {}

  void read_file_beside(const std::string& policies_path) {
    if (policies_path.empty()) return;
    path_ = (std::filesystem::path{policies_path}.parent_path() / ".env.autoscaling").string();
    file_ = read_env_file(path_);
  }

  std::optional<Found> find(const std::string& name) const {
    const auto given = options_.environment.find(name);
    if (given != options_.environment.end()) return Found{given->second, "option"};
    const auto around = environment_.find(name);
    if (around != environment_.end()) return Found{around->second, "environment"};
    const auto in_file = file_.find(name);
    if (in_file != file_.end()) return Found{in_file->second, path_};
    return std::nullopt;
  }

  std::string text(const std::string& name, const std::string& otherwise) {
    const auto found = find(name);
    const bool is_set = found && !found->value.empty();
    show(name, is_set ? found->value : otherwise, is_set ? found->from : "default");
    return is_set ? found->value : otherwise;
  }

  bool flag(const std::string& name) {
    const auto found = find(name).value_or(Found{"false", "default"});
    const auto word = lower(found.value);
    show(name, found.value, found.from);
    if (word == "true" || word == "1" || word == "yes" || word == "on") return true;
    if (word == "false" || word == "0" || word == "no" || word == "off" || word.empty()) {
      return false;
    }
    refuse(name, found, "say true or false");
  }

  std::optional<double> number(const std::string& name) {
    const auto number = unshown_number(name);
    if (const auto found = find(name); number) show(name, found->value, found->from);
    return number;
  }

  /// That nobody sets by hand.
  [[nodiscard]] std::optional<double> unshown_number(const std::string& name) const {
    const auto found = find(name);
    if (!found || found->value.empty()) return std::nullopt;
    double number = 0.0;
    const auto& text = found->value;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    if (!whole || !std::isfinite(number) || number < 0.0) {
      refuse(name, *found, "say a number of 0 or more");
    }
    return number;
  }

  /// Above 0, with a unit of Kubernetes' or without.
  std::optional<double> quantity(const std::string& name) {
    const auto found = find(name);
    if (!found || found->value.empty()) return std::nullopt;
    double number = 0.0;
    const auto& text = found->value;
    const char* const text_end = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), text_end, number);
    const std::string_view unit{end, static_cast<std::size_t>(text_end - end)};
    const auto known = std::find_if(quantity_units.begin(), quantity_units.end(),
                                    [unit](const auto& one) { return one.first == unit; });
    if (error != std::errc{} || known == quantity_units.end() || !(number > 0.0) ||
        !std::isfinite(number)) {
      refuse(name, *found, "say a quantity above 0, such as 500m, 0.5 or 512Mi");
    }
    show(name, text, found->from);
    return number * known->second;
  }

  void show(const std::string& name, const std::string& value, const std::string& from) {
    into_.found.push_back({name, value, from});
  }

  /// What is set, and called as no setting is.
  void note_unknown() const {
    const auto look_at = [this](const Environment& variables, const std::string& from) {
      for (const auto& [name, value] : variables) {
        const auto why = value.empty() ? std::nullopt : why_unknown(name);
        if (why) into_.without_effect.push_back(name + " is set (" + from + "), and " + *why);
      }
    };
    look_at(options_.environment, "option");
    look_at(environment_, "environment");
    look_at(file_, path_);
  }

 private:
  const AgentOptions& options_;
  const Environment& environment_;
  Settings& into_;
  std::string path_;
  Environment file_;
};

void find_policies(const AgentOptions& options, Reader& reader, Settings& settings) {
  settings.policies_text = options.policies_text;
  if (!settings.policies_text.empty()) return reader.show("policies", "(a text)", "option");
  std::string from = "option";
  settings.policies_path = options.policies;
  if (settings.policies_path.empty()) {
    if (const auto found = reader.find("SELFSCALE_POLICIES")) {
      settings.policies_path = found->value;
      from = found->from;
    }
  }
  if (!settings.policies_path.empty()) {
    if (!std::filesystem::exists(settings.policies_path)) {
      throw Error{Errc::not_found, "there is no policy file " + settings.policies_path + " (" +
                                       from + "); give the path of one, or none for the defaults"};
    }
    return reader.show("SELFSCALE_POLICIES", settings.policies_path, from);
  }
  std::error_code unreadable;
  for (const auto* usual : {"selfscale.json", "config/autoscaling/policies.json"}) {
    if (!std::filesystem::is_regular_file(usual, unreadable)) continue;
    settings.policies_path = std::filesystem::absolute(usual).string();
    return reader.show("SELFSCALE_POLICIES", settings.policies_path, "default");
  }
}

std::string default_run_directory(const Reader& reader) {
  const auto runtime = reader.find("XDG_RUNTIME_DIR");
  if (runtime && !runtime->value.empty()) return runtime->value + "/selfscale";
  const auto temporary = reader.find("TMPDIR");
  const std::string base = temporary && !temporary->value.empty() ? temporary->value : "/tmp";
  return base + "/selfscale-" + std::to_string(::getuid());
}

std::string default_state_directory(const Reader& reader, const std::string& run_directory) {
  const auto state = reader.find("XDG_STATE_HOME");
  if (state && !state->value.empty()) return state->value + "/selfscale";
  const auto home = reader.find("HOME");
  if (home && !home->value.empty()) return home->value + "/.local/state/selfscale";
  return run_directory + "/state";
}

LogLevel read_log_level(Reader& reader) {
  const auto name = reader.text("AUTOSCALING_LOG_LEVEL", "info");
  if (const auto level = log_level_named(name)) return *level;
  refuse("AUTOSCALING_LOG_LEVEL", *reader.find("AUTOSCALING_LOG_LEVEL"),
         "say debug, info, warning, error or off");
}

bool read_store(Reader& reader, const std::string& state_directory) {
  const auto store = reader.text("SELFSCALE_STORE", "sqlite:///" + state_directory);
  if (store == "memory") return false;
  if (store.rfind("sqlite:///", 0) == 0) return true;
  refuse("SELFSCALE_STORE", *reader.find("SELFSCALE_STORE"),
         "this version keeps its journal in the state directory (SELFSCALE_STATE_DIR) or, with "
         "\"memory\", nowhere");
}

/// A server's URL, of which what nobody is to see is not shown.
template <class Url>
Url read_server(Reader& reader, const Found& found, Result<Url> (*parse)(std::string_view)) {
  auto url = parse(found.value);
  if (!url) {
    throw Error{url.error().code, "SELFSCALE_FLEET (" + found.from + "): " + url.error().message};
  }
  reader.show("SELFSCALE_FLEET", to_text(*url), found.from);
  return std::move(*url);
}

void read_fleet(Reader& reader, Settings& settings) {
  const auto found = reader.find("SELFSCALE_FLEET").value_or(Found{"auto", "default"});
  const auto& said = found.value;
  if (said.starts_with("redis://") || said.starts_with("rediss://")) {
    settings.fleet = Settings::Fleet::redis;
    settings.redis = read_server(reader, found, fleet::parse_redis_url);
    return;
  }
  if (said.starts_with("postgresql://") || said.starts_with("postgres://")) {
    settings.fleet = Settings::Fleet::postgres;
    settings.postgres = read_server(reader, found, fleet::parse_postgres_url);
    return;
  }
  const std::string_view named = said.empty() ? "auto" : std::string_view{said};
  const auto* const known = std::ranges::find(fleets, named, &decltype(fleets)::value_type::first);
  if (known == fleets.end()) {
    // A URL whose scheme was forgotten has its password where no rule finds it.
    const bool is_word = std::ranges::all_of(
        named, [](char letter) { return letter == '_' || (letter >= 'a' && letter <= 'z'); });
    refuse("SELFSCALE_FLEET", {is_word ? std::string{named} : "***", found.from},
           "say auto, host, kubernetes, postgresql://…, redis://…, rediss://…, single or none");
  }
  reader.show("SELFSCALE_FLEET", std::string{named}, found.from);
  settings.fleet = known->second;
}

/// "auto": any; "none"; or names with commas between them.
std::optional<std::vector<std::string>> read_leads(Reader& reader) {
  const auto text = reader.text("SELFSCALE_LEADS", "auto");
  if (text == "auto") return std::nullopt;
  std::vector<std::string> names;
  if (text == "none") return names;
  std::stringstream list{text};
  for (std::string name; std::getline(list, name, ',');) {
    const auto start = std::min(name.find_first_not_of(' '), name.size());
    names.push_back(name.substr(start, name.find_last_not_of(' ') + 1 - start));
  }
  if (names.empty() || !std::ranges::all_of(names, is_service_name)) {
    refuse("SELFSCALE_LEADS", *reader.find("SELFSCALE_LEADS"),
           "say auto, none, or names of services with commas between them");
  }
  return names;
}

std::optional<Found> named_by_platform(const Reader& reader) {
  const auto value_of = [&reader](const char* name) {
    const auto found = reader.find(name);
    return found ? found->value : std::string{};
  };
  for (const auto* name : platform_instance_names()) {
    if (auto given = value_of(name); !given.empty()) return Found{std::move(given), name};
  }
  constexpr auto metadata = "ECS_CONTAINER_METADATA_URI_V4";
  if (const auto uri = value_of(metadata); !uri.empty()) {
    if (auto task = ecs_task(uri)) return Found{std::move(*task), metadata};
  }
  // A pod's host name is its own, but where it has the node's network.
  auto host = value_of("KUBERNETES_SERVICE_HOST").empty() ? "" : value_of("HOSTNAME");
  if (!host.empty()) return Found{std::move(host), "HOSTNAME"};
  return std::nullopt;
}

std::string read_instance(Reader& reader) {
  if (const auto named = reader.find("SELFSCALE_INSTANCE"); named && !named->value.empty()) {
    return reader.text("SELFSCALE_INSTANCE", {});
  }
  const auto found =
      named_by_platform(reader).value_or(Found{instance_of_this_process(), "default"});
  reader.show("SELFSCALE_INSTANCE", found.value, found.from);
  return found.value;
}

}  // namespace

std::optional<Finding> Settings::why_not_lead(const std::string& name) const {
  if (!leads || std::ranges::find(*leads, name) != leads->end()) return std::nullopt;
  const std::string what = leads->empty()
                               ? "by SELFSCALE_LEADS=none this process leads no service"
                               : "SELFSCALE_LEADS has this process lead others, not " + name;
  return Finding{what, "an agent with this environment follows, and never acts on it",
                 "SELFSCALE_LEADS=auto"};
}

Environment process_environment() {
  Environment all;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view variable{*each};
    const auto equals = variable.find('=');
    if (equals == std::string_view::npos) continue;
    all.emplace(variable.substr(0, equals), variable.substr(equals + 1));
  }
  return all;
}

Settings read_settings(const AgentOptions& options, const Environment& environment,
                       double given_at) {
  Settings settings;
  Reader reader{options, environment, settings};
  find_policies(options, reader, settings);
  reader.read_file_beside(settings.policies_path);

  settings.service = options.service;
  if (settings.service.empty()) {
    settings.service = reader.text("SELFSCALE_SERVICE", {});
  } else {
    reader.show("SELFSCALE_SERVICE", settings.service, "option");
  }
  settings.instance = read_instance(reader);
  settings.release = reader.text("SELFSCALE_RELEASE", {});
  const auto usual_run_directory = default_run_directory(reader);
  settings.run_directory = reader.text("SELFSCALE_RUN_DIR", usual_run_directory);
  // `selfscale run` tells its children where it is, also where nobody has named a place.
  if (settings.run_directory == usual_run_directory) settings.found.back().from = "default";
  settings.state_directory =
      reader.text("SELFSCALE_STATE_DIR", default_state_directory(reader, settings.run_directory));
  if (options.enable) {
    settings.word = {options.enabled_by,
                     reader.unshown_number("SELFSCALE_RUN_SINCE").value_or(given_at)};
  }
  settings.enabled = reader.flag("AUTOSCALING_ENABLED");
  settings.dry_run = reader.flag("AUTOSCALING_DRY_RUN");
  settings.killed = reader.flag("SELFSCALE_KILL");
  settings.log_level = read_log_level(reader);
  if (const auto most = reader.number("MAX_TOTAL_REPLICAS")) {
    settings.max_total_replicas = static_cast<int>(std::min(*most, 1e6));
  }
  settings.min_available_memory_mb = reader.number("MIN_AVAILABLE_MEMORY_MB");
  settings.cpu_request_cores = reader.quantity("SELFSCALE_CPU_REQUEST");
  settings.memory_request_bytes = reader.quantity("SELFSCALE_MEMORY_REQUEST");
  settings.platform = reader.text("SELFSCALE_PLATFORM", {});
  settings.keeps_journal = read_store(reader, settings.state_directory);
  read_fleet(reader, settings);
  settings.leads = read_leads(reader);
  const auto supervised = reader.find("SELFSCALE_SUPERVISED");
  settings.supervised = supervised && supervised->value == "1";
  settings.is_replica = !reader.flag("SELFSCALE_APART") && !reader.find("SELFSCALE_SUPERVISOR_FD");
  for (const auto* name : later) {
    const auto found = reader.find(name);
    if (!found || found->value.empty()) continue;
    settings.without_effect.push_back(std::string{name} + " is set (" + found->from +
                                      "), and has no effect in this version");
  }
  if (!settings.supervised) reader.note_unknown();  // the agent beside the workers says it for all
  return settings;
}

}  // namespace selfscale::agent
