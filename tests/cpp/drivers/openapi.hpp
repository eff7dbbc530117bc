/// Holds requests and answers against an OpenAPI document. A property that it does not know is
/// wrong.
#pragma once

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace selfscale::drivers {

class OpenApi {
 public:
  using Json = nlohmann::json;

  explicit OpenApi(const std::string& path) {
    std::ifstream file{path};
    if (!file) throw std::runtime_error{path + " is not there"};
    file >> document_;
  }

  /// What is wrong with a request; empty: nothing.
  [[nodiscard]] std::string wrong_request(const std::string& method, const std::string& target,
                                          const std::string& type, const std::string& body) const {
    const auto* operation = find(method, target);
    if (operation == nullptr) return "there is no " + method + " " + target;
    for (const auto& name : query_names(target)) {
      const auto& known = (*operation)["parameters"];
      if (std::find(known.begin(), known.end(), name) == known.end()) return "query " + name;
    }
    if (!operation->contains("request")) return body.empty() ? "" : "it has a body";
    if (!takes((*operation)["requestTypes"], type)) return "Content-Type " + type;
    return wrong_body((*operation)["request"], body);
  }

  /// What is wrong with a good answer to it.
  [[nodiscard]] std::string wrong_answer(const std::string& method, const std::string& target,
                                         const std::string& body) const {
    const auto* operation = find(method, target);
    if (operation == nullptr) return "there is no " + method + " " + target;
    if (!operation->contains("response")) return body.empty() ? "" : "it has a body";
    return wrong_body((*operation)["response"], body);
  }
  /// The same of a document that has each status' answer; one without a schema has no body.
  [[nodiscard]] std::string wrong_answer(const std::string& method, const std::string& target,
                                         int status, const std::string& body) const {
    const auto* operation = find(method, target);
    if (operation == nullptr) return "there is no " + method + " " + target;
    const auto schema = (*operation)["responses"].find(std::to_string(status));
    if (schema == (*operation)["responses"].end()) return "no status " + std::to_string(status);
    if (schema->is_null()) return body.empty() ? "" : "it has a body";
    return wrong_body(*schema, body);
  }

 private:
  static std::vector<std::string> split(std::string_view text, char at) {
    std::vector<std::string> parts;
    std::stringstream stream{std::string{text}};
    for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
    return parts;
  }
  static std::vector<std::string> query_names(const std::string& target) {
    const auto mark = target.find('?');
    std::vector<std::string> names;
    if (mark == std::string::npos) return names;
    for (const auto& each : split(target.substr(mark + 1), '&')) {
      names.push_back(each.substr(0, each.find('=')));
    }
    return names;
  }
  static bool fits(const std::string& pattern, const std::string& path) {
    const auto expected = split(pattern, '/');
    const auto given = split(path, '/');
    return expected.size() == given.size() &&
           std::equal(expected.begin(), expected.end(), given.begin(),
                      [](const std::string& part, const std::string& there) {
                        return part.starts_with('{') || part == there;
                      });
  }
  static bool takes(const Json& types, const std::string& type) {
    return std::find(types.begin(), types.end(), type) != types.end() ||
           (type == "application/json" && types.front() == "*/*");
  }

  [[nodiscard]] const Json* find(std::string method, const std::string& target) const {
    for (auto& letter : method) letter = static_cast<char>(std::tolower(letter));
    const auto path = target.substr(0, target.find('?'));
    for (const auto& [pattern, operations] : document_["paths"].items()) {
      if (fits(pattern, path) && operations.contains(method)) return &operations[method];
    }
    return nullptr;
  }

  [[nodiscard]] std::string wrong_body(const Json& schema, const std::string& body) const {
    const auto value = Json::parse(body, nullptr, /*allow_exceptions=*/false);
    return value.is_discarded() ? "it is no JSON" : wrong(value, schema, "");
  }

  [[nodiscard]] std::string wrong(const Json& value, const Json& schema,
                                  const std::string& place) const {
    if (schema.contains("$ref")) {
      const auto pointer = schema["$ref"].get<std::string>().substr(1);
      return wrong(value, document_.at(Json::json_pointer{pointer}), place);
    }
    for (const auto& part : schema.value("allOf", Json::array())) {
      if (auto found = wrong(value, part, place); !found.empty()) return found;
    }
    if (schema.contains("oneOf")) {
      const auto& ways = schema["oneOf"];
      const bool is_one = std::any_of(ways.begin(), ways.end(), [&](const Json& way) {
        return wrong(value, way, place).empty();
      });
      return is_one ? "" : place + " is none of what it may be";
    }
    if (value.is_null() && schema.value("nullable", false)) return {};
    if (schema.contains("enum")) {
      const auto& words = schema["enum"];
      if (std::find(words.begin(), words.end(), value) == words.end()) {
        return place + " is none of " + words.dump();
      }
    }
    if (value.is_number() &&
        (value < schema.value("minimum", value) || value > schema.value("maximum", value))) {
      return place + " is out of its range";
    }
    const auto type = schema.value("type", "");
    if (type == "object") return wrong_object(value, schema, place);
    if (type == "array") return wrong_list(value, schema, place);
    const bool is_right = type.empty() || (type == "string" && value.is_string()) ||
                          (type == "integer" && value.is_number_integer()) ||
                          (type == "number" && value.is_number()) ||
                          (type == "boolean" && value.is_boolean());
    return is_right ? "" : place + " is no " + type;
  }

  [[nodiscard]] std::string wrong_list(const Json& value, const Json& schema,
                                       const std::string& place) const {
    if (!value.is_array()) return place + " is no array";
    for (std::size_t i = 0; i < value.size(); ++i) {
      auto found = wrong(value[i], schema["items"], place + "/" + std::to_string(i));
      if (!found.empty()) return found;
    }
    return {};
  }

  [[nodiscard]] std::string wrong_object(const Json& value, const Json& schema,
                                         const std::string& place) const {
    if (!value.is_object()) return place + " is no object";
    for (const auto& name : schema.value("required", Json::array())) {
      if (!value.contains(name)) return place + " lacks " + name.get<std::string>();
    }
    const bool is_free = !schema.contains("properties");
    for (const auto& [name, each] : value.items()) {
      const auto inner = place + "/" + name;
      if (is_free) {
        if (!schema.contains("additionalProperties")) continue;
        if (auto found = wrong(each, schema["additionalProperties"], inner); !found.empty()) {
          return found;
        }
        continue;
      }
      if (!schema["properties"].contains(name)) return inner + " is not known";
      if (auto found = wrong(each, schema["properties"][name], inner); !found.empty()) return found;
    }
    return {};
  }

  Json document_;
};

}  // namespace selfscale::drivers
