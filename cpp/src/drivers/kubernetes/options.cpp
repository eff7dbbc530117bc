#include "drivers/kubernetes/options.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace selfscale::drivers::kubernetes {
namespace {

using Json = nlohmann::json;

constexpr std::size_t longest_name = 253;

Failure wrong(const std::string& key, const std::string& value, const std::string& right) {
  return Failure{Errc::invalid_argument, "platform." + key + " is " + value + "; " + right, {}};
}

/// Reads an optional text into `value`.
Result<void> read_text(const Json& platform, const char* key, std::string& value) {
  const auto found = platform.find(key);
  if (found == platform.end()) return {};
  if (!found->is_string()) return wrong(key, found->dump(), "a text is needed");
  value = found->get<std::string>();
  return {};
}

Result<void> read_flag(const Json& platform, const char* key, bool& value) {
  const auto found = platform.find(key);
  if (found == platform.end()) return {};
  if (!found->is_boolean()) return wrong(key, found->dump(), "true or false is needed");
  value = found->get<bool>();
  return {};
}

Result<void> read_name(const Json& platform, const char* key, std::string& value) {
  const auto read = read_text(platform, key, value);
  if (!read || !platform.contains(key) || is_name(value)) return read;
  return wrong(key, platform[key].dump(), "a name has small letters, digits, \"-\" and \".\"");
}

}  // namespace

bool is_name(std::string_view text) {
  const auto fits = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '-' ||
           letter == '.';
  };
  return !text.empty() && text.size() <= longest_name &&
         std::all_of(text.begin(), text.end(), fits) && text.front() != '.' && text.front() != '-';
}

Result<Options> read_options(std::string_view platform_json, const std::string& service) {
  const auto platform = Json::parse(platform_json, nullptr, /*allow_exceptions=*/false);
  Options options;
  auto& target = options.target;
  if (!platform.is_object()) {
    target.name = service;
  } else {
    const bool is_stateful = platform.contains("statefulSet");
    if (is_stateful && platform.contains("deployment")) {
      return wrong("statefulSet", platform["statefulSet"].dump(),
                   "it cannot stand beside a deployment: one policy scales one of them");
    }
    target.kind = is_stateful ? Kind::stateful_set : Kind::deployment;
    target.name = service;
    for (const auto& read :
         {read_name(platform, "namespace", target.name_space),
          read_name(platform, is_stateful ? "statefulSet" : "deployment", target.name),
          read_text(platform, "kubeconfig", options.kubeconfig),
          read_text(platform, "context", options.context),
          read_flag(platform, "takeOver", options.takes_over)}) {
      if (!read) return read.error();
    }
  }
  if (!is_name(target.name)) {
    return Failure{Errc::invalid_argument,
                   "the service \"" + target.name +
                       "\" is no name of a Deployment: name that in platform.deployment",
                   {}};
  }
  return options;
}

std::string_view kind_name(Kind kind) noexcept {
  return kind == Kind::deployment ? "Deployment" : "StatefulSet";
}

std::string_view resource_name(Kind kind) noexcept {
  return kind == Kind::deployment ? "deployments" : "statefulsets";
}

}  // namespace selfscale::drivers::kubernetes
