#include "drivers/local/options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "sampling/text.hpp"

namespace selfscale::drivers::local {
namespace {

Failure wrong(std::string_view option, std::string_view value, std::string_view right) {
  return {Errc::invalid_argument,
          std::string{option} + " " + std::string{value} + ": " + std::string{right},
          {}};
}

bool contains(const std::vector<std::string>& command, std::string_view placeholder) {
  return std::ranges::any_of(command, [placeholder](const std::string& word) {
    return word.find(placeholder) != std::string::npos;
  });
}

bool is_of_a_name(char letter) {
  return letter == '_' || (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9');
}

/// "{fdd}", of a command's words; empty: there is none. A script's braces (`${HOME}`, anything with
/// blanks in it) are its own, and so are those of `curl -w %{http_code}` and `{{…}}`.
std::string unknown_placeholder(const std::vector<std::string>& command) {
  constexpr std::string_view of_others = "$%#{";
  for (const std::string_view word : command) {
    if (word.find_first_of(" \t\n") != std::string_view::npos) continue;
    for (auto at = word.find('{'); at != std::string_view::npos; at = word.find('{', at + 1)) {
      const auto end = word.find('}', at);
      if (end == std::string_view::npos) break;
      const auto name = word.substr(at + 1, end - at - 1);
      const bool is_other = at > 0 && of_others.find(word[at - 1]) != of_others.npos;
      const bool is_known = name == "fd" || name == "port" || name == "slot";
      if (is_other || is_known || name.empty() || !std::ranges::all_of(name, is_of_a_name))
        continue;
      return std::string{word.substr(at, end - at + 1)};
    }
  }
  return {};
}

/// Servers that open a port of their own where nobody hands them a socket.
bool looks_like_a_server(std::string_view word) {
  constexpr std::array<std::string_view, 12> servers{
      "uvicorn",        "gunicorn", "hypercorn", "granian", "daphne",      "uwsgi",
      "waitress-serve", "flask",    "fastapi",   "sanic",   "http.server", "runserver"};
  constexpr std::array<std::string_view, 3> their_options{"--port", "--bind", "--listen"};
  const auto name = word.substr(word.rfind('/') + 1);
  return std::ranges::find(servers, name) != servers.end() ||
         std::ranges::find(their_options, word.substr(0, word.find('='))) != their_options.end();
}

Result<int> whole(std::string_view option, const std::string& value, int least, int most) {
  int number = 0;
  const auto* end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, number);
  if (read.ec == std::errc{} && read.ptr == end && least <= number && number <= most) return number;
  return wrong(option, value,
               "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
}

Result<milliseconds> seconds(std::string_view option, const std::string& value) {
  double number = -1.0;
  const auto* end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, number);
  const bool is_number = read.ec == std::errc{} && read.ptr == end && std::isfinite(number);
  if (!is_number || number < 0.0 || number > 86'400.0) {
    return wrong(option, value, "seconds from 0 to 86400, as in 30 or 0.5");
  }
  return milliseconds{static_cast<std::int64_t>(number * 1000.0)};
}

Result<std::vector<std::string>> words(std::string_view option, const std::string& value) {
  const auto list = nlohmann::json::parse(value, nullptr, /*allow_exceptions=*/false);
  std::vector<std::string> read;
  if (list.is_array()) {
    for (const auto& word : list) {
      if (word.is_string()) read.push_back(word.get<std::string>());
    }
  }
  if (!read.empty() && read.size() == list.size()) return read;
  return wrong(option, value, "a command as a JSON array of texts, as in [\"true\"]");
}

Result<Address> address(const std::string& value) {
  const auto colon = value.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    return wrong("--bind", value, "HOST:PORT, as in 127.0.0.1:8000 or [::1]:8000");
  }
  const auto port = whole("--bind", value.substr(colon + 1), 0, 65'535);
  if (!port) return wrong("--bind", value, "the port is a number from 0 to 65535");
  auto host = value.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return wrong("--bind", value, "an IPv6 address stands in brackets, as in [::1]:8000");
  }
  return Address{std::move(host), static_cast<std::uint16_t>(port.value())};
}

/// `target` becomes what was read, or the failure is returned.
template <class T, class Member>
Result<void> put(Result<T> read, Member& target) {
  if (!read) return read.error();
  target = std::move(read.value());
  return {};
}

Result<void> put_readiness(const std::string& value, Options& options) {
  if (value == "report" || value == "port") {
    options.readiness = value == "report" ? Readiness::report : Readiness::port;
    return {};
  }
  options.readiness = Readiness::command;
  if (put(words("--readiness", value), options.readiness_command)) return {};
  return wrong("--readiness", value,
               "report, port, or a command as a JSON array, as in [\"curl\", \"-sf\", "
               "\"http://127.0.0.1:{port}/ready\"]");
}

Result<void> set(Options& options, const std::string& name, const std::string& value) {
  if (name == "--service") return put(Result<std::string>{value}, options.service);
  if (name == "--max") return put(whole(name, value, 1, most_workers), options.most);
  if (name == "--count") return put(whole(name, value, 0, most_workers), options.count);
  if (name == "--bind") return put(address(value), options.bind);
  if (name == "--readiness") return put_readiness(value, options);
  if (name == "--grace") return put(seconds(name, value), options.grace);
  if (name == "--backoff-first") return put(seconds(name, value), options.backoff_first);
  if (name == "--backoff-most") return put(seconds(name, value), options.backoff_most);
  if (name == "--run-dir") return put(Result<std::string>{value}, options.run_directory);
  if (name == "--release") return put(Result<std::string>{value}, options.release);
  if (name == "--agent") return put(words(name, value), options.agent);
  return Failure{Errc::invalid_argument,
                 "no option is called " + name +
                     "; there are --service, --max, --count, --bind, --readiness, --grace, "
                     "--backoff-first, --backoff-most, --run-dir, --release, --agent",
                 {}};
}

Result<Options> check(Options options, bool has_most) {
  const auto refuse = [](std::string message) {
    return Failure{Errc::invalid_argument, std::move(message), {}};
  };
  if (options.service.empty()) return refuse("--service is missing: the name of the service");
  if (!has_most) return refuse("--max is missing: the most workers that may live at one time");
  if (options.run_directory.empty()) {
    return refuse("--run-dir is missing: the directory where the segment stands");
  }
  if (options.command.empty()) return refuse("the workers' command is missing: it stands after --");
  if (options.count > options.most) {
    return refuse("--count " + std::to_string(options.count) + " is more than --max " +
                  std::to_string(options.most));
  }
  if (options.backoff_first > options.backoff_most) {
    return refuse("--backoff-first is longer than --backoff-most");
  }
  for (const auto* command : {&options.command, &options.readiness_command}) {
    if (const auto unknown = unknown_placeholder(*command); !unknown.empty()) {
      return refuse(unknown +
                    " stands for nothing here: there are {fd}, {port} and {slot}. Where the braces "
                    "are the command's own, put it into a script");
    }
  }
  const bool takes_socket = contains(options.command, "{fd}");
  const bool wants_port =
      contains(options.command, "{port}") || contains(options.readiness_command, "{port}");
  if (wants_port && !takes_socket) {
    return refuse(
        "{port} is the port of the socket that {fd} stands for, and the command has no {fd}: "
        "give the workers the socket, as in `uvicorn app:app --fd {fd}`");
  }
  if (options.bind && !takes_socket) {
    return refuse("--bind without {fd} in the command: nobody would accept from that socket");
  }
  if (options.readiness == Readiness::port && !takes_socket) {
    return refuse("--readiness port without {fd} in the command: there is no port to ask");
  }
  if (takes_socket && !options.bind) options.bind = Address{};
  return options;
}

void replace_all(std::string& text, std::string_view what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& arguments) {
  Options options;
  bool has_most = false;
  std::size_t at = 0;
  while (at < arguments.size() && arguments[at] != "--") {
    const auto& name = arguments[at];
    if (at + 1 == arguments.size()) {
      return Failure{
          Errc::invalid_argument, name + " is without a value, and -- COMMAND is missing", {}};
    }
    if (auto done = set(options, name, arguments[at + 1]); !done) return done.error();
    has_most = has_most || name == "--max";
    at += 2;
  }
  if (at < arguments.size()) {
    options.command.assign(arguments.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                           arguments.end());
  }
  return check(std::move(options), has_most);
}

std::string warning_of_one_port(const Options& options) {
  const bool tells_them_apart =
      options.bind || contains(options.command, "{slot}") || contains(options.command, "--reuse");
  if (options.most < 2 || tells_them_apart) return {};
  for (const std::string_view word : options.command) {
    for (const auto part : sampling::split(word, ' ')) {
      if (!looks_like_a_server(part)) continue;
      return "the command has no {fd}, so that up to " + std::to_string(options.most) +
             " workers would open one port: one of them gets it, the others end. Give them the "
             "shared socket, as in `uvicorn app:app --fd {fd}`, or each its own port by {slot}";
    }
  }
  return {};
}

std::vector<std::string> fill_in(std::vector<std::string> command, const Places& places) {
  for (auto& word : command) {
    replace_all(word, "{fd}", std::to_string(places.descriptor));
    replace_all(word, "{port}", std::to_string(places.port));
    replace_all(word, "{slot}", std::to_string(places.slot));
  }
  return command;
}

}  // namespace selfscale::drivers::local
