// The labels of a container: those that its answer has, or none.
#include "drivers/docker/labels.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

void read(std::string_view text) {
  const auto labels = drivers::docker::parse_labels(text);
  if (labels.empty()) return;
  const Json document = Json::parse(text, nullptr, false);
  hold(!document.is_discarded(), "labels stand in JSON");
  const auto& all = document["Config"]["Labels"];
  hold(all.size() == labels.size(), "there are as many");
  for (const auto& [name, value] : labels) {
    hold(all.contains(name), "each is there: " + name);
    hold(!all[name].is_string() || all[name] == value, "with its text: " + value);
  }
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
