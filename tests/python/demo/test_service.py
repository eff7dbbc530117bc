"""The demo's services: their workers are counted, and an interrupt leaves none behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import pytest

pytest.importorskip("fastapi")

from selfscale.demo import experiment
from selfscale.demo.scenario import QUICK, Scenario
from selfscale.demo.service import Service

POLICY = {"policies": [{"service": "web", "minReplicas": 1, "maxReplicas": 2}]}
SHORT = Scenario(seconds=1.5, budget_seconds=30.0, max_replicas=2, peak_replicas=0.5, from_hour=7.0)
BECOMES_A_WORKER = """
import os, sys
print("forked", flush=True)
sys.stdin.readline()
os.execv(sys.argv[1], sys.argv[1:])
"""
SLEEPS = "import time; time.sleep(1000)"


def test_a_worker_that_was_seen_before_its_exec_is_counted_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(POLICY, tmp_path / "web")
    monkeypatch.setattr("selfscale.demo.service.WORKER", [sys.executable, "-c", SLEEPS])
    with subprocess.Popen(
        [sys.executable, "-c", BECOMES_A_WORKER, sys.executable, "-c", SLEEPS],
        cwd=tmp_path,
        env={**os.environ, "SELFSCALE_RUN_DIR": str(tmp_path / "web" / "run")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        try:
            assert worker.stdin is not None
            assert worker.stdout is not None
            assert worker.stdout.readline() == "forked\n"
            assert service.workers() == []
            worker.stdin.write("\n")
            worker.stdin.flush()
            deadline = time.monotonic() + 60
            while not service.workers() and time.monotonic() < deadline:
                time.sleep(0.01)
            assert service.workers() == [worker.pid]
        finally:
            worker.kill()
    assert service.workers() == []


def test_files_of_the_folder_that_it_runs_in_are_not_taken_for_pythons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("queue", "asyncio", "json", "random"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken for the standard library')")
    monkeypatch.chdir(tmp_path)
    runs, _ = experiment.play(SHORT, {"agent": SHORT.policy}, tmp_path, lambda _runs, _seconds: None)
    assert len(runs[0].took) > 0
    assert not all(runs[0].failed), "some may be late on a busy machine"


class Interrupted:
    """A service that meets Ctrl-C while it starts, and another while it is told to stop."""

    all: ClassVar[list[Interrupted]] = []

    def __init__(self, policy: dict[str, Any], folder: Path) -> None:
        self.lives = False
        self.all.append(self)

    def __enter__(self) -> Interrupted:
        self.lives = True
        os.kill(os.getpid(), signal.SIGINT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ask_to_stop()
        self.lives = False

    def ask_to_stop(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    def is_ready(self) -> bool:
        return False


def test_interrupts_while_services_start_and_stop_leave_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Interrupted, "all", [])
    monkeypatch.setattr(experiment, "Service", Interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            experiment.play(QUICK, {"one": POLICY, "other": POLICY}, tmp_path, lambda _runs, _seconds: None)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert [service.lives for service in Interrupted.all] == [False, False]
