# Two doors: `make demo` and `make test`. Everything they need they install, the first time.
SHELL := /bin/bash
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find cpp cmake python CMakeLists.txt -type f -not -name '*.so' -not -path '*/__pycache__/*')

.DEFAULT_GOAL := help
.PHONY: help demo test check test-cpp test-sanitized test-portable test-python test-pythons test-clang fuzz histories tidy format bench clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: .setup/demo  ## a real app scales itself under recorded load; options: make demo ARGS="--quick --output out"
	@$(BIN)/selfscale demo $(ARGS)

test: .setup/test  ## everything: C++, sanitizers, portable build, Python, integration, notebook, examples, demo
	@tools/test all

check: .setup/test  ## formatting, linting, types
	@tools/test check

test-cpp test-sanitized test-portable test-python test-pythons test-clang: .setup/test
	@tools/test $(@:test-%=%)

fuzz: .setup/test  ## random texts against every parser, for some seconds each
	@tools/test fuzz

histories: .setup/test  ## every property of decisions on 100 000 histories
	@tools/test histories

tidy: .setup/test  ## clang-tidy on every C++ file; takes a while
	@tools/test tidy

format: .setup/test  ## rewrite all sources in the house style
	@git ls-files '*.cpp' '*.hpp' | xargs $(BIN)/clang-format -i
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .

bench: .setup/test  ## benchmarks against their peers, as ratios
	@tools/bench

clean:  ## what was built; the environment stays
	@rm -rf build .setup/demo .setup/test

.setup/demo: $(SOURCES) pyproject.toml tools/install
	@tools/install demo "$(PYTHON)"
	@mkdir -p .setup && touch $@

.setup/test: $(SOURCES) pyproject.toml tools/install
	@tools/install check "$(PYTHON)"
	@mkdir -p .setup && touch $@
