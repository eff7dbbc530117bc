#include "drivers/ecs/profiles.hpp"

#include <algorithm>
#include <cctype>

namespace selfscale::drivers::ecs {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// A '#' or ';' after a blank begins a comment; within a word it does not.
std::string_view without_comment(std::string_view value) {
  for (std::size_t i = 1; i < value.size(); ++i) {
    const bool is_mark = value[i] == '#' || value[i] == ';';
    if (is_mark && blanks.find(value[i - 1]) != std::string_view::npos) return value.substr(0, i);
  }
  return value;
}

std::string lower(std::string_view text) {
  std::string result{text};
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return result;
}

/// "prod" of "[profile prod]", or of "[prod]" where the file has no prefix; empty: another section.
std::string_view profile_in(std::string_view heading, bool is_prefixed) {
  const auto end = heading.find(']');
  if (end == std::string_view::npos) return {};
  auto name = trimmed(heading.substr(1, end - 1));
  if (is_prefixed && name != "default") {
    constexpr std::string_view prefix = "profile";
    const bool has_prefix = name.starts_with(prefix) && name.size() > prefix.size() &&
                            blanks.find(name[prefix.size()]) != std::string_view::npos;
    if (!has_prefix) return {};
    name = trimmed(name.substr(prefix.size()));
  }
  const bool is_quoted = name.size() >= 2 && name.front() == '"' && name.back() == '"';
  return is_quoted ? name.substr(1, name.size() - 2) : name;
}

/// Adds what `file` says of that profile and `profile` does not know yet.
void read(std::string_view wanted, std::string_view file, bool is_prefixed, Profile& profile) {
  Profile found;
  bool is_wanted = false;
  while (!file.empty()) {
    const auto line = file.substr(0, file.find('\n'));
    file.remove_prefix(std::min(line.size() + 1, file.size()));
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      is_wanted = profile_in(line, is_prefixed) == wanted;
      continue;
    }
    const auto equals = line.find('=');
    const bool is_nested = blanks.find(line.front()) != std::string_view::npos;
    if (!is_wanted || is_nested || equals == std::string_view::npos) continue;
    const auto value = trimmed(without_comment(line.substr(equals + 1)));
    found.insert_or_assign(lower(trimmed(line.substr(0, equals))), Secret{value});
  }
  profile.merge(found);
}

}  // namespace

Profile read_profile(std::string_view name, std::string_view credentials_file,
                     std::string_view config_file) {
  Profile profile;
  read(name, credentials_file, false, profile);
  read(name, config_file, true, profile);
  return profile;
}

std::string setting_of(const Profile& profile, std::string_view name) {
  const auto found = profile.find(name);
  return found == profile.end() ? std::string{} : std::string{found->second.reveal()};
}

}  // namespace selfscale::drivers::ecs
