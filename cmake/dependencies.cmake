# System packages win when they are there and new enough; Boost and nlohmann_json come from PyPI otherwise.
find_package(Threads REQUIRED)
find_package(Python 3.10 QUIET COMPONENTS Interpreter)

set(SELFSCALE_HEADERS_PYTHON "" CACHE FILEPATH "The Python whose environment has the header packages, if not the one built for")
set(selfscale_packages_python ${Python_EXECUTABLE})
if(SELFSCALE_HEADERS_PYTHON)
  set(selfscale_packages_python ${SELFSCALE_HEADERS_PYTHON})
endif()

# The include folder of a header-only package in the Python environment, or an empty string. The package is not imported:
# it may need more at run time than its headers do.
function(selfscale_python_headers package result)
  set(${result} "" PARENT_SCOPE)
  if(NOT selfscale_packages_python)
    return()
  endif()
  execute_process(
    COMMAND ${selfscale_packages_python} -c
      "import importlib.util, pathlib; print(pathlib.Path(importlib.util.find_spec('${package}').origin).parent / 'include')"
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed AND IS_DIRECTORY "${folder}")
    set(${result} "${folder}" PARENT_SCOPE)
  endif()
endfunction()

function(selfscale_need target package hint)
  if(NOT TARGET ${target})
    message(FATAL_ERROR "selfscale needs ${package}: ${hint}")
  endif()
endfunction()

if(POLICY CMP0167) # CMake's own FindBoost is gone: Boost brings its configuration
  cmake_policy(SET CMP0167 NEW)
endif()
set(SELFSCALE_BOOST_VERSION 1.84)
find_package(Boost ${SELFSCALE_BOOST_VERSION} QUIET)
if(NOT TARGET Boost::headers)
  selfscale_python_headers(libboost_headers boost_include)
  if(boost_include)
    add_library(Boost::headers INTERFACE IMPORTED)
    target_include_directories(Boost::headers SYSTEM INTERFACE ${boost_include})
  endif()
endif()
selfscale_need(Boost::headers "Boost ${SELFSCALE_BOOST_VERSION} or later (headers)" "pip install libboost-headers")

# Asio and Beast are compiled once (cpp/src/http/*_impl.cpp), not in every file that includes them.
add_compile_definitions(BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)

find_package(nlohmann_json 3.11 QUIET)
if(NOT TARGET nlohmann_json::nlohmann_json)
  selfscale_python_headers(nlohmann_json json_include)
  if(json_include)
    add_library(nlohmann_json::nlohmann_json INTERFACE IMPORTED)
    target_include_directories(nlohmann_json::nlohmann_json SYSTEM INTERFACE ${json_include})
  endif()
endif()
selfscale_need(nlohmann_json::nlohmann_json "nlohmann_json 3.11 or later (headers)" "pip install nlohmann-json")

find_package(spdlog QUIET)
selfscale_need(spdlog::spdlog "spdlog" "apt-get install libspdlog-dev")

find_package(SQLite3 QUIET)
if(TARGET SQLite::SQLite3 AND NOT TARGET SQLite3::SQLite3) # the name before CMake 4.3
  add_library(SQLite3::SQLite3 ALIAS SQLite::SQLite3)
endif()
selfscale_need(SQLite3::SQLite3 "SQLite 3" "apt-get install libsqlite3-dev")

find_package(OpenSSL 3.0 QUIET COMPONENTS SSL Crypto)
selfscale_need(OpenSSL::SSL "OpenSSL 3.0 or later" "apt-get install libssl-dev")

find_path(SELFSCALE_YAML_INCLUDE yaml.h)
find_library(SELFSCALE_YAML_LIBRARY yaml)
if(SELFSCALE_YAML_INCLUDE AND SELFSCALE_YAML_LIBRARY)
  add_library(yaml INTERFACE IMPORTED)
  target_include_directories(yaml SYSTEM INTERFACE ${SELFSCALE_YAML_INCLUDE})
  target_link_libraries(yaml INTERFACE ${SELFSCALE_YAML_LIBRARY})
endif()
selfscale_need(yaml "LibYAML" "apt-get install libyaml-dev")

# Of libpq the headers alone: it is loaded when a fleet first meets at PostgreSQL (cpp/src/fleet/libpq.hpp).
find_package(PostgreSQL QUIET)
if(PostgreSQL_FOUND)
  add_library(libpq_headers INTERFACE IMPORTED)
  target_include_directories(libpq_headers SYSTEM INTERFACE ${PostgreSQL_INCLUDE_DIR})
  target_link_libraries(libpq_headers INTERFACE ${CMAKE_DL_LIBS})
endif()
selfscale_need(libpq_headers "libpq" "apt-get install libpq-dev")

# Reads the system's zone data. Without it zones are those of the copy that the build makes (cmake/zones.cmake).
find_path(SELFSCALE_CCTZ_INCLUDE cctz/time_zone.h)
find_library(SELFSCALE_CCTZ_LIBRARY cctz)
if(SELFSCALE_CCTZ_INCLUDE AND SELFSCALE_CCTZ_LIBRARY)
  add_library(cctz INTERFACE IMPORTED)
  target_include_directories(cctz SYSTEM INTERFACE ${SELFSCALE_CCTZ_INCLUDE})
  target_link_libraries(cctz INTERFACE ${SELFSCALE_CCTZ_LIBRARY})
endif()

if(SELFSCALE_TESTS)
  find_package(GTest QUIET)
  selfscale_need(GTest::gtest_main "GoogleTest" "apt-get install libgtest-dev")
  find_path(SELFSCALE_RAPIDCHECK_INCLUDE rapidcheck.h)
  find_library(SELFSCALE_RAPIDCHECK_LIBRARY rapidcheck)
  if(SELFSCALE_RAPIDCHECK_INCLUDE AND SELFSCALE_RAPIDCHECK_LIBRARY)
    add_library(rapidcheck INTERFACE IMPORTED)
    target_include_directories(rapidcheck SYSTEM INTERFACE ${SELFSCALE_RAPIDCHECK_INCLUDE})
    target_link_libraries(rapidcheck INTERFACE ${SELFSCALE_RAPIDCHECK_LIBRARY})
  endif()
  selfscale_need(rapidcheck "RapidCheck" "apt-get install librapidcheck-dev")
endif()

if(SELFSCALE_BENCHMARKS)
  find_package(benchmark QUIET)
  selfscale_need(benchmark::benchmark "Google Benchmark" "apt-get install libbenchmark-dev")
endif()
