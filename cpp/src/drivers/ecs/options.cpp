#include "drivers/ecs/options.hpp"

#include <nlohmann/json.hpp>

namespace selfscale::drivers::ecs {
namespace {

using Json = nlohmann::json;

class Reader {
 public:
  explicit Reader(const Json& platform) : platform_{platform} {}

  void text(const char* key, std::string& target) {
    if (const Json* value = find(key)) {
      const bool is_name = value->is_string() && !value->get_ref<const std::string&>().empty();
      if (!is_name) return wrong(key, "must be a text that is not empty");
      target = value->get<std::string>();
    }
  }
  void flag(const char* key, bool& target) {
    if (const Json* value = find(key)) {
      if (!value->is_boolean()) return wrong(key, "must be true or false");
      target = value->get<bool>();
    }
  }
  [[nodiscard]] const std::string& mistake() const { return mistake_; }

 private:
  [[nodiscard]] const Json* find(const char* key) const {
    const auto found = platform_.find(key);
    return found == platform_.end() ? nullptr : &*found;
  }
  void wrong(const char* key, const std::string& right) {
    if (mistake_.empty()) mistake_ = std::string{"platform."} + key + " " + right;
  }

  const Json& platform_;
  std::string mistake_;
};

}  // namespace

Result<Options> parse_options(std::string_view platform_json, const std::string& service) {
  auto platform = Json::parse(platform_json, nullptr, /*allow_exceptions=*/false);
  if (!platform.is_object()) platform = Json::object();  // a policy without a platform
  Options options;
  options.place.service = service;
  Reader reader{platform};
  reader.text("cluster", options.place.cluster);
  reader.text("service", options.place.service);
  reader.text("region", options.region);
  reader.text("endpoint", options.endpoint);
  reader.flag("protectBusyTasks", options.protects_busy_tasks);
  reader.flag("takeOver", options.takes_over);
  if (!reader.mistake().empty()) return Failure{Errc::invalid_argument, reader.mistake(), {}};
  return options;
}

}  // namespace selfscale::drivers::ecs
