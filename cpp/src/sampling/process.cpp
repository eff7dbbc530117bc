#include "sampling/process.hpp"

#include <unistd.h>

#include <array>
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

std::optional<ProcessTimes> parse_process(std::string_view stat) noexcept {
  const auto name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  auto rest = stat.substr(name_end + 1);
  // proc(5) numbers the fields from 1; the state, the first after the name, is number 3.
  const auto state = next_part(rest, ' ');
  if (state.empty() || state == "Z" || state == "X" || state == "x") return std::nullopt;
  constexpr std::size_t first = 4;
  constexpr std::size_t last = 24;
  std::array<std::uint64_t, last + 1> field{};
  for (std::size_t i = first; i <= last; ++i) {
    const auto text = next_part(rest, ' ');
    if (text.starts_with('-')) continue;  // none of those that are asked for
    const auto number = leading_number(text);
    if (!number) return std::nullopt;
    field[i] = *number;
  }
  static const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  static const auto page_bytes = static_cast<double>(::sysconf(_SC_PAGESIZE));
  const auto start = field[22];
  return ProcessTimes{static_cast<double>(field[14] + field[15]) / ticks_per_second,
                      static_cast<double>(field[24]) * page_bytes, static_cast<int>(field[20]),
                      start, static_cast<double>(start) / ticks_per_second};
}

std::optional<ProcessTimes> Processes::read(pid_t pid) {
  auto found = kept_.find(pid);
  if (found == kept_.end()) {
    auto path = root_ + "/proc/" + std::to_string(pid) + "/stat";
    found = kept_.emplace(pid, Kept{KeptFile{std::move(path)}}).first;
  }
  found->second.is_read = true;
  const auto text = found->second.stat.read(buffer_);
  return text ? parse_process(*text) : std::nullopt;
}

void Processes::forget_unread() {
  std::erase_if(kept_, [](const auto& each) { return !each.second.is_read; });
  for (auto& [pid, each] : kept_) each.is_read = false;
}

void Processes::close() noexcept {
  for (auto& [pid, each] : kept_) each.stat.close();
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
