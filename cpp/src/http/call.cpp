#include "http/call.hpp"

#include <algorithm>

#include "http/status.hpp"

namespace selfscale::http {
namespace {

std::string_view without_query(std::string_view target) noexcept {
  return target.substr(0, target.find_first_of("?#"));
}

char lower(char letter) noexcept {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool is_same_name(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char one, char other) { return lower(one) == lower(other); });
}

bool is_token_letter(char letter) noexcept {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') ||
         (letter >= 'A' && letter <= 'Z') || others.find(letter) != std::string_view::npos;
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_letter);
}

bool is_target(std::string_view text) noexcept {
  return text.starts_with('/') && std::all_of(text.begin(), text.end(), [](char letter) {
           return letter > ' ' && letter < '\x7f';
         });
}

/// A line end in a value would begin a header of somebody else's choice.
bool is_value(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char letter) {
    return letter == '\t' || (static_cast<unsigned char>(letter) >= ' ' && letter != '\x7f');
  });
}

/// By the server's own clock, where it names a date.
std::optional<Duration> wait_asked_by(const Answer& answer) {
  const auto asked = answer.header("Retry-After");
  if (!asked || !may_succeed_later(verdict_of(answer.status))) return std::nullopt;
  const auto date = seconds_since_epoch(answer.header("Date").value_or(""));
  const std::chrono::seconds now{static_cast<std::int64_t>(date.value_or(0.0))};
  if (!date && seconds_since_epoch(*asked)) return std::nullopt;
  return retry_after(*asked, std::chrono::system_clock::time_point{now});
}

std::string wrong_header(const std::string& name) {
  return "the header \"" + name + "\" is no word, or holds a line end or another control character";
}

}  // namespace

std::optional<std::string_view> Answer::header(std::string_view name) const noexcept {
  for (const auto& [each, value] : headers) {
    if (is_same_name(each, name)) return value;
  }
  return std::nullopt;
}

std::string shortened(std::string_view words) {
  constexpr std::size_t most = 1000;
  if (words.size() <= most) return std::string{words};
  auto end = most;
  while (end > 0 && (static_cast<unsigned char>(words[end]) & 0xC0U) == 0x80U) --end;
  return std::string{words.substr(0, end)} + "…";
}

Secret bearer(const Secret& token) { return token.after("Bearer "); }

Failure failure_of(const Address& address, const Call& call, const Answer& answer,
                   std::string_view words) {
  const auto code = code_of(verdict_of(answer.status), !only_reads(call));
  auto said = name_of(address, call) + ": " + std::to_string(answer.status);
  if (!words.empty()) said.append(": ").append(shortened(words));
  return Failure{code, std::move(said), {}, wait_asked_by(answer)};
}

bool is_safe(const Call& call) noexcept { return call.method == "GET" || call.method == "HEAD"; }

bool only_reads(const Call& call) noexcept { return call.is_query || is_safe(call); }

std::string name_of(const Address& address, const Call& call) {
  return call.method + " " + to_text(address) + std::string{without_query(call.target)};
}

std::string wrong_with(const Call& call) {
  if (!is_token(call.method)) return "the method is no word";
  if (!is_target(call.target)) {
    return "the target does not begin with \"/\", or holds a blank or a letter beyond ASCII";
  }
  for (const auto& [name, value] : call.headers) {
    if (!is_token(name) || !is_value(value)) return wrong_header(name);
  }
  for (const auto& [name, value] : call.secrets) {
    if (!is_token(name) || !is_value(value.reveal())) return wrong_header(name);
  }
  return {};
}

}  // namespace selfscale::http
