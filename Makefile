# Two doors: `make demo` and `make test`. Everything they need they install, the first time.
SHELL := /bin/bash
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/setup# what is installed there; gone with it
SOURCES := $(shell find cpp cmake python CMakeLists.txt -type f -not -name '*.so' -not -path '*/__pycache__/*')

.DEFAULT_GOAL := help
.PHONY: help demo test check test-cpp test-sanitized test-portable test-python test-pythons test-isolated test-clang fuzz histories soak tidy format bench clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(SETUP)/demo  ## a real app scales itself under recorded load; options: make demo ARGS="--quick --output out"
	@$(BIN)/selfscale demo $(ARGS)

test: $(SETUP)/test  ## everything: C++, sanitizers, portable build, Python, integration, notebook, examples, demo
	@tools/test all

check: $(SETUP)/test  ## formatting, linting, types
	@tools/test check

test-cpp:  ## the C++ suite, quickly
test-python:  ## the Python suite: unit tests, real engines and servers, notebook, examples
test-sanitized:  ## the C++ suite under the address, undefined-behaviour and thread sanitizers
test-portable:  ## the C++ suite of the build that knows no Linux
test-pythons:  ## the Python suite under every other interpreter of this machine
test-isolated:  ## a wheel as a stranger's pip builds it
test-clang:  ## everything compiles with clang 14
test-cpp test-sanitized test-portable test-python test-pythons test-isolated test-clang: $(SETUP)/test
	@tools/test $(@:test-%=%)

fuzz: $(SETUP)/test  ## random texts against every parser, a minute for each
	@FUZZ_SECONDS=60 tools/test fuzz

histories: $(SETUP)/test  ## every property of decisions on 100 000 histories
	@tools/test histories

soak: $(SETUP)/test  ## a week of an agent, compressed into minutes: memory, descriptors, counts
	@tools/test soak

tidy: $(SETUP)/test  ## clang-tidy on every C++ file; takes a while
	@tools/test tidy

format: $(SETUP)/test  ## rewrite all sources in the house style
	@git ls-files '*.cpp' '*.hpp' | xargs $(BIN)/clang-format -i
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .

bench: $(SETUP)/test  ## benchmarks against their peers, as ratios
	@tools/bench

clean:  ## what was built; the environment stays
	@rm -rf build $(SETUP)

$(SETUP)/demo: $(SOURCES) pyproject.toml tools/install
	@tools/install demo "$(PYTHON)"
	@mkdir -p $(@D) && touch $@

$(SETUP)/test: $(SOURCES) pyproject.toml tools/install
	@tools/install check "$(PYTHON)"
	@mkdir -p $(@D) && touch $@
