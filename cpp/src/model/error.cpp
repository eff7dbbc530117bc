#include <selfscale/error.hpp>
