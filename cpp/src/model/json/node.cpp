#include "model/json/node.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/json/place.hpp"

namespace selfscale {
namespace {

constexpr double latest_seconds = 1e12;  // in milliseconds still exact in a double
constexpr std::size_t longest_excerpt = 60;
constexpr int deepest = 32;  // none of our forms is nearly as deep

std::string in_words(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return excerpt(written(value));
}

/// What is no JSON need not be text, and the parser's words quote it.
std::string as_utf8(const char* words) {
  return Json::parse(written(Json(words))).get<std::string>();
}

/// Deeper values than there is stack could be read, but not be written again.
Json parse_bounded(std::string_view text, const Node& root, std::string_view what) {
  return Json::parse(text, [&](int depth, Json::parse_event_t, Json&) {
    if (depth <= deepest) return true;
    root.refuse("is nested deeper than " + std::to_string(deepest) + " levels, which no " +
                std::string{what} + " needs");
  });
}

}  // namespace

Json Node::parse(std::string_view text, std::string_view what, int latest) {
  Json json;
  const Node root{json};
  try {
    json = parse_bounded(text, root, what);
  } catch (const Json::exception& error) {
    throw Error{Errc::malformed, std::string{what} + " is not JSON: " + as_utf8(error.what())};
  }
  if (!json.is_object()) root.wrong("an object");
  const auto version = root.find("version");
  const int earliest = std::max(1, latest - 1);
  if (version && (version->integer() < earliest || version->integer() > latest)) {
    const std::string known = (earliest < latest ? std::to_string(earliest) + " and " : "") +
                              std::to_string(latest) + (earliest < latest ? " are" : " is");
    version->refuse("version " + version->json().dump() + " of a " + std::string{what} +
                    " is not known here; " + known);
  }
  return json;
}

std::optional<Node> Node::find(std::string_view key) const {
  const auto found = object().find(key);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return Node{*found, place(pointer_, key)};
}

bool Node::is_null(std::string_view key) const {
  const auto found = object().find(key);
  return found != value_->end() && found->is_null();
}

Node Node::at(std::string_view key) const {
  auto member = find(key);
  if (!member) {
    Node{*value_, place(pointer_, key)}.refuse("is missing");
  }
  return *std::move(member);
}

Node Node::element(std::size_t index) const {
  return Node{(*value_)[index], pointer_ + "/" + std::to_string(index)};
}

bool Node::flag() const {
  if (!value_->is_boolean()) wrong("true or false");
  return value_->get<bool>();
}

double Node::number() const {
  if (!value_->is_number()) wrong("a number");
  return value_->get<double>();
}

std::int64_t Node::integer(std::int64_t least, std::int64_t most) const {
  const auto fail = [&] {
    wrong("a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  };
  if (value_->is_number_unsigned()) {
    if (value_->get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
      fail();
    }
  } else if (value_->is_number_float()) {  // 3.0 is three
    const double number = value_->get<double>();
    if (number != std::trunc(number) || std::abs(number) > 9007199254740992.0) fail();
  } else if (!value_->is_number_integer()) {
    fail();
  }
  const auto number = value_->get<std::int64_t>();
  if (number < least || number > most) fail();
  return number;
}

int Node::count() const { return static_cast<int>(integer(0, std::numeric_limits<int>::max())); }

std::string Node::text() const {
  if (!value_->is_string()) wrong("a text");
  return value_->get<std::string>();
}

std::int64_t Node::milliseconds() const {
  const double given = number();
  if (!(given >= 0.0 && given <= latest_seconds)) wrong("a number of seconds from 0 to 10^12");
  return static_cast<std::int64_t>(std::round(given * 1000.0));
}

Instant Node::instant() const { return Instant{Duration{milliseconds()}}; }
Duration Node::duration() const { return Duration{milliseconds()}; }

const Json& Node::array() const {
  if (!value_->is_array()) wrong("a list");
  return *value_;
}

const Json& Node::object() const {
  if (!value_->is_object()) wrong("an object");
  return *value_;
}

void Node::wrong(const std::string& expected) const {
  refuse("is " + in_words(*value_) + ", where " + expected + " belongs");
}

void Node::refuse(const std::string& sentence) const {
  throw Error{Errc::malformed, (pointer_.empty() ? "the document" : pointer_) + ": " + sentence};
}

double seconds(Duration duration) { return static_cast<double>(duration.count()) / 1000.0; }
double seconds(Instant instant) { return seconds(instant.time_since_epoch()); }

OrderedJson or_null(const std::optional<Instant>& instant) {
  return instant ? OrderedJson(seconds(*instant)) : OrderedJson(nullptr);
}
OrderedJson or_null(const std::string& text) {
  return text.empty() ? OrderedJson(nullptr) : OrderedJson(text);
}

std::string excerpt(const std::string& text) {
  if (text.size() <= longest_excerpt) return text;
  std::size_t end = longest_excerpt;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "…";
}

std::string written(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}
std::string written(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace selfscale
