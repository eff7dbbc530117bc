#include "drivers/compose/options.hpp"

#include "drivers/docker/option_reader.hpp"

namespace selfscale::drivers::compose {

Result<Options> read_options(std::string_view platform_json, const std::string& service,
                             const std::string& usual_project) {
  Options options;
  options.target = {usual_project, service};
  docker::OptionReader reader{platform_json};
  reader.name("service", options.target.service);
  reader.text("project", options.target.project);
  reader.engine(options.engine);
  reader.seconds("gracePeriodSeconds", options.grace_seconds);
  if (const auto read = reader.result(); !read) return read.error();
  return options;
}

}  // namespace selfscale::drivers::compose
