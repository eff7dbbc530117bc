#include "drivers/prefork/facts.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <limits>
#include <system_error>
#include <tuple>

#include "sampling/process.hpp"
#include "sampling/text.hpp"

namespace selfscale::drivers::prefork {
namespace {

std::string directory_of(pid_t pid) { return "/proc/" + std::to_string(pid); }

std::uint64_t bit_of(int signal) noexcept { return std::uint64_t{1} << (signal - 1); }

/// What follows a key at the beginning of a line, without the blanks before it.
std::optional<std::string_view> value_of(std::string_view text, std::string_view key) {
  for (const auto line : sampling::split(text, '\n')) {
    if (!line.starts_with(key)) continue;
    const auto value = line.substr(key.size());
    const auto begin = value.find_first_not_of(" \t");
    return begin == std::string_view::npos ? std::string_view{} : value.substr(begin);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> mask_in(std::string_view text, std::string_view key) {
  const auto value = value_of(text, key);
  if (!value) return std::nullopt;
  std::uint64_t mask = 0;
  const auto* end = value->data() + value->size();
  const auto read = std::from_chars(value->data(), end, mask, 16);
  if (read.ec != std::errc{}) return std::nullopt;
  return mask;
}

/// What stands in two columns of each line of a table that is parted by blanks.
template <class Take>
void for_each_line(std::string_view table, std::size_t state, std::size_t number, Take take) {
  for (const auto line : sampling::split(table, '\n')) {
    auto cells = sampling::split(line, ' ');
    std::erase_if(cells, [](std::string_view cell) { return cell.empty(); });
    if (cells.size() <= std::max(state, number)) continue;
    if (const auto found = sampling::leading_number(cells[number])) take(cells[state], *found);
  }
}

using Sockets = std::vector<std::uint64_t>;

/// Empty: they may not be seen.
std::optional<Sockets> sockets_of(pid_t pid) {
  std::error_code failed;
  std::filesystem::directory_iterator open{directory_of(pid) + "/fd", failed};
  if (failed) return std::nullopt;
  constexpr std::string_view kind = "socket:[";
  Sockets all;
  for (; !failed && open != std::filesystem::directory_iterator{}; open.increment(failed)) {
    std::error_code closed;
    const auto target = std::filesystem::read_symlink(open->path(), closed).string();
    if (closed || !target.starts_with(kind)) continue;
    const auto number = sampling::leading_number(std::string_view{target}.substr(kind.size()));
    if (number) all.push_back(*number);
  }
  return all;
}

Sockets common(const Sockets& some, const Sockets& others) {
  Sockets all;
  std::ranges::copy_if(some, std::back_inserter(all), [&others](std::uint64_t each) {
    return std::ranges::find(others, each) != others.end();
  });
  return all;
}

Sockets listeners_of(pid_t pid) {
  const auto table = [pid](const char* name) {
    return sampling::read_text(directory_of(pid) + "/net/" + name).value_or("");
  };
  auto listening = read_tcp_listeners(table("tcp"));
  std::ranges::copy(read_tcp_listeners(table("tcp6")), std::back_inserter(listening));
  std::ranges::copy(read_unix_listeners(table("unix")), std::back_inserter(listening));
  return common(sockets_of(pid).value_or(Sockets{}), listening);
}

}  // namespace

bool Facts::catches(int signal) const noexcept { return (caught & bit_of(signal)) != 0; }

bool Facts::has_pending(int signal) const noexcept { return (pending & bit_of(signal)) != 0; }

bool read_status(std::string_view status, Facts& facts) {
  const auto state = value_of(status, "State:");
  const auto users = value_of(status, "Uid:");
  const auto of_thread = mask_in(status, "SigPnd:");
  const auto of_process = mask_in(status, "ShdPnd:");
  const auto caught = mask_in(status, "SigCgt:");
  if (!state || !users || !of_thread || !of_process || !caught) return false;
  const auto ids = sampling::split(*users, '\t');  // real, effective, saved, of files
  const auto user = ids.size() > 1 ? sampling::leading_number(ids[1]) : std::nullopt;
  if (!user || *user > std::numeric_limits<uid_t>::max()) return false;
  facts.user = static_cast<uid_t>(*user);
  facts.is_stopped = state->starts_with('T') || state->starts_with('t');
  facts.pending = *of_thread | *of_process;
  facts.caught = *caught;
  return true;
}

std::vector<std::string> read_arguments(std::string_view cmdline) {
  std::vector<std::string> words;
  for (const auto word : sampling::split(cmdline, '\0')) words.emplace_back(word);
  while (!words.empty() && words.back().empty()) words.pop_back();
  return words;
}

std::optional<Facts> look_at(pid_t pid) {
  const auto times = sampling::read_process(pid);
  const auto status = sampling::read_text(directory_of(pid) + "/status");
  if (!times || !status) return std::nullopt;
  Facts facts;
  facts.pid = pid;
  facts.start_ticks = times->start_ticks;
  if (!read_status(*status, facts)) return std::nullopt;
  facts.arguments =
      read_arguments(sampling::read_text(directory_of(pid) + "/cmdline").value_or(""));
  return facts;
}

std::vector<Facts> children_of(pid_t pid) {
  std::vector<Facts> children;
  std::error_code gone;
  // A thread's children are those that it started itself.
  std::filesystem::directory_iterator threads{directory_of(pid) + "/task", gone};
  for (; !gone && threads != std::filesystem::directory_iterator{}; threads.increment(gone)) {
    const auto text = sampling::read_text(threads->path().string() + "/children");
    if (!text) continue;
    for (const auto child : sampling::split(*text, ' ')) {
      const auto number = sampling::leading_number(child);
      if (!number) continue;
      if (auto facts = look_at(static_cast<pid_t>(*number))) children.push_back(std::move(*facts));
    }
  }
  std::ranges::sort(children, {}, [](const Facts& child) {
    return std::tuple{child.start_ticks, child.pid};
  });
  return children;
}

std::vector<std::uint64_t> read_tcp_listeners(std::string_view table) {
  static constexpr std::string_view listening = "0A";  // TCP_LISTEN
  Sockets all;
  for_each_line(table, 3, 9, [&all](std::string_view state, std::uint64_t number) {
    if (state == listening) all.push_back(number);
  });
  return all;
}

std::vector<std::uint64_t> read_unix_listeners(std::string_view table) {
  static constexpr std::string_view listening = "00010000";  // __SO_ACCEPTCON
  Sockets all;
  for_each_line(table, 3, 6, [&all](std::string_view state, std::uint64_t number) {
    if (state == listening) all.push_back(number);
  });
  return all;
}

std::vector<Facts> deaf_of(const Facts& parent, const std::vector<Facts>& children) {
  const auto listeners = listeners_of(parent.pid);
  std::vector<Facts> deaf;
  bool hears_another = false;
  for (const auto& child : children) {
    const auto sockets = sockets_of(child.pid);
    if (!sockets) continue;
    const bool hears = !common(*sockets, listeners).empty();
    hears_another = hears_another || hears;
    if (!hears) deaf.push_back(child);
  }
  return hears_another ? deaf : std::vector<Facts>{};
}

}  // namespace selfscale::drivers::prefork
