#include "drivers/hosted/token.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace selfscale::drivers::hosted {
namespace {

constexpr std::size_t longest_token = 16'384;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const auto start = text.find_first_not_of(blank);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(blank) - start + 1);
}

Result<Secret> checked(std::string_view text, const std::string& place) {
  text = trimmed(text);
  if (text.empty()) return Failure{Errc::denied, place + " is empty: a token belongs there", {}};
  const bool is_token = std::all_of(text.begin(), text.end(),
                                    [](char letter) { return letter > ' ' && letter <= '~'; });
  if (is_token) return Secret{text};
  return Failure{Errc::denied, place + " holds no token: a token is one word of ASCII", {}};
}

Result<Secret> read_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::string text(longest_token, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad() || (file.fail() && !file.eof())) {
    return Failure{Errc::storage, "the token file " + path + " cannot be read", {}};
  }
  auto token =
      checked({text.data(), static_cast<std::size_t>(file.gcount())}, "the token file " + path);
  std::fill(text.begin(), text.end(), '\0');
  return token;
}

}  // namespace

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

Result<Secret> read_token(const TokenPlaces& places, const Environment& environment) {
  if (!places.file.empty()) return read_file(places.file);
  std::string all;
  for (const auto& name : places.variables) {
    if (const auto value = environment(name)) return checked(*value, name);
    all += (all.empty() ? "" : " or ") + name;
  }
  return Failure{
      Errc::denied, "there is no token: set " + all + ", or name a file in platform.tokenFile", {}};
}

Failure with_missing_token(Failure failure, const TokenPlaces& places,
                           const Environment& environment) {
  const auto token = read_token(places, environment);
  if (!token) failure.message += "; " + token.error().message;
  return failure;
}

}  // namespace selfscale::drivers::hosted
