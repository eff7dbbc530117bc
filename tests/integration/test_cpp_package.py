"""The installed C++ library, used as a stranger would: find_package, build, run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "dev"

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        shutil.which("cmake") is None or not BUILD.is_dir(),
        reason="needs cmake and build/dev (make test-cpp)",
    ),
]


def run(*command: str | Path, **environment: str) -> str:
    """Run to the end; its output, or a failure that shows it."""
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_stranger_finds_builds_and_runs_it(tmp_path: Path) -> None:
    """cmake --install, then a foreign project with find_package(selfscale) and a callback driver."""
    prefix = tmp_path / "prefix"
    run("cmake", "--build", BUILD, "--target", "selfscale")
    run("cmake", "--install", BUILD, "--prefix", prefix, "--component", "cpp")
    run("cmake", "-S", ROOT / "examples" / "cpp", "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "build")
    state = {"SELFSCALE_RUN_DIR": str(tmp_path / "run"), "SELFSCALE_STATE_DIR": str(tmp_path / "state")}
    output = run(tmp_path / "build" / "workers", **state)
    assert "in the end 1" in output
