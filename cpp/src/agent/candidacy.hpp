/// What each process of a service lacks to lead it and to act. A process tells it the others
/// through its slot of the segment; status and `selfscale doctor` put it beside their own.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <selfscale/doctor.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "agent/switches.hpp"
#include "segment/segment.hpp"

namespace selfscale::agent {

struct House;
class Steering;

/// As a process tells it of itself. What people have said is not in it: that is known wherever
/// their switches are read, and holds for all.
struct Candidacy {
  std::string process;  ///< "host/pid", as it calls itself
  std::string role;
  bool killed = false;
  std::optional<Word> word;
  bool enabled_by_environment = false;
  bool enabled_by_policy = false;
  bool dry_run_by_environment = false;
  bool has_driver = false;
  bool can_tell_of_work = false;  ///< its driver keeps a busy replica
  std::vector<Finding> wrong;
  std::vector<Finding> warnings;
};

/// At most `most` bytes: what finds no room is counted in it, the warnings first.
std::string to_json(Candidacy candidacy, std::size_t most = segment::told_bytes);
/// Empty: it is no such text. Whoever shares the segment may have written it.
std::optional<Candidacy> parse_candidacy(std::string_view text);

/// Of this process.
Candidacy candidacy_of(const House& house, const Steering& steering);

/// What people have said, and when it is asked.
struct Said {
  fleet::Switches global;
  fleet::Switches service;
  double wall_time_seconds = 0.0;
};
/// Each switch of its own that would say no if it led, by what people have said.
std::vector<Finding> switches_against(const Candidacy& candidacy, const Said& said);

/// The other processes of a segment, each with what it lacks and `own` does not.
std::vector<Peer> peers(const segment::Segment& segment, const Candidacy& own, const Said& said);

/// As status and doctor have them: [{"process", "pid", "instance", "role", "wrong", "warnings"}]
nlohmann::ordered_json as_json(const std::vector<Peer>& peers);
nlohmann::ordered_json as_json(const Finding& finding);
nlohmann::ordered_json as_json(const std::vector<Finding>& findings);

}  // namespace selfscale::agent
