#include <cstdio>
#include <string>
#include <vector>

#include "drivers/local/supervisor.hpp"

int main(int count, char** values) {
  namespace local = selfscale::drivers::local;
  auto options = local::parse_options(std::vector<std::string>{values + 1, values + count});
  if (!options) {
    std::fprintf(stderr, "selfscale: %s\n", options.error().message.c_str());
    return 2;
  }
  const auto supervisor = local::Supervisor::make(std::move(options.value()));
  if (!supervisor) {
    std::fprintf(stderr, "selfscale: %s\n", supervisor.error().message.c_str());
    return 1;
  }
  return supervisor.value()->run();
}
