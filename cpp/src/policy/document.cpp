// The text of a document as JSON. The parser reports events; here they become values, with the
// place of each, so that a key given twice can be named.
#include <algorithm>

#include "policy/reader.hpp"

namespace selfscale {
namespace {

constexpr std::size_t deepest = 32;
constexpr std::string_view spaces = " \t\r\n";

/// The last sign of what the parser has taken; a text is known by its first. NUL: there is none.
char last_sign(std::string_view text) {
  char last = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("//")) {
      i = std::min(text.find_first_of("\r\n", i), text.size());
    } else if (rest.starts_with("/*")) {
      i = std::min(text.find("*/", i + 2), text.size()) + 1;
    } else if (spaces.find(text[i]) == std::string_view::npos) {
      last = text[i];
      if (last != '"') continue;
      while (++i < text.size() && text[i] != '"') i += text[i] == '\\' ? 1 : 0;
    }
  }
  return last;
}

class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view text, Findings& findings) : text_{text}, findings_{findings} {}

  Json take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return shut(); }
  bool end_array() override { return shut(); }

  bool key(string_t& name) override {
    if (open_.back()->contains(name)) {
      Reader reader{*open_.back(), pointer(), findings_};
      reader.wrong(name, "stands twice in this object; keep one");
    }
    keys_.back() = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string& last_read,
                   const Json::exception& failure) override {
    findings_.problems.push_back({"", "",
                                  where(position) + reason(failure.what(), last_read) +
                                      slip(position) + unless_meant_as_json()});
    return false;
  }

 private:
  bool add(Json value) {
    place(std::move(value));
    return true;
  }

  Json* place(Json value) {
    if (open_.empty()) return &(root_ = std::move(value));
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[keys_.back()] = std::move(value));
  }

  bool open(Json container) {
    if (open_.size() == deepest) {
      findings_.problems.push_back(
          {pointer(), "",
           "is nested deeper than " + std::to_string(deepest) + " levels, which no policy needs"});
      return false;
    }
    open_.push_back(place(std::move(container)));
    keys_.emplace_back();
    return true;
  }

  bool shut() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }

  /// Of the innermost open container.
  std::string pointer() {
    std::string text;
    for (std::size_t i = 0; i + 1 < open_.size(); ++i) {
      const Json& parent = *open_[i];
      const std::string step = parent.is_array() ? std::to_string(parent.size() - 1) : keys_[i];
      text = Reader{parent, text, findings_}.place(step);
    }
    return text;
  }

  [[nodiscard]] std::string where(std::size_t position) const {
    const std::string_view before = text_.substr(0, position == 0 ? 0 : position - 1);
    const auto newlines = std::count(before.begin(), before.end(), '\n');
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    return "is not JSON at line " + std::to_string(newlines + 1) + ", column " +
           std::to_string(before.size() - line_start + 1) + ": ";
  }

  /// The parser's words without its own prefix and without what it has just read, which need not be
  /// text.
  static std::string reason(std::string words, const std::string& last_read) {
    if (const auto from = words.find("- "); from != std::string::npos) words.erase(0, from + 2);
    if (words.starts_with('[')) words.erase(0, words.find("] ") + 2);
    const std::string quoted = "; last read: '" + last_read + "'";
    if (const auto from = words.find(quoted); from != std::string::npos) {
      words.erase(from, quoted.size());
    }
    return words;
  }

  /// What other languages allow, said in words.
  [[nodiscard]] std::string slip(std::size_t position) const {
    if (position > text_.size()) return "";  // it ends too early
    const std::string_view read = text_.substr(0, position);
    if (read.ends_with('\'') && !read.ends_with("\\'")) return "; texts stand in double quotes";
    const bool is_end = read.ends_with('}') || read.ends_with(']');
    if (!is_end || last_sign(read.substr(0, read.size() - 1)) != ',') return "";
    return std::string{"; the comma before "} + read.back() + " is one too many";
  }

  /// A document that does not begin as JSON does is YAML more often than not.
  [[nodiscard]] std::string unless_meant_as_json() const {
    const char first = text_[text_.find_first_not_of(spaces)];
    if (first == '{' || first == '[' || first == '/') return "";
    return R"(; a policy is JSON, not YAML: {"policies": [{"service": "backend", …}]})";
  }

  std::string_view text_;
  Findings& findings_;
  Json root_;
  std::vector<Json*> open_;        // from the root inwards; a container does not move while open
  std::vector<std::string> keys_;  // beside `open_`: the key being read
};

}  // namespace

Json parse_document(std::string_view text, Findings& findings) {
  if (text.find_first_not_of(spaces) == std::string_view::npos) {
    findings.problems.push_back(
        {"", "",
         R"(is empty; the least is {"policies": [{"service": "backend", "preset": "balanced"}]})"});
    return {};
  }
  Builder builder{text, findings};
  if (!Json::sax_parse(text, &builder, Json::input_format_t::json, true, true)) return {};
  return builder.take();
}

}  // namespace selfscale
