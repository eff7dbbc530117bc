/// Where tests find what is not C++. Only places.cpp knows the paths of this clone: all else
/// compiles to the same in another one, and comes out of a cache.
#pragma once

#include <string>

namespace selfscale {

/// "tests/fixtures/PATH" of the repository.
std::string fixture(const std::string& path);
std::string in_repository(const std::string& path);
/// A Python with the packages that the build takes headers from.
std::string python_program();

}  // namespace selfscale
