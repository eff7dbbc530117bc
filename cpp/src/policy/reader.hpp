/// Reads JSON objects key by key and notes everything that is wrong with them, with its place.
///
/// A key counts as known once it was asked for, so there is no second list of keys: close() reports
/// the rest, each with the nearest known name.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <selfscale/error.hpp>
#include <selfscale/instant.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace selfscale {

using Json = nlohmann::json;

/// What was found wrong (problems) or odd (hints), in order.
struct Findings {
  std::vector<Problem> problems;
  std::vector<Problem> hints;
};

/// How a number without a unit is read.
enum class Bare {
  seconds,
  seconds_or_minutes,  ///< the guide's interface says minutes, its file seconds: below 30 it is an
                       ///< error that shows both readings
  window,              ///< below 60 minutes, from there on seconds
};

/// JSON text for an error message: short, valid UTF-8, without the inside of objects and lists.
std::string shortened(const Json& value);
/// The known name that was probably meant; empty when none is near.
std::string_view nearest(std::string_view name, std::span<const std::string_view> known);
/// "; did you mean …?", or the list of what is known.
std::string instead_of(std::string_view name, std::span<const std::string_view> known);
/// Reads a document: comments allowed, duplicate keys and depths over 32 are problems.
Json parse_document(std::string_view text, Findings& findings);

class Reader {
 public:
  /// All three outlive the reader.
  Reader(const Json& object, std::string pointer, Findings& findings)
      : object_{&object}, pointer_{std::move(pointer)}, findings_{&findings} {}

  /// The value of a key, or nullptr; the key is known from then on.
  const Json* find(std::string_view key);
  [[nodiscard]] bool has(std::string_view key) const { return object_->contains(key); }
  /// The keys of an object whose keys are names: all but `description` and `x-…`.
  [[nodiscard]] std::vector<std::string_view> names() const;
  [[nodiscard]] std::string place(std::string_view key) const;
  [[nodiscard]] const std::string& pointer() const { return pointer_; }
  [[nodiscard]] Findings& findings() const { return *findings_; }

  std::optional<bool> flag(std::string_view key);
  std::optional<std::string> text(std::string_view key);  ///< not empty
  std::optional<double> number(std::string_view key);
  std::optional<double> number(std::string_view key, double least, double most);
  std::optional<int> whole(std::string_view key, int least, int most);
  std::optional<Duration> duration(std::string_view key, Bare bare = Bare::seconds);
  std::optional<std::string_view> one_of(std::string_view key,
                                         std::span<const std::string_view> known);
  template <class E>
  std::optional<E> choice(std::string_view key,
                          std::span<const std::pair<std::string_view, E>> names);

  /// Reads an object under a key, and closes it.
  void object(std::string_view key, const std::function<void(Reader&)>& read);
  /// Reads each object of a list under a key, and closes it.
  void objects(std::string_view key, const std::function<void(Reader&)>& read);

  /// A key whose meaning does not exist yet: one sentence that names it.
  void refuse(std::string_view key, std::string_view what_it_is);
  void wrong(std::string_view key, std::string message);
  /// The same for the object itself.
  void wrong_here(std::string message);
  void hint(std::string_view key, std::string message);
  void required(std::string_view key, std::string_view example);
  /// Asks for all keys: what they mean is not known here.
  void accept_rest();
  /// Reports every key that nobody asked for, but for `x-…`.
  void close();

 private:
  [[nodiscard]] Problem problem(std::string_view key, std::string message) const;
  std::optional<Duration> bare_duration(std::string_view key, double number, Bare bare);

  const Json* object_;
  std::string pointer_;
  Findings* findings_;
  std::vector<std::string_view> known_{"description"};
};

template <class E>
std::optional<E> Reader::choice(std::string_view key,
                                std::span<const std::pair<std::string_view, E>> names) {
  std::vector<std::string_view> known;
  for (const auto& name : names) known.push_back(name.first);
  const auto given = one_of(key, known);
  if (!given) return std::nullopt;
  for (const auto& [name, value] : names) {
    if (name == *given) return value;
  }
  return std::nullopt;
}

}  // namespace selfscale
