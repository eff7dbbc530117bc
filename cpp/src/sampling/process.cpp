#include "sampling/process.hpp"

#include <unistd.h>

#include <filesystem>
#include <set>
#include <system_error>

#include "sampling/text.hpp"

namespace selfscale::sampling {
namespace {

/// A thread's children are those that it forked itself.
std::vector<pid_t> children_of(pid_t pid, const std::string& root) {
  std::vector<pid_t> children;
  std::error_code gone;
  std::filesystem::directory_iterator threads{root + "/proc/" + std::to_string(pid) + "/task",
                                              gone};
  for (; !gone && threads != std::filesystem::directory_iterator{}; threads.increment(gone)) {
    const auto text = read_text(threads->path().string() + "/children");
    if (!text) continue;
    for (const auto child : split(*text, ' ')) {
      if (const auto number = leading_number(child)) {
        children.push_back(static_cast<pid_t>(*number));
      }
    }
  }
  return children;
}

}  // namespace

std::optional<ProcessTimes> parse_process(std::string_view stat) {
  const auto name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  const auto fields = split(stat.substr(name_end + 1), ' ');
  // proc(5) numbers the fields from 1; the state, the first after the name, is number 3.
  auto field = [&](std::size_t number) -> std::optional<std::uint64_t> {
    return number - 3 < fields.size() ? leading_number(fields[number - 3]) : std::nullopt;
  };
  if (fields.empty() || fields[0] == "Z" || fields[0] == "X" || fields[0] == "x")
    return std::nullopt;
  const auto user = field(14);
  const auto system = field(15);
  const auto threads = field(20);
  const auto start = field(22);
  const auto pages = field(24);
  if (!user || !system || !threads || !start || !pages) return std::nullopt;

  static const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  static const auto page_bytes = static_cast<double>(::sysconf(_SC_PAGESIZE));
  return ProcessTimes{static_cast<double>(*user + *system) / ticks_per_second,
                      static_cast<double>(*pages) * page_bytes, static_cast<int>(*threads), *start,
                      static_cast<double>(*start) / ticks_per_second};
}

std::optional<ProcessTimes> read_process(pid_t pid, const std::string& root) {
  const auto text = read_text(root + "/proc/" + std::to_string(pid) + "/stat");
  if (!text) return std::nullopt;
  return parse_process(*text);
}

std::vector<TreeProcess> process_tree(pid_t pid, const std::string& root) {
  constexpr std::size_t most = 4096;  // they may come faster than they are counted
  std::vector<TreeProcess> tree{{pid, false}};
  std::set<pid_t> known{pid};
  for (std::size_t i = 0; i < tree.size() && tree.size() < most; ++i) {
    for (const pid_t child : children_of(tree[i].pid, root)) {
      if (!read_process(child, root) || !known.insert(child).second) continue;
      tree[i].has_children = true;
      tree.push_back({child, false});
    }
  }
  return tree;
}

}  // namespace selfscale::sampling
