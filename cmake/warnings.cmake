# Every warning is an error in our own code; third-party headers are SYSTEM includes.
add_library(selfscale_warnings INTERFACE)
target_compile_options(selfscale_warnings INTERFACE -Wall -Wextra -Wconversion)
option(SELFSCALE_WERROR "Treat warnings as errors" OFF)
if(SELFSCALE_WERROR)
  target_compile_options(selfscale_warnings INTERFACE -Werror)
endif()
# The same bits on every machine: no fused multiply-add, no reassociation.
target_compile_options(selfscale_warnings INTERFACE -ffp-contract=off)
# GCC 12 raises -Wmaybe-uninitialized inside Boost under sanitizers, and warns of Asio's fences under
# the thread sanitizer, hundreds of times.
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(selfscale_warnings INTERFACE -Wno-maybe-uninitialized -Wno-tsan)
endif()
# GCC 12 mistakes the frames of Asio's coroutines, which have their own allocation, for mismatched ones, and with full
# optimisation sees overlapping copies in "text" + string (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(selfscale_warnings INTERFACE -Wno-mismatched-new-delete -Wno-restrict)
endif()
