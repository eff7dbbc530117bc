#include "agent/env_file.hpp"

#include <selfscale/error.hpp>

#include "sampling/text.hpp"

namespace selfscale::agent {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string_view value_in(std::string_view text) {
  text = trimmed(text);
  const bool quoted = text.size() > 1 && (text[0] == '"' || text[0] == '\'');
  const auto end = quoted ? text.find(text[0], 1) : text.find(" #");
  if (quoted && end != std::string_view::npos) return text.substr(1, end - 1);
  return trimmed(text.substr(0, end));
}

/// The line itself is not shown: it may be a secret's.
[[noreturn]] void refuse(const std::string& path, int number) {
  throw Error{Errc::invalid_argument,
              path + ", line " + std::to_string(number) +
                  ": no NAME=value, so what it was to set would not be set; write it as in "
                  "AUTOSCALING_ENABLED=true, or begin a comment with #"};
}

}  // namespace

std::map<std::string, std::string> parse_env(std::string_view text, const std::string& path) {
  constexpr std::string_view exported = "export ";
  std::map<std::string, std::string> values;
  int number = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    line = trimmed(line);
    if (line.starts_with(exported)) line = trimmed(line.substr(exported.size()));
    if (line.empty() || line[0] == '#') continue;
    const auto equals = line.find('=');
    const auto name = trimmed(line.substr(0, equals));
    const bool is_name = !name.empty() && name.find_first_of(" \t") == std::string_view::npos;
    if (equals == std::string_view::npos || !is_name) refuse(path, number);
    values[std::string{name}] = value_in(line.substr(equals + 1));
  }
  return values;
}

std::map<std::string, std::string> read_env_file(const std::string& path) {
  const auto text = sampling::read_text(path);
  if (!text) return {};
  return parse_env(*text, path);
}

}  // namespace selfscale::agent
