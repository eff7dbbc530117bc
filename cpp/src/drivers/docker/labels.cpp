#include "drivers/docker/labels.hpp"

#include "drivers/docker/document.hpp"

namespace selfscale::drivers::docker {

Labels parse_labels(std::string_view body) {
  const auto container = parse(body);
  const auto& all = at(container, "Config", "Labels");
  Labels labels;
  if (!all.is_object()) return labels;
  for (const auto& [name, value] : all.items()) {
    labels.emplace(name, text(value));
  }
  return labels;
}

}  // namespace selfscale::drivers::docker
