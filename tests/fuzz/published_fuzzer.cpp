// What another agent published is let through as status and metrics take it, or refused.
#include "agent/published.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

void read(std::string_view text) {
  const auto checked = agent::check_published(text);
  const auto said = agent::parse_published(text);
  if (!checked) {
    hold(!checked.error().message.empty(), "a refusal has words");
  } else {
    hold(said.at("service").is_string() && said.at("replicas").is_object(), "it is of a service");
    hold(said.at("decision").at("recommendation").is_object(), "it recommends something");
  }
  if (said.is_discarded()) return;
  const auto copy = said;
  const auto written = copy.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  hold(!written.empty(), "it can be copied and written");
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
