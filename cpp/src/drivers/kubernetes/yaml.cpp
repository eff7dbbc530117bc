#include "drivers/kubernetes/yaml.hpp"

#include <yaml.h>

#include <string>
#include <utility>

namespace selfscale::drivers::kubernetes {
namespace {

using Json = nlohmann::json;

constexpr int deepest = 32;

/// One event of the parser, freed with its owner.
class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { ::yaml_event_delete(&event_); }

  bool parse(yaml_parser_t& parser) { return ::yaml_parser_parse(&parser, &event_) == 1; }
  [[nodiscard]] yaml_event_type_t type() const { return event_.type; }
  [[nodiscard]] std::size_t line() const { return event_.start_mark.line + 1; }
  [[nodiscard]] bool has_anchor() const {
    switch (event_.type) {
      case YAML_ALIAS_EVENT:
        return true;
      case YAML_SCALAR_EVENT:
        return event_.data.scalar.anchor != nullptr;
      case YAML_SEQUENCE_START_EVENT:
        return event_.data.sequence_start.anchor != nullptr;
      case YAML_MAPPING_START_EVENT:
        return event_.data.mapping_start.anchor != nullptr;
      default:
        return false;
    }
  }
  [[nodiscard]] std::string text() const {
    const auto& scalar = event_.data.scalar;
    return {reinterpret_cast<const char*>(scalar.value), scalar.length};
  }
  [[nodiscard]] bool is_plain() const {
    return event_.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  }

 private:
  yaml_event_t event_{};
};

Json value_of(const Event& scalar) {
  auto text = scalar.text();
  if (!scalar.is_plain()) return text;
  if (text == "true") return true;
  if (text == "false") return false;
  if (text.empty() || text == "null" || text == "~") return nullptr;
  return text;
}

class Document {
 public:
  explicit Document(std::string_view text) {
    ::yaml_parser_initialize(&parser_);
    ::yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                   text.size());
  }
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;
  ~Document() { ::yaml_parser_delete(&parser_); }

  Result<Json> read() {
    Json root;
    bool is_whole = pass(YAML_STREAM_START_EVENT);
    Event first;
    is_whole = is_whole && next(first);
    if (is_whole && first.type() == YAML_STREAM_END_EVENT) return root;  // an empty file
    is_whole = is_whole && read_value(root, 0) && pass(YAML_DOCUMENT_END_EVENT) &&
               pass(YAML_STREAM_END_EVENT);
    if (is_whole) return root;
    return Failure{Errc::malformed, "line " + std::to_string(line_) + ": " + wrong_, {}};
  }

 private:
  bool next(Event& event) {
    if (!event.parse(parser_)) {
      line_ = parser_.problem_mark.line + 1;
      return refuse(parser_.problem == nullptr ? "this is no YAML" : parser_.problem);
    }
    line_ = event.line();
    return !event.has_anchor() || refuse("anchors and aliases are not read");
  }
  bool pass(yaml_event_type_t type) {
    Event event;
    return next(event) && (event.type() == type || refuse("one document is expected"));
  }
  bool refuse(std::string why) {
    wrong_ = std::move(why);
    return false;
  }

  bool read_value(Json& value, int depth) {
    Event event;
    return next(event) && read_value(event, value, depth);
  }
  bool read_value(const Event& event, Json& value, int depth) {
    if (depth == deepest) return refuse("deeper than " + std::to_string(deepest));
    switch (event.type()) {
      case YAML_SCALAR_EVENT:
        value = value_of(event);
        return true;
      case YAML_SEQUENCE_START_EVENT:
        return read_list(value, depth);
      case YAML_MAPPING_START_EVENT:
        return read_object(value, depth);
      default:
        return refuse("a value is missing");
    }
  }
  bool read_list(Json& list, int depth) {
    list = Json::array();
    for (;;) {
      Event event;
      if (!next(event)) return false;
      if (event.type() == YAML_SEQUENCE_END_EVENT) return true;
      if (!read_value(event, list.emplace_back(), depth + 1)) return false;
    }
  }
  bool read_object(Json& object, int depth) {
    object = Json::object();
    for (;;) {
      Event event;
      if (!next(event)) return false;
      if (event.type() == YAML_MAPPING_END_EVENT) return true;
      if (event.type() != YAML_SCALAR_EVENT) return refuse("a key is a text");
      const auto key = event.text();
      if (object.contains(key)) return refuse("the key \"" + key + "\" stands there twice");
      if (!read_value(object[key], depth + 1)) return false;
    }
  }

  yaml_parser_t parser_{};
  std::size_t line_ = 1;
  std::string wrong_;
};

}  // namespace

Result<Json> parse_yaml(std::string_view text) { return Document{text}.read(); }

}  // namespace selfscale::drivers::kubernetes
