#include "policy/reader.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "model/json/node.hpp"
#include "model/json/place.hpp"
#include "policy/duration.hpp"

namespace selfscale {
namespace {

std::string in_quotes(std::string_view name) { return '"' + std::string{name} + '"'; }

std::string number_text(double number) {
  const Json value = number == std::floor(number) && std::abs(number) < 1e15
                         ? Json(static_cast<std::int64_t>(number))
                         : Json(number);
  return value.dump();
}

/// What must never be shown, judged by the key and by the look of the value.
bool is_secret(std::string_view key, const Json& value) {
  std::string lower{key};
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  for (const std::string_view word : {"password", "secret", "token", "credential", "apikey"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return value.is_string() && value.get_ref<const std::string&>().find("://") != std::string::npos;
}

bool is_same_letter(char one, char other) {
  return std::tolower(static_cast<unsigned char>(one)) ==
         std::tolower(static_cast<unsigned char>(other));
}

/// Letters left out, put in, replaced, or swapped with their neighbour (optimal string alignment).
std::size_t edit_distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> before;
  std::vector<std::size_t> last(other.size() + 1);
  for (std::size_t i = 0; i < last.size(); ++i) last[i] = i;
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::vector<std::size_t> row{i + 1};
    for (std::size_t j = 0; j < other.size(); ++j) {
      const std::size_t replaced = last[j] + (is_same_letter(one[i], other[j]) ? 0 : 1);
      row.push_back(std::min({replaced, row[j] + 1, last[j + 1] + 1}));
      const bool are_swapped = i > 0 && j > 0 && is_same_letter(one[i], other[j - 1]) &&
                               is_same_letter(one[i - 1], other[j]);
      if (are_swapped) row.back() = std::min(row.back(), before[j - 1] + 1);
    }
    before = std::exchange(last, std::move(row));
  }
  return last.back();
}

}  // namespace

std::string shortened(const Json& value) {
  if (value.is_object()) return value.empty() ? "{}" : "{…}";
  if (value.is_array()) return value.empty() ? "[]" : "[…]";
  return excerpt(written(value));
}

std::string_view nearest(std::string_view name, std::span<const std::string_view> known) {
  std::string_view best;
  if (name.size() > 64) return best;
  std::size_t best_distance = (name.size() + 2) / 4;
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance <= best_distance && (best.empty() || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string instead_of(std::string_view name, std::span<const std::string_view> known) {
  const std::string_view meant = nearest(name, known);
  if (!meant.empty()) return "; did you mean " + in_quotes(meant) + "?";
  std::string text = "; known here: ";
  for (const std::string_view candidate : known) {
    text += (candidate == known.front() ? "" : ", ") + std::string{candidate};
  }
  return text;
}

std::string Reader::place(std::string_view key) const { return selfscale::place(pointer_, key); }

const Json* Reader::find(std::string_view key) {
  known_.push_back(key);
  const auto found = object_->find(key);
  return found == object_->end() ? nullptr : &*found;
}

std::optional<bool> Reader::flag(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  wrong(key, "must be true or false");
  return std::nullopt;
}

std::optional<std::string> Reader::text(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_string() && !value->get_ref<const std::string&>().empty()) {
    return value->get<std::string>();
  }
  wrong(key, "must be a text that is not empty");
  return std::nullopt;
}

std::optional<double> Reader::number(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) return value->get<double>();
  wrong(key, "must be a number");
  return std::nullopt;
}

std::optional<double> Reader::number(std::string_view key, double least, double most) {
  const auto given = number(key);
  if (!given || (*given >= least && *given <= most)) return given;
  wrong(key, "must lie between " + number_text(least) + " and " + number_text(most));
  return std::nullopt;
}

std::optional<int> Reader::whole(std::string_view key, int least, int most) {
  const auto given = number(key);
  if (!given) return std::nullopt;
  if (*given == std::floor(*given) && *given >= least && *given <= most) {
    return static_cast<int>(*given);
  }
  wrong(key,
        "must be a whole number between " + std::to_string(least) + " and " + std::to_string(most));
  return std::nullopt;
}

std::optional<Duration> Reader::duration(std::string_view key, Bare bare) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) return bare_duration(key, value->get<double>(), bare);
  const auto given =
      value->is_string() ? parse_duration(value->get_ref<const std::string&>()) : std::nullopt;
  if (!given) wrong(key, R"(must be a duration such as "250ms", "90s", "2m" or "1h30m")");
  return given;
}

std::optional<Duration> Reader::bare_duration(std::string_view key, double number, Bare bare) {
  using std::chrono::minutes;
  using std::chrono::seconds;
  if (bare == Bare::seconds_or_minutes && number > 0.0 && number < 30.0) {
    const std::string count = number_text(number);
    wrong(key,
          "is " + count + " seconds or " + count +
              " minutes? There are policies of both kinds, so a number as small as that is not "
              "guessed at; write " +
              in_quotes(count + "s") + " or " + in_quotes(count + "m"));
    return std::nullopt;
  }
  const bool in_minutes = bare == Bare::window && number < 60.0;
  const auto given = duration_of(number, in_minutes ? Duration{minutes{1}} : Duration{seconds{1}});
  if (!given) {
    wrong(key, R"(must be a duration between 0 and a year, in whole milliseconds, such as "90s")");
    return std::nullopt;
  }
  hint(key, "read as " + number_text(number) + (in_minutes ? " minutes" : " seconds") + "; write " +
                in_quotes(to_text(*given)) + " to be sure");
  return given;
}

std::optional<std::string_view> Reader::one_of(std::string_view key,
                                               std::span<const std::string_view> known) {
  const auto given = text(key);
  if (!given) return std::nullopt;
  const auto found = std::find(known.begin(), known.end(), *given);
  if (found != known.end()) return *found;
  wrong(key, "is not known" + instead_of(*given, known));
  return std::nullopt;
}

std::vector<std::string_view> Reader::names() const {
  std::vector<std::string_view> names;
  for (const auto& [key, value] : object_->items()) {
    if (key != "description" && !key.starts_with("x-")) names.emplace_back(key);
  }
  return names;
}

void Reader::object(std::string_view key, const std::function<void(Reader&)>& read) {
  const Json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_object()) return wrong(key, "must be an object: {…}");
  Reader inner{*value, place(key), *findings_};
  read(inner);
  inner.close();
}

void Reader::objects(std::string_view key, const std::function<void(Reader&)>& read) {
  const Json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array()) return wrong(key, "must be a list of objects: [{…}]");
  for (std::size_t i = 0; i < value->size(); ++i) {
    const std::string pointer = place(key) + '/' + std::to_string(i);
    const Json& entry = (*value)[i];
    if (!entry.is_object()) {
      findings_->problems.push_back({pointer, shortened(entry), "must be an object: {…}"});
      continue;
    }
    Reader inner{entry, pointer, *findings_};
    read(inner);
    inner.close();
  }
}

void Reader::refuse(std::string_view key, std::string_view what_it_is) {
  if (find(key) == nullptr) return;
  wrong(key, in_quotes(key) + " is not part of this version: " + std::string{what_it_is});
}

Problem Reader::problem(std::string_view key, std::string message) const {
  const auto found = object_->find(key);
  std::string value;
  if (found != object_->end()) value = is_secret(key, *found) ? "\"***\"" : shortened(*found);
  return {place(key), std::move(value), std::move(message)};
}

void Reader::wrong(std::string_view key, std::string message) {
  findings_->problems.push_back(problem(key, std::move(message)));
}

void Reader::wrong_here(std::string message) {
  findings_->problems.push_back({pointer_, shortened(*object_), std::move(message)});
}

void Reader::hint(std::string_view key, std::string message) {
  findings_->hints.push_back(problem(key, std::move(message)));
}

void Reader::required(std::string_view key, std::string_view example) {
  wrong(key, "is required, for example " + std::string{example});
}

void Reader::accept_rest() {
  for (const auto& [key, value] : object_->items()) known_.push_back(key);
}

void Reader::close() {
  for (const auto& [key, value] : object_->items()) {
    if (key.starts_with("x-")) continue;
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    std::vector<std::string_view> known = known_;
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    wrong(key, "is not a key here" + instead_of(key, known));
  }
}

}  // namespace selfscale
