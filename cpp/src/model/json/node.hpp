/// A JSON value with its place in the document, read with checks: what every file of this folder
/// reads by.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <selfscale/error.hpp>
#include <selfscale/instant.hpp>
#include <string>
#include <string_view>

#include "model/names.hpp"

namespace selfscale {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;  ///< for writing: keys in the documented order

class Node {
 public:
  /// The whole document. Throws Error(malformed) for text that is not a JSON object of a known
  /// version; `what` names it in the message. The version before `latest` is known too.
  static Json parse(std::string_view text, std::string_view what, int latest = 1);

  explicit Node(const Json& value, std::string pointer = {})
      : value_{&value}, pointer_{std::move(pointer)} {}

  /// A member; empty when it is absent or null. Throws unless this is an object.
  [[nodiscard]] std::optional<Node> find(std::string_view key) const;
  [[nodiscard]] Node at(std::string_view key) const;       ///< must be there
  [[nodiscard]] bool is_null(std::string_view key) const;  ///< there, and null
  [[nodiscard]] Node element(std::size_t index) const;

  [[nodiscard]] bool flag() const;
  [[nodiscard]] double number() const;
  [[nodiscard]] std::int64_t integer(
      std::int64_t least = std::numeric_limits<std::int64_t>::min(),
      std::int64_t most = std::numeric_limits<std::int64_t>::max()) const;
  [[nodiscard]] int count() const;  ///< of replicas or events: 0 to 2^31-1
  [[nodiscard]] std::string text() const;
  [[nodiscard]] Instant instant() const;  ///< seconds since the epoch
  [[nodiscard]] Duration duration() const;
  template <class E>
  [[nodiscard]] E choice() const;

  [[nodiscard]] const Json& array() const;
  [[nodiscard]] const Json& object() const;
  [[nodiscard]] const Json& json() const { return *value_; }

  [[noreturn]] void wrong(const std::string& expected) const;
  [[noreturn]] void refuse(const std::string& sentence) const;

 private:
  [[nodiscard]] std::int64_t milliseconds() const;

  const Json* value_;
  std::string pointer_;
};

template <class E>
E Node::choice() const {
  const auto found = named<E>(text());
  if (found) return *found;
  std::string known;
  for (int i = 0; i < 256; ++i) {
    const std::string_view name = name_of(static_cast<E>(static_cast<std::uint8_t>(i)));
    if (name.empty()) break;
    known += (known.empty() ? "" : ", ") + std::string{name};
  }
  wrong("one of " + known);
}

/// Seconds, exact to the millisecond.
double seconds(Duration duration);
double seconds(Instant instant);
/// Null for what never happened or is not known.
template <class T>
OrderedJson or_null(const std::optional<T>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}
OrderedJson or_null(const std::optional<Instant>& instant);
OrderedJson or_null(const std::string& text);
/// A text as an error shows it: 60 bytes of it at most, in whole characters.
std::string excerpt(const std::string& text);
/// One line of JSON; bytes that are no UTF-8 are replaced.
std::string written(const OrderedJson& json);
std::string written(const Json& json);

}  // namespace selfscale
