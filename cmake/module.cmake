# CMake wants a source even of a library that is made of other libraries.
set(SELFSCALE_EMPTY_SOURCE ${PROJECT_BINARY_DIR}/empty.cpp)
file(CONFIGURE OUTPUT ${SELFSCALE_EMPTY_SOURCE} CONTENT "")

# One folder under cpp/src is one module, one target, one box of the architecture.
#   selfscale_module(decide USES policy LIBRARIES Boost::headers)
# USES names the modules it may include; a test checks that it includes no other.
function(selfscale_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "USES;LIBRARIES;EXCLUDE")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cpp/src/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_main\\.cpp$")
  foreach(pattern IN LISTS arg_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${pattern}")
  endforeach()
  if(NOT sources)
    set(sources ${SELFSCALE_EMPTY_SOURCE})
  endif()
  add_library(selfscale_${name} STATIC ${sources})
  target_include_directories(selfscale_${name} PUBLIC
    ${PROJECT_SOURCE_DIR}/cpp/include ${PROJECT_SOURCE_DIR}/cpp/src)
  target_compile_definitions(selfscale_${name} PRIVATE SELFSCALE_BUILDING)
  target_link_libraries(selfscale_${name} PRIVATE selfscale_warnings PUBLIC ${arg_LIBRARIES})
  foreach(used IN LISTS arg_USES)
    target_link_libraries(selfscale_${name} PUBLIC selfscale_${used})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY SELFSCALE_MODULES ${name})
endfunction()
