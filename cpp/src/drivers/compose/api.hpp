/// What a Docker Engine is asked about the containers of a Compose service, and what its answers
/// mean. Pure; any thread.
/// Source: moby's api/swagger.yaml, versions 1.41 to 1.56; docker/compose v2.40.3,
/// pkg/api/labels.go and pkg/compose/convergence.go; the answers of Engine 20.10.24 about projects
/// of 1.29.2.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drivers/compose/options.hpp"
#include "drivers/driver.hpp"
#include "drivers/longest_work.hpp"
#include "http/client.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::compose {

// --- the containers of the service

/// All of them, ended ones too.
http::Call list_containers(const Target& target);
/// Those with a health check that has not been passed.
http::Call list_unhealthy(const Target& target);

struct Container {
  std::string id;
  std::string name;
  int number = 0;  ///< Compose's, from 1
  std::string state;
  std::string status;  ///< for people: "Exited (1) 5 seconds ago"
  std::optional<double> age_seconds;
  bool is_copy = false;  ///< made by this driver, and not by Compose or a person
  /// By which Compose knows what it would make otherwise by now: the hash of the service in the
  /// file, and of version 2 the image's digest. Copies have their model's.
  std::string version = {};

  /// By which an instance in it knows itself: its host name, unless another was set.
  [[nodiscard]] std::string instance() const { return id.substr(0, 12); }
  [[nodiscard]] bool runs() const { return state == "running"; }
  /// Somebody is about to start it, or ended before that. It may lack networks.
  [[nodiscard]] bool is_unstarted() const { return state == "created"; }
  /// It is not an agent's, and fresh enough for somebody to be about to start it.
  [[nodiscard]] bool is_about_to_start() const;
  /// An agent's, which did not live to start it.
  [[nodiscard]] bool is_half_made() const { return is_copy && is_unstarted(); }
  /// It has been asked to stop, by whichever agent: its name says so. It counts no more, also when
  /// it has ended.
  [[nodiscard]] bool is_leaving() const;
  /// Its name from then on: nobody else's, so that the one before is free for another.
  [[nodiscard]] std::string leaving_name() const;
  /// Its name until then.
  [[nodiscard]] std::string usual_name() const;
};
/// In the order of their numbers. `server_time`: the answer's header Date.
Result<std::vector<Container>> parse_containers(std::string_view body,
                                                std::string_view server_time);

/// The count that is asked for stands nowhere but in the containers themselves: it is that of those
/// that have been started and not asked to stop, ended ones too, as Compose has it. One that is
/// about to start counts, but where it takes the place of another that is still there.
int asked_for(const std::vector<Container>& all);

Observation observation_of(const std::vector<Container>& all,
                           const std::vector<Container>& unhealthy);

// --- while Compose makes containers anew

/// Why no count is to be set now, and what a person can do where no `up` is under way: one is about
/// to start, or the newest is fresh and there are two versions or one that has ended and makes way.
/// Empty: one may be set.
std::string hold_of(const std::vector<Container>& all, const Target& target);
/// Containers of more than one version, started or not, of which nobody is about to change that.
std::optional<Finding> against_versions(const std::vector<Container>& all, const Target& target);

/// Who goes, `count` of them: what does not run first, then `victims` in their order, then the
/// highest number; `own`, the container of this process, last.
std::vector<Container> chosen(std::vector<Container> all, const std::vector<std::string>& victims,
                              const std::string& own, std::size_t count);

/// The id of the container that a process with these mounts (/proc/self/mountinfo) runs in; empty:
/// in none.
std::string own_container(std::string_view mountinfo);

// --- one more

/// Whom to copy, of the version that was started last: the highest number that runs, else the
/// highest that ever did. Null: nobody is there.
const Container* model_of(const std::vector<Container>& all);

http::Call get_container(const std::string& id);

/// A container like another, as Compose itself would make it, but for a label that says who did:
/// Compose looks at no labels but its own, and makes it anew without that.
struct Copy {
  http::Call create;
  /// Networks beside the first, and the bodies by which the copy is connected to them.
  std::vector<std::pair<std::string, std::string>> others;
};
/// Of an answer to get_container(). Errc::failed: it can be there only once.
Result<Copy> copy_of(std::string_view body, int number);
/// The id in the answer to `create`.
Result<std::string> parse_created(std::string_view body);

http::Call connect(const std::string& network, std::string body, const std::string& id);
http::Call start(const std::string& id);

// --- one fewer

http::Call rename(const std::string& id, const std::string& name);
/// Answered when it has ended: by itself, or killed after the grace period.
http::Call stop(const std::string& id, std::optional<double> grace_seconds);
/// How long such a stop leaves a container of which get_container() is answered so. Empty: for
/// ever.
std::optional<Grace> grace_of(std::string_view body, std::optional<double> grace_seconds);
/// Of one that does not run, with the volumes that have no name. One that runs is refused.
http::Call remove(const std::string& id);
/// Whatever it does.
http::Call remove_by_force(const std::string& id);

}  // namespace selfscale::drivers::compose
