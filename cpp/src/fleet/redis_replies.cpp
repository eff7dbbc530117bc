#include "fleet/redis_replies.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace selfscale::fleet {
namespace {

constexpr std::string_view end_of_line = "\r\n";
constexpr std::size_t largest_answer = std::size_t{16} * 1024 * 1024;
constexpr std::size_t longest_line = std::size_t{64} * 1024;
constexpr std::size_t deepest = 8;

/// Digits only, and no more than an answer may have.
std::optional<std::size_t> size_in(std::string_view text) {
  std::size_t size = 0;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, size);
  const bool is_size = read.ec == std::errc{} && read.ptr == end && size <= largest_answer;
  return is_size ? std::optional{size} : std::nullopt;
}

}  // namespace

bool Replies::take(std::string_view bytes) {
  taken_ += bytes.size();
  if (taken_ > largest_answer) return false;
  received_ += bytes;
  auto step = Step::taken;
  while (step == Step::taken && read_ < received_.size()) step = take_one();
  received_.erase(0, std::exchange(read_, 0));
  return step != Step::wrong;
}

/// One element: a value, or the beginning of an aggregate.
Replies::Step Replies::take_one() {
  const std::string_view rest = std::string_view{received_}.substr(read_);
  const auto end = rest.substr(0, longest_line).find(end_of_line);
  if (end == 0) return Step::wrong;
  if (end == std::string_view::npos) {
    return rest.size() < longest_line ? Step::incomplete : Step::wrong;
  }
  const auto line = rest.substr(1, end - 1);
  const auto after = end + end_of_line.size();
  const char kind = rest.front();
  switch (kind) {
    case '$':
    case '=':
    case '!':
      return take_blob(line, after, kind == '!');
    case '*':
    case '~':
    case '>':
    case '%':
    case '|':
      read_ += after;
      return open(kind, line);
    case '+':
    case '-':
    case ':':
    case ',':
    case '#':
    case '(':
    case '_':
      read_ += after;
      return add(line, kind == '-');
    default:
      return Step::wrong;
  }
}

Replies::Step Replies::take_blob(std::string_view length, std::size_t start, bool is_error) {
  const auto size = size_in(length);
  if (!size) return Step::wrong;
  const std::string_view rest = std::string_view{received_}.substr(read_ + start);
  if (rest.size() < *size + end_of_line.size()) return Step::incomplete;
  if (rest.substr(*size, end_of_line.size()) != end_of_line) return Step::wrong;
  read_ += start + *size + end_of_line.size();
  return add(rest.substr(0, *size), is_error);
}

/// Maps and attributes count pairs.
Replies::Step Replies::open(char kind, std::string_view count) {
  const auto size = size_in(count);
  if (!size || open_.size() == deepest) return Step::wrong;
  const bool is_aside = kind == '|' || (kind == '>' && open_.empty());
  if (*size > 0) {
    open_.push_back({kind == '%' || kind == '|' ? 2 * *size : *size, is_aside});
  } else if (!is_aside) {
    close_one();
  }
  return Step::taken;
}

Replies::Step Replies::add(std::string_view value, bool is_error) {
  if (is_error && value.empty()) return Step::wrong;
  const bool is_dropped = std::ranges::any_of(open_, &Aggregate::is_aside);
  if (is_error && !is_dropped) reply_.error = std::string{value};
  if (!is_error && !is_dropped) reply_.values.emplace_back(value);
  close_one();
  return Step::taken;
}

/// An element is whole; so is each aggregate whose last one it was, and with the outermost the
/// reply. What is said aside is an element of nothing.
void Replies::close_one() {
  while (!open_.empty()) {
    if (--open_.back().lacks > 0) return;
    const bool is_aside = open_.back().is_aside;
    open_.pop_back();
    if (is_aside) return;
  }
  all_.push_back(std::exchange(reply_, {}));
}

}  // namespace selfscale::fleet
