"""Where something that the build needs is missing, CMake names what to install."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed"),
]

ROOT = Path(__file__).parents[2]

NO_PYTHON_PACKAGES = "-DSELFSCALE_HEADERS_PYTHON=/bin/false"
WITHOUT = "-DCMAKE_DISABLE_FIND_PACKAGE_"
MISSING = {
    "Boost": ([f"{WITHOUT}Boost=ON", NO_PYTHON_PACKAGES], "pip install libboost-headers"),
    "spdlog": ([f"{WITHOUT}spdlog=ON"], "apt-get install libspdlog-dev"),
    "SQLite": ([f"{WITHOUT}SQLite3=ON"], "apt-get install libsqlite3-dev"),
    "OpenSSL": ([f"{WITHOUT}OpenSSL=ON"], "apt-get install libssl-dev"),
    "LibYAML": (["-DSELFSCALE_YAML_LIBRARY=OFF"], "apt-get install libyaml-dev"),
    "libpq": ([f"{WITHOUT}PostgreSQL=ON"], "apt-get install libpq-dev"),
    "GoogleTest": (["-DSELFSCALE_TESTS=ON", f"{WITHOUT}GTest=ON"], "apt-get install libgtest-dev"),
    "RapidCheck": (["-DSELFSCALE_TESTS=ON", "-DSELFSCALE_RAPIDCHECK_LIBRARY=OFF"], "apt-get install librapidcheck-dev"),
    "Google Benchmark": (["-DSELFSCALE_BENCHMARKS=ON", f"{WITHOUT}benchmark=ON"], "apt-get install libbenchmark-dev"),
    "the headers of Python": (["-DSELFSCALE_PYTHON=ON", f"{WITHOUT}Python=ON"], "apt-get install python3-dev"),
    "pybind11": (["-DSELFSCALE_PYTHON=ON", f"{WITHOUT}pybind11=ON"], "pip install pybind11"),
}


def configured(folder: Path, *options: str) -> str:
    """What CMake says when it refuses to configure, in one line."""
    usual = ["-DSELFSCALE_TESTS=OFF", f"-DPython_EXECUTABLE={sys.executable}"]
    ended = subprocess.run(
        ["cmake", "-S", ROOT, "-B", folder / "build", *usual, *options], capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    return " ".join(ended.stderr.split())


@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_is_named(name: str, tmp_path: Path) -> None:
    options, install = MISSING[name]
    said = configured(tmp_path, *options)
    assert f"selfscale needs {name}" in said
    assert install in said


def test_the_headers_of_nlohmann_json_are_named(tmp_path: Path) -> None:
    python = tmp_path / "python"  # one that has all packages but this one
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *nlohmann_json*) exit 1;; esac\nexec {shlex.quote(sys.executable)} "$@"\n'
    )
    python.chmod(0o755)
    said = configured(tmp_path, f"{WITHOUT}nlohmann_json=ON", f"-DSELFSCALE_HEADERS_PYTHON={python}")
    assert "selfscale needs nlohmann_json" in said
    assert "pip install nlohmann-json" in said
