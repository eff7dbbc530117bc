#include "places.hpp"

namespace selfscale {

std::string fixture(const std::string& path) { return in_repository("tests/fixtures/" + path); }

std::string in_repository(const std::string& path) {
  return std::string{SELFSCALE_REPOSITORY} + "/" + path;
}

std::string python_program() { return SELFSCALE_PYTHON_PROGRAM; }

}  // namespace selfscale
