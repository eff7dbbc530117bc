/// What the agent and its supervisor say to each other: JSON lines over a Unix stream, one answer
/// to each request, in order.
///
///     → {"id": 1, "op": "observe"}
///     ← {"id": 1, "observation": {"desired": 3, "version": "2", "most": 8, "failure": "", "note":
///        "", "warnings": [], "workers": [{"slot": 1, "instance": "backend-k3x9qf-1-1", "pid":
///        4711, "state": "ready", "started": 12.5, "restarts": 0, "lastExit": ""}]}}
///     → {"id": 2, "op": "scale", "desired": 4, "version": "2", "victims": [], "token": 7,
///        "most": 8}
///     ← {"id": 2, "accepted": true}
///     ← {"id": 2, "error": {"code": "conflict", "message": "…"}}
///
/// `state`: starting, ready, draining, stopping (SIGTERM sent, or what its group left behind is
/// being ended), backoff (waits for its start; pid 0, and slot 0 before the first). `started`:
/// seconds ago. `version` changes with every change of the count asked for; a scale with another
/// one is a conflict, and so is a token below the highest seen. An empty version is not compared.
/// `most`, which may be left out, is the maximum from then on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/result.hpp"

namespace selfscale::drivers::local {

enum class State : std::uint8_t { starting, ready, draining, stopping, backoff };
std::string_view name_of(State state) noexcept;

struct WorkerReport {
  int slot = 0;
  std::string instance;
  int pid = 0;
  State state = State::starting;
  double started_seconds_ago = 0.0;
  int restarts = 0;
  std::string last_exit;
};

struct Report {
  int desired = 0;
  std::string version;
  int most = 0;
  std::string failure;
  std::string note;
  std::vector<std::string> warnings;  ///< what a scale-down of these workers costs
  std::vector<WorkerReport> workers;
};

struct Observe {};
struct Scale {
  int desired = 0;
  std::string version;
  std::vector<std::string> victims;
  std::int64_t token = 0;
  std::optional<int> most;  ///< never more than these from now on; empty: as before
};
struct Request {
  std::int64_t id = 0;
  std::variant<Observe, Scale> what;
};

struct Accepted {};
struct Answer {
  std::int64_t id = 0;
  std::variant<Report, Accepted, Failure> what;
};

inline constexpr std::size_t longest_line = std::size_t{1024} * 1024;

/// One line without its newline. Parsing never throws; Errc::malformed says what is wrong.
std::string write_line(const Request& request);
std::string write_line(const Answer& answer);
Result<Request> parse_request(std::string_view line);
Result<Answer> parse_answer(std::string_view line);

}  // namespace selfscale::drivers::local
