#include "drivers/swarm/options.hpp"

#include "drivers/docker/option_reader.hpp"

namespace selfscale::drivers::swarm {

Result<Options> read_options(std::string_view platform_json, const std::string& service) {
  Options options;
  options.service = service;
  docker::OptionReader reader{platform_json};
  reader.name("service", options.service);
  reader.engine(options.engine);
  reader.seconds("longestWorkSeconds", options.longest_work_seconds);
  reader.flag("mayInterruptWork", options.may_interrupt_work);
  reader.flag("scaleDuringUpdate", options.scale_during_update);
  if (const auto read = reader.result(); !read) return read.error();
  return options;
}

}  // namespace selfscale::drivers::swarm
