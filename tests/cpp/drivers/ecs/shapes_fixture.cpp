#include "drivers/ecs/shapes_fixture.hpp"

#include <fstream>
#include <stdexcept>

#include "places.hpp"

namespace selfscale::drivers::ecs {
namespace {

using Json = nlohmann::json;

Json load(const std::string& file) {
  std::ifstream stream{fixture("aws/" + file)};
  if (!stream) throw std::runtime_error{"tests/fixtures/aws/" + file + " is not there"};
  return Json::parse(stream);
}

const Json& document(Api api) {
  static const Json ecs = load("ecs.json");
  static const Json scaling = load("application-autoscaling.json");
  return api == Api::ecs ? ecs : scaling;
}

std::string difference(const Json& shapes, const std::string& name, const Json& value,
                       const std::string& at);

std::string mismatch_of_members(const Json& shapes, const Json& shape, const Json& value,
                                const std::string& at) {
  for (const auto& key : shape.value("required", Json::array())) {
    if (!value.contains(key)) return at + "/" + key.get<std::string>() + ": is needed";
  }
  for (const auto& [key, member] : value.items()) {
    if (!shape["members"].contains(key)) return at + "/" + key + ": no such member";
    auto wrong = difference(shapes, shape["members"][key], member, at + "/" + key);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

std::string mismatch_of_text(const Json& shape, const Json& value, const std::string& at) {
  if (!value.is_string()) return at + ": must be a string";
  for (const auto& allowed : shape.value("enum", Json::array({value}))) {
    if (allowed == value) return {};
  }
  return at + ": " + value.dump() + " is not one of " + shape["enum"].dump();
}

std::string difference(const Json& shapes, const std::string& name, const Json& value,
                       const std::string& at) {
  const Json& shape = shapes.at(name);
  const std::string type = shape["type"];
  if (type == "structure") {
    if (!value.is_object()) return at + ": must be an object";
    return mismatch_of_members(shapes, shape, value, at);
  }
  if (type == "list") {
    if (!value.is_array()) return at + ": must be a list";
    for (std::size_t i = 0; i < value.size(); ++i) {
      auto wrong = difference(shapes, shape["member"], value[i], at + "/" + std::to_string(i));
      if (!wrong.empty()) return wrong;
    }
    return {};
  }
  if (type == "string") return mismatch_of_text(shape, value, at);
  const bool fits = (type == "boolean" && value.is_boolean()) ||
                    ((type == "integer" || type == "long") && value.is_number_integer()) ||
                    ((type == "timestamp" || type == "double") && value.is_number()) ||
                    (type == "map" && value.is_object());
  return fits ? std::string{} : at + ": must be a " + type;
}

std::string mismatch_of(Api api, const std::string& operation, const char* side, const Json& body) {
  const Json& all = document(api);
  if (!all["operations"].contains(operation)) return "no such operation: " + operation;
  return difference(all["shapes"], all["operations"][operation][side], body, "");
}

}  // namespace

std::string mismatch_of_request(Api api, const std::string& operation, const Json& body) {
  return mismatch_of(api, operation, "input", body);
}

std::string mismatch_of_answer(Api api, const std::string& operation, const Json& body) {
  return mismatch_of(api, operation, "output", body);
}

}  // namespace selfscale::drivers::ecs
