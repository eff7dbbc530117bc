#include "agent/env_file.hpp"

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

}  // namespace

std::map<std::string, std::string> parse_env(std::string_view text) {
  constexpr std::string_view exported = "export ";
  std::map<std::string, std::string> values;
  for (auto line : sampling::split(text, '\n')) {
    line = trimmed(line);
    if (line.substr(0, exported.size()) == exported) line = trimmed(line.substr(exported.size()));
    const auto equals = line.find('=');
    if (line.empty() || line[0] == '#' || equals == 0 || equals == std::string_view::npos) continue;
    values[std::string{trimmed(line.substr(0, equals))}] = value_in(line.substr(equals + 1));
  }
  return values;
}

std::map<std::string, std::string> read_env_file(const std::string& path) {
  const auto text = sampling::read_text(path);
  if (!text) return {};
  return parse_env(*text);
}

}  // namespace selfscale::agent
