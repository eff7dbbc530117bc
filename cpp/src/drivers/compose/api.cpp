#include "drivers/compose/api.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <tuple>

#include "drivers/docker/calls.hpp"
#include "drivers/docker/document.hpp"
#include "http/percent.hpp"
#include "http/status.hpp"

namespace selfscale::drivers::compose {
namespace {

using docker::Document;
using docker::malformed;
using docker::parse;

constexpr std::string_view number_label = "com.docker.compose.container-number";
/// Version 2 only: whose place a container took that Compose has made anew.
constexpr std::string_view replaced_label = "com.docker.compose.replace";
/// Version 2 only; 1.29 has it in the hash.
constexpr std::string_view image_label = "com.docker.compose.image";
constexpr std::string_view hash_label = "com.docker.compose.config-hash";
constexpr std::string_view copy_label = "selfscale.copy";
/// How long `up` may take from making a container until it starts it: the old one has its grace
/// period, and what the service depends on becomes healthy.
constexpr double longest_up_seconds = 600.0;
/// Between a name and the short id: labels, in which Compose has its own, cannot be changed.
constexpr std::string_view leaving_mark = ".leaving-";

docker::Filters labels_of(const Target& target) {
  return {{"label",
           {"com.docker.compose.project=" + target.project,
            "com.docker.compose.service=" + target.service, "com.docker.compose.oneoff=False"}}};
}

http::Call list(const docker::Filters& filters) {
  return docker::get("/containers/json?all=true&filters=" + docker::encoded(filters));
}

std::string without_slash(std::string name) {
  if (name.starts_with('/')) name.erase(0, 1);
  return name;
}

/// 0: it is none.
int number_in(std::string_view text) {
  int number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = read.ec == std::errc{} && read.ptr == text.data() + text.size();
  return is_number ? std::max(number, 0) : 0;
}

bool contains(const std::vector<Container>& all, const Container& one) {
  return std::any_of(all.begin(), all.end(),
                     [&one](const Container& each) { return each.id == one.id; });
}

bool has_ended(const Container& container) {
  return container.state == "exited" || container.state == "dead";
}

bool is_fresh(const Container& container) {
  return container.age_seconds && *container.age_seconds <= longest_up_seconds;
}

// --- versions

bool is_older(const Container& a, const Container& b) {
  constexpr double unknown = std::numeric_limits<double>::infinity();
  return a.age_seconds.value_or(unknown) > b.age_seconds.value_or(unknown);
}

/// By what Compose made last: a copy is as old as its model, whenever it was made. Null: there is
/// none.
const Container* newest_of(const std::vector<const Container*>& all) {
  const auto has_older_version = [](const Container* a, const Container* b) {
    return a->is_copy != b->is_copy ? a->is_copy : is_older(*a, *b);
  };
  const auto found = std::max_element(all.begin(), all.end(), has_older_version);
  return found == all.end() ? nullptr : *found;
}

std::vector<const Container*> those_that_stay(const std::vector<Container>& all) {
  std::vector<const Container*> found;
  for (const auto& each : all) {
    if (!each.is_leaving() && !each.is_half_made()) found.push_back(&each);
  }
  return found;
}

std::vector<const Container*> those_started(const std::vector<Container>& all) {
  auto found = those_that_stay(all);
  std::erase_if(found, [](const Container* each) { return each->is_unstarted(); });
  return found;
}

/// "shop-web-1, shop-web-2 are older than shop-web-3"; empty: all are of one version.
std::string older_ones(const std::vector<const Container*>& all, const Container& newest) {
  std::string names;
  int count = 0;
  for (const auto* each : all) {
    if (each->version == newest.version) continue;
    names += (count++ == 0 ? "" : ", ") + each->name;
  }
  if (count == 0) return {};
  return names + (count == 1 ? " is" : " are") + " older than " + newest.name;
}

/// "0123456789ab_shop-web-1": version 2 calls the new one so until the old one, whose id that is,
/// is gone, and for good where it was broken off; 1.29 the old one, when it has ended.
bool has_name_for_the_meantime(const Container& container) {
  constexpr std::size_t id = 12;
  return container.name.find_first_not_of("0123456789abcdef") == id && container.name[id] == '_';
}

/// Starts what was made, makes the old ones anew, and keeps the count. `up` that makes one anew
/// fails where an earlier one has left the name that it needs for the meantime.
std::string up_again(const std::vector<Container>& all, const Target& target) {
  std::string left;
  for (const auto& each : all) {
    const bool is_left = each.is_unstarted() && has_name_for_the_meantime(each);
    if (is_left) left += " " + each.name;
  }
  return (left.empty() ? "" : "docker rm" + left + " && ") + "docker compose --project-name " +
         target.project + " up --detach --scale " + target.service + "=" +
         std::to_string(asked_for(all)) + " " + target.service;
}

/// Its place among those that may go first; behind them: their count.
std::size_t place_in(const std::vector<std::string>& victims, const Container& container) {
  const auto found =
      std::find_if(victims.begin(), victims.end(), [&container](const std::string& victim) {
        return victim == container.name ||
               (victim.size() >= 12 && container.id.starts_with(victim));
      });
  return static_cast<std::size_t>(found - victims.begin());
}

// --- copies

Failure only_once(const std::string& name, const std::string& why) {
  return Failure{Errc::failed, "the container " + name + " can be there only once: " + why, {}};
}

/// "shop-web-4" of "shop-web-3"; empty: its name does not end in its number.
std::string name_with(const std::string& name, const std::string& old_number, int number) {
  const auto start = name.size() - std::min(name.size(), old_number.size() + 1);
  const auto end = name.substr(start);
  if (old_number.empty() || (end != "-" + old_number && end != "_" + old_number)) return {};
  return name.substr(0, start + 1) + std::to_string(number);
}

/// A port of the host that a copy would want, too; empty: none.
std::string fixed_port(const Document& host_config) {
  const auto& bindings = at(host_config, "PortBindings");
  if (!bindings.is_object()) return {};
  for (const auto& [port, hosts] : bindings.items()) {
    for (const auto& each : hosts) {
      const auto host_port = text(at(each, "HostPort"));
      const bool is_free = host_port.empty() || host_port == "0" ||
                           host_port.find('-') != std::string::npos;  // one of a range
      if (!is_free) return host_port;
    }
  }
  return {};
}

/// What a copy takes over from a network: its names there, but for those of the one alone.
Document endpoint_of(const Document& network, const std::string& id, const std::string& name) {
  Document aliases = Document::array();
  const auto& given = at(network, "Aliases");
  if (given.is_array()) {
    for (const auto& alias : given) {
      if (text(alias) != id.substr(0, 12) && text(alias) != name) aliases.push_back(alias);
    }
  }
  Document endpoint = {{"Aliases", std::move(aliases)}};
  for (const auto* key : {"Links", "DriverOpts"}) {
    if (!at(network, key).is_null()) endpoint[key] = at(network, key);
  }
  return endpoint;
}

bool has_networks(const std::string& mode) {
  return mode != "none" && mode != "host" && mode != "bridge" && mode != "default" &&
         !mode.starts_with("container:");
}

}  // namespace

bool Container::is_about_to_start() const {
  return is_unstarted() && !is_copy && !is_leaving() && is_fresh(*this);
}

bool Container::is_leaving() const { return state == "removing" || name != usual_name(); }

std::string Container::leaving_name() const {
  return usual_name().append(leaving_mark).append(instance());
}

std::string Container::usual_name() const {
  const auto mark = std::string{leaving_mark} + instance();
  return name.ends_with(mark) ? name.substr(0, name.size() - mark.size()) : name;
}

http::Call list_containers(const Target& target) { return list(labels_of(target)); }

http::Call list_unhealthy(const Target& target) {
  auto filters = labels_of(target);
  filters.emplace_back("health", std::vector<std::string>{"starting", "unhealthy"});
  return list(filters);
}

Result<std::vector<Container>> parse_containers(std::string_view body,
                                                std::string_view server_time) {
  const auto listed = parse(body);
  if (!listed.is_array()) return malformed("list of containers");
  const auto now = http::seconds_since_epoch(server_time);
  std::vector<Container> all;
  for (const auto& each : listed) {
    Container container;
    container.id = text(at(each, "Id"));
    const auto& names = at(each, "Names");
    const bool has_name = names.is_array() && !names.empty();
    if (container.id.size() < 12 || !has_name) return malformed("container");
    container.name = without_slash(text(names.front()));
    container.number = number_in(text(at(each, "Labels", number_label)));
    container.state = text(at(each, "State"));
    container.status = text(at(each, "Status"));
    container.is_copy = !at(each, "Labels", copy_label).is_null();
    container.version =
        text(at(each, "Labels", hash_label)) + " " + text(at(each, "Labels", image_label));
    const auto& created = at(each, "Created");
    if (now && created.is_number_integer()) {
      container.age_seconds = std::max(*now - created.get<double>(), 0.0);
    }
    all.push_back(std::move(container));
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Container& a, const Container& b) { return a.number < b.number; });
  return all;
}

int asked_for(const std::vector<Container>& all) {
  const auto started = those_started(all);
  const auto takes_a_place = [&started](const Container& one) {
    return std::any_of(started.begin(), started.end(),
                       [&one](const Container* each) { return each->number == one.number; });
  };
  const auto new_ones = std::count_if(all.begin(), all.end(), [&](const Container& each) {
    return each.is_about_to_start() && !takes_a_place(each);
  });
  return static_cast<int>(started.size()) + static_cast<int>(new_ones);
}

Observation observation_of(const std::vector<Container>& all,
                           const std::vector<Container>& unhealthy) {
  Observation seen;
  seen.desired = asked_for(all);
  int ready = 0;
  for (const auto& container : all) {
    if (container.is_unstarted()) continue;
    Replica replica;
    replica.instance = container.instance();
    replica.deleting = container.is_leaving();
    replica.ready = container.runs() && !replica.deleting && !contains(unhealthy, container);
    replica.started_seconds_ago = container.age_seconds;
    seen.current += replica.deleting || has_ended(container) ? 0 : 1;
    ready += replica.ready ? 1 : 0;
    const bool is_missed = !replica.deleting && !replica.ready;
    if (is_missed) seen.failure = "container " + container.name + ": " + container.status;
    if (!has_ended(container)) seen.replicas.push_back(std::move(replica));
  }
  seen.ready = ready;
  // The last number first: ages are of whole seconds, and of two that are as old the first one
  // goes.
  std::reverse(seen.replicas.begin(), seen.replicas.end());
  return seen;
}

std::string hold_of(const std::vector<Container>& all, const Target& target) {
  const auto unless_done = [&](const std::string& name) {
    return "; where none is: " + up_again(all, target) + ", or wait until " + name +
           " is 10 minutes old";
  };
  constexpr auto as_if = ", as while `docker compose up` is under way";
  const auto made = std::find_if(all.begin(), all.end(),
                                 [](const Container& each) { return each.is_about_to_start(); });
  if (made != all.end()) {
    return "the container " + made->name + " is made and not started" + as_if + unless_done("it");
  }
  const auto started = those_started(all);
  const auto* const newest = newest_of(started);
  if (newest == nullptr || !is_fresh(*newest)) return {};
  const auto replaced = std::find_if(started.begin(), started.end(), [](const Container* each) {
    return has_ended(*each) && has_name_for_the_meantime(*each);
  });
  if (replaced != started.end()) {
    return "the container " + (*replaced)->name + " has ended and makes way for another" + as_if +
           unless_done(newest->name);
  }
  const auto older = older_ones(started, *newest);
  if (older.empty()) return {};
  return std::string{"there are containers of two versions"} + as_if + ": " + older +
         unless_done(newest->name);
}

std::optional<Finding> against_versions(const std::vector<Container>& all, const Target& target) {
  if (!hold_of(all, target).empty()) return std::nullopt;
  const auto there = those_that_stay(all);
  const auto* const newest = newest_of(there);
  if (newest == nullptr) return std::nullopt;
  const auto older = older_ones(there, *newest);
  if (older.empty()) return std::nullopt;
  return Finding{"the service " + target.service + " has containers of two versions: " + older,
                 "both may serve, and new ones are copies of what was started last",
                 up_again(all, target)};
}

std::vector<Container> chosen(std::vector<Container> all, const std::vector<std::string>& victims,
                              const std::string& own, std::size_t count) {
  const auto rank = [&](const Container& container) {
    return std::tuple{container.id == own, container.runs(), place_in(victims, container),
                      -container.number};
  };
  std::stable_sort(all.begin(), all.end(),
                   [&rank](const Container& a, const Container& b) { return rank(a) < rank(b); });
  if (all.size() > count) all.resize(count);
  return all;
}

/// The Engine mounts a file of the container's own folder over /etc/hostname.
std::string own_container(std::string_view mountinfo) {
  constexpr std::string_view before = "/containers/";
  constexpr std::string_view after = "/hostname /etc/hostname ";
  const auto end = mountinfo.find(after);
  if (end == std::string_view::npos) return {};
  const auto line = mountinfo.substr(0, end);
  const auto start = line.rfind(before);
  if (start == std::string_view::npos) return {};
  const auto id = line.substr(start + before.size());
  const bool is_id =
      id.size() == 64 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_id ? std::string{id} : std::string{};
}

const Container* model_of(const std::vector<Container>& all) {
  const auto started = those_started(all);
  const auto* const newest = newest_of(started);
  const Container* best = nullptr;
  for (const auto* each : started) {
    if (each->version != newest->version) continue;
    if (best == nullptr || each->runs() || !best->runs()) best = each;
  }
  return best;
}

http::Call get_container(const std::string& id) {
  return docker::get("/containers/" + http::percent_encoded(id) + "/json");
}

Result<Copy> copy_of(std::string_view body, int number) {
  const auto object = parse(body);
  const auto& host_config = at(object, "HostConfig");
  const auto id = text(at(object, "Id"));
  const auto name = without_slash(text(at(object, "Name")));
  auto config = at(object, "Config");
  const bool is_whole = config.is_object() && at(config, "Labels").is_object() &&
                        host_config.is_object() && id.size() >= 12;
  if (!is_whole) return malformed("container");
  const auto new_name = name_with(name, text(at(config, "Labels", number_label)), number);
  if (new_name.empty()) return only_once(name, "it has a name of its own (container_name)");
  if (const auto port = fixed_port(host_config); !port.empty()) {
    return only_once(name, "it takes the port " + port +
                               " of this host; a range, or none, can be "
                               "shared");
  }
  if (text(at(config, "Hostname")) == id.substr(0, 12)) config.erase("Hostname");
  config.erase("MacAddress");
  config["Labels"][std::string{number_label}] = std::to_string(number);
  config["Labels"].erase(std::string{replaced_label});
  config["Labels"][std::string{copy_label}] = "true";
  // What the tag means may have changed since.
  if (const auto image = text(at(object, "Image")); !image.empty()) config["Image"] = image;
  config["HostConfig"] = host_config;
  Copy copy;
  const auto mode = text(at(host_config, "NetworkMode"));
  const auto& networks = at(object, "NetworkSettings", "Networks");
  if (has_networks(mode) && networks.is_object()) {
    const auto first = networks.contains(mode) || networks.empty() ? mode : networks.begin().key();
    for (const auto& [network, settings] : networks.items()) {
      auto endpoint = endpoint_of(settings, id, name);
      if (network == first) {
        config["NetworkingConfig"]["EndpointsConfig"][network] = std::move(endpoint);
      } else {
        copy.others.emplace_back(network, endpoint.dump());
      }
    }
  }
  copy.create =
      docker::post("/containers/create?name=" + http::percent_encoded(new_name), config.dump());
  return copy;
}

Result<std::string> parse_created(std::string_view body) {
  auto id = text(at(parse(body), "Id"));
  if (id.size() < 12) return malformed("container");
  return id;
}

http::Call connect(const std::string& network, std::string body, const std::string& id) {
  Document wish = {{"Container", id}, {"EndpointConfig", parse(body)}};
  return docker::post("/networks/" + http::percent_encoded(network) + "/connect", wish.dump());
}

http::Call start(const std::string& id) {
  return docker::post("/containers/" + http::percent_encoded(id) + "/start");
}

http::Call rename(const std::string& id, const std::string& name) {
  return docker::post("/containers/" + http::percent_encoded(id) +
                      "/rename?name=" + http::percent_encoded(name));
}

http::Call stop(const std::string& id, std::optional<double> grace_seconds) {
  std::string query;
  if (grace_seconds) {
    query = "?t=" + std::to_string(static_cast<long>(std::ceil(*grace_seconds)));
  }
  return docker::post("/containers/" + http::percent_encoded(id) + "/stop" + query);
}

std::optional<Grace> grace_of(std::string_view body, std::optional<double> grace_seconds) {
  constexpr double usual = 10.0;
  Grace grace{
      usual, "the Engine's own, as the service has no stop_grace_period",
      "\"gracePeriodSeconds\": ",
      "   # in the policy's platform; or stop_grace_period of the service in Compose's file"};
  const auto object = parse(body);
  const auto& own = at(object, "Config", "StopTimeout");
  if (grace_seconds) {
    grace.seconds = *grace_seconds;
    grace.source = "platform.gracePeriodSeconds";
  } else if (own.is_number_integer()) {
    grace.seconds = own.get<double>();
    grace.source = "the service's stop_grace_period";
  }
  if (grace.seconds < 0.0) return std::nullopt;
  return grace;
}

http::Call remove(const std::string& id) {
  return docker::remove("/containers/" + http::percent_encoded(id) + "?v=true");
}

http::Call remove_by_force(const std::string& id) {
  return docker::remove("/containers/" + http::percent_encoded(id) + "?v=true&force=true");
}

}  // namespace selfscale::drivers::compose
