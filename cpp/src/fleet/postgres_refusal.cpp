#include "fleet/postgres_refusal.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace selfscale::fleet {
namespace {

constexpr std::size_t state_size = 5;

/// Of a connection that was refused libpq keeps words alone. Those of its own are English unless
/// the program speaks another language; then they are shown, and count as unreachable.
constexpr std::array<std::pair<std::string_view, Errc>, 5> words_of_libpq{
    {{"certificate", Errc::denied},
     {"SSL was required", Errc::denied},
     {"authentication method requirement", Errc::denied},
     {"invalid response to SSL negotiation", Errc::malformed},
     {"expected authentication request", Errc::malformed}}};

/// Where "FATAL:  28P01: no" has its state; npos: it has none.
std::size_t find_state(std::string_view words) {
  constexpr std::string_view before = ":  ";
  for (auto at = words.find(before); at != std::string_view::npos;
       at = words.find(before, at + 1)) {
    const auto state = words.substr(at + before.size(), state_size + 1);
    const bool is_state =
        state.size() == state_size + 1 && state.back() == ':' &&
        std::all_of(state.begin(), state.end() - 1, [](char letter) {
          return (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z');
        });
    if (is_state) return at + before.size();
  }
  return std::string_view::npos;
}

/// Its line, without it.
std::string line_around(std::string_view words, std::size_t state) {
  const auto start = words.rfind('\n', state);
  const auto end = words.find('\n', state);
  std::string line{words.substr(0, end)};
  line.erase(state, state_size + 2);
  return start == std::string_view::npos ? line : line.substr(start + 1);
}

}  // namespace

Errc code_of_sqlstate(std::string_view state) {
  if (state.starts_with("28") || state == "42501" || state == "3F000") return Errc::denied;
  if (state == "3D000" || state == "42P01") return Errc::not_found;
  if (state.starts_with("40")) return Errc::conflict;
  if (state == "42703") return Errc::unsupported;  // the table has other columns
  if (state == "57014") return Errc::timed_out;    // by a limit of the server's own
  const bool is_passing = state.starts_with("08") || state.starts_with("53") ||
                          state.starts_with("57") || state == "25006";
  return is_passing ? Errc::unreachable : Errc::failed;
}

std::string one_line(std::string_view words) {
  std::string line;
  for (const char letter : words) line += letter == '\n' ? ' ' : letter;
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

Failure refusal_of(std::string_view words, bool needs_password) {
  if (const auto state = find_state(words); state != std::string_view::npos) {
    return {code_of_sqlstate(words.substr(state, state_size)), line_around(words, state), {}};
  }
  if (needs_password) return {Errc::denied, one_line(words), {}};
  const auto* const known = std::ranges::find_if(words_of_libpq, [words](const auto& each) {
    return words.find(each.first) != std::string_view::npos;
  });
  const auto code = known == words_of_libpq.end() ? Errc::unreachable : known->second;
  return {code, one_line(words), {}};
}

}  // namespace selfscale::fleet
