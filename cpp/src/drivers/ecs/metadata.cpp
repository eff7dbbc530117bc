#include "drivers/ecs/metadata.hpp"

#include <nlohmann/json.hpp>

#include "drivers/ecs/operations.hpp"
#include "model/json/document.hpp"
#include "model/json/shallow.hpp"

namespace selfscale::drivers::ecs {

http::Call get_own_task() {
  http::Call call;
  call.target = "/task";
  return call;
}

Result<std::string> parse_own_task(std::string_view answer) {
  const auto arn = text(at(parse_shallow<nlohmann::json>(answer), "TaskARN"));
  auto id = std::string{short_name(arn)};
  if (id.empty()) {
    return Failure{Errc::malformed, "the task's metadata endpoint names no TaskARN", {}};
  }
  return id;
}

}  // namespace selfscale::drivers::ecs
