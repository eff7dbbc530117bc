# The zones that a build knows by itself: a copy of the zone data, for machines that have none (cmake/zone_copy.py).
if(NOT selfscale_packages_python)
  message(FATAL_ERROR "selfscale needs Python 3.10 or later for its build: apt-get install python3")
endif()
set(zones_folder ${CMAKE_CURRENT_BINARY_DIR}/zones)
file(MAKE_DIRECTORY ${zones_folder})
add_custom_command(
  OUTPUT ${zones_folder}/zone_copy.inc
  COMMAND ${selfscale_packages_python} ${PROJECT_SOURCE_DIR}/cmake/zone_copy.py ${zones_folder}/zone_copy.inc 2000 2100
  DEPENDS ${PROJECT_SOURCE_DIR}/cmake/zone_copy.py
  COMMENT "Copying the zone data" VERBATIM)
target_sources(selfscale_policy PRIVATE ${zones_folder}/zone_copy.inc)
target_include_directories(selfscale_policy PRIVATE ${zones_folder})
target_compile_definitions(selfscale_policy PRIVATE SELFSCALE_HAS_CCTZ=$<TARGET_EXISTS:cctz>)
