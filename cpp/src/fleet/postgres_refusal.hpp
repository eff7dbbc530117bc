/// What a PostgreSQL server, or libpq before it, refuses with. Pure.
#pragma once

#include <string>
#include <string_view>

#include "model/result.hpp"

namespace selfscale::fleet {

/// SQLSTATE's classes, PostgreSQL's manual, appendix A.
Errc code_of_sqlstate(std::string_view state);

/// Without the line ends that libpq's words have.
std::string one_line(std::string_view words);

/// Why there is no connection, by libpq's words, which have a server's SQLSTATE where one answered.
Failure refusal_of(std::string_view words, bool needs_password);

}  // namespace selfscale::fleet
