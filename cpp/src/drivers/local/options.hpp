/// The arguments of `selfscale-supervisor`: the small process behind `selfscale run`.
///
///     selfscale-supervisor --service backend --max 8 [OPTION …] -- COMMAND [ARGUMENT …]
///
/// - `--service S` (needed): the service's name; goes into instance ids and finds the segment
/// - `--max N` (needed): never more than N workers alive at one time, 1 to 1000; the agent may
///   change it
/// - `--run-dir DIR` (needed): where the segment stands; handed on as SELFSCALE_RUN_DIR
/// - `--count N` (1): workers at the start, 0 to max
/// - `--bind HOST:PORT` (127.0.0.1:8000, if {fd} occurs): `[::1]:8000`, `0.0.0.0:0` (any port) …
/// - `--readiness R` (see below): `report`, `port`, or a command as a JSON array that ends with 0
/// - `--grace SECONDS` (30): from SIGTERM to SIGKILL
/// - `--backoff-first SECONDS` (1): before the first restart of a worker that ended
/// - `--backoff-most SECONDS` (60): the longest such wait; who lives that long starts over
/// - `--release R` (none): the release group of the segment; handed on as SELFSCALE_RELEASE
/// - `--agent ARGV` (none): the agent's command as a JSON array of strings; restarted when it ends
///
/// In COMMAND and in a readiness command `{fd}` stands for the number of the listening socket,
/// `{port}` for its port and `{slot}` for the worker's number, the lowest free one from 1 on.
/// `{port}` is refused where COMMAND has no `{fd}`, and so is `--bind`; `{fdd}` and the like are
/// refused, too.
///
/// Readiness. `report`: the worker has said through the segment that it can serve, or reports and
/// has not said that it will. `port`: somebody takes a connection from the socket, and the worker
/// is seen to accept (accepting.hpp). None given: what the worker says of itself; without that
/// `port` if a socket is bound, else its first report, else that it has lived for a while.
///
/// A worker leads a process group of its own and gets SELFSCALE_SERVICE, SELFSCALE_RUN_DIR,
/// SELFSCALE_SUPERVISED=1 and SELFSCALE_INSTANCE (`<service>-<run>-<slot>-<serial of the start>`,
/// where six random letters tell this run from another of the service on the same host). The
/// agent gets the first two, SELFSCALE_SUPERVISOR_FD, a stream of JSON lines (protocol.hpp), and
/// SELFSCALE_RUN_SINCE, the supervisor's start in wall seconds: what a person said with the command
/// was said then, and may have been taken back since.
///
/// Exit codes: 0 stopped by SIGTERM, SIGINT or SIGHUP, all workers ended; 1 it could not begin
/// (port in use, command not found); 2 wrong arguments; 128 + signal: a second signal ended all at
/// once.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/result.hpp"

namespace selfscale::drivers::local {

using Time = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

struct Address {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8000;
};

inline constexpr int most_workers = 1'000;  ///< of one supervisor, whatever it is told

enum class Readiness : std::uint8_t { automatic, report, port, command };

struct Options {
  std::string service;
  int count = 1;
  int most = 1;
  std::optional<Address> bind;  ///< set if and only if the command takes the socket
  Readiness readiness = Readiness::automatic;
  std::vector<std::string> readiness_command;
  milliseconds grace{30'000};
  milliseconds backoff_first{1'000};
  milliseconds backoff_most{60'000};
  std::string run_directory;
  std::string release;
  std::vector<std::string> agent;  ///< empty: none
  std::vector<std::string> command;
  std::string root;  ///< stands before "/proc/stat", for tests
};

/// Errc::invalid_argument names the option, what it was given and what would be right.
Result<Options> parse_options(const std::vector<std::string>& arguments);

/// Where the command is one of a server that nobody hands a socket, what becomes of several
/// workers; else empty.
std::string warning_of_one_port(const Options& options);

/// What the placeholders stand for in one worker's command.
struct Places {
  int descriptor = -1;
  int port = 0;
  int slot = 0;
};
std::vector<std::string> fill_in(std::vector<std::string> command, const Places& places);

}  // namespace selfscale::drivers::local
