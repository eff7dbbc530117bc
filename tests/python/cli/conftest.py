"""What the tests of commands share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("typer", reason="the extra cli is not installed")

Run = Callable[..., "subprocess.CompletedProcess[str]"]

POLICY = {
    "service": "backend",
    "minReplicas": 2,
    "maxReplicas": 10,
    "rules": [{"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}],
}

SNAPSHOT = {
    "version": 1,
    "at": 1732272000.0,
    "wallTime": 1732272000.0,
    "service": "backend",
    "platform": {"desiredReplicas": 3, "currentReplicas": 3, "readyReplicas": 3, "updating": False, "error": None},
    "instances": [],
    "metrics": {"cpu_usage": {"value": 85.0, "age": 1.0, "window": 60}},
    "shared": {},
    "estimates": {},
}


@pytest.fixture
def selfscale(tmp_path: Path) -> Run:
    """Run the command line in an empty directory."""

    def run(*arguments: object, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "selfscale.cli", *map(str, arguments)],
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={
                **os.environ,
                "SELFSCALE_RUN_DIR": str(tmp_path / "run"),
                "SELFSCALE_STATE_DIR": str(tmp_path / "state"),
                "NO_COLOR": "1",
                **environment,
            },
        )

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Write a JSON file, or text as it is."""

    def write_file(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write_file


@pytest.fixture
def policy_file(write: Callable[[str, Any], Path]) -> Path:
    """One policy for the service backend."""
    return write("policies.json", {"policies": [POLICY]})


@pytest.fixture
def two_policies_file(write: Callable[[str, Any], Path]) -> Path:
    """Policies for backend and worker."""
    return write("two.json", {"policies": [POLICY, {**POLICY, "service": "worker"}]})


@pytest.fixture
def snapshot_file(write: Callable[[str, Any], Path]) -> Path:
    """A busy service."""
    return write("snapshot.json", SNAPSHOT)


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run `selfscale init` in an empty directory, in this process: there are many of them."""
    from selfscale.cli._app import app
    from typer.testing import CliRunner

    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["init", *map(str, arguments)])


@pytest.fixture
def written(init: Callable[..., Any], tmp_path: Path) -> Callable[..., Path]:
    """The folder that `selfscale init` wrote a platform's files to."""

    def write(platform: str, *options: str) -> Path:
        folder = tmp_path / platform
        ended = init(platform, "--out", folder, *options)
        assert ended.exit_code == 0, ended.stderr
        return folder

    return write
