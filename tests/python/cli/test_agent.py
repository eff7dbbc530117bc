"""`selfscale agent`: an agent in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "Started"]

ONE = {
    "service": "backend",
    "minReplicas": 2,
    "maxReplicas": 4,
    "evaluationInterval": "100ms",
    "platform": {"driver": "memory"},
    "rules": [{"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}],
}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start an agent of a policy; it is ended with the test."""
    begun: list[Started] = []

    def begin(*arguments: object, policies: Sequence[dict[str, Any]] = (), **more: Any) -> Started:
        write_policies(tmp_path, policies or [{**ONE, **more}])
        log = tmp_path / f"log-{len(begun)}"
        with log.open("wb") as to:
            process = subprocess.Popen(
                [sys.executable, "-m", "selfscale.cli", "agent", "--policies", "policies.json", *map(str, arguments)],
                cwd=tmp_path,
                stderr=to,
                env={
                    **os.environ,
                    "SELFSCALE_RUN_DIR": str(tmp_path / "run"),
                    "SELFSCALE_STATE_DIR": str(tmp_path / "state"),
                },
            )
        begun.append(Started(process, log))
        return begun[-1]

    yield begin
    for each in begun:
        each.process.kill()
        each.process.wait()


def write_policy(folder: Path, **more: Any) -> None:
    write_policies(folder, [{**ONE, **more}])


def write_policies(folder: Path, policies: Sequence[dict[str, Any]]) -> None:
    """Replace the file whole, as the agent may read it at any time."""
    (folder / "new.json").write_text(json.dumps({"policies": policies}))
    (folder / "new.json").replace(folder / "policies.json")


class Started(NamedTuple):
    """An agent, and what it logs."""

    process: subprocess.Popen[bytes]
    log: Path

    def line_with(self, words: str) -> str:
        """Wait for a line of the log."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for line in self.log.read_text().rpartition("\n")[0].splitlines():  # the last may be half written
                if words in line:
                    return line
            time.sleep(0.05)
        pytest.fail(f"it never said {words!r}: {self.log.read_text()}")


def status_of(selfscale: Run) -> dict[str, Any]:
    """Ask until the agent answers and has decided."""
    for _ in range(200):
        ended = selfscale("status", "--json")
        if ended.returncode == 0 and json.loads(ended.stdout)["services"]:
            found: dict[str, Any] = json.loads(ended.stdout)
            return found
        time.sleep(0.05)
    pytest.fail(ended.stdout + ended.stderr)


def test_it_recommends_until_told_otherwise_and_says_where_it_can_be_asked(
    start: Start, selfscale: Run, tmp_path: Path
) -> None:
    agent = start()
    line = agent.line_with("is an agent of backend")
    assert "with the driver memory. SELFSCALE_FLEET is auto, SELFSCALE_LEADS auto." in line
    assert line.endswith(f"It can be asked at {tmp_path}/run/backend.sock")
    agent.line_with("recommends only: not_enabled")
    found = status_of(selfscale)
    assert found["mayAct"] is False
    assert found["instances"] == [], "it is no replica of the service"


def test_where_it_cannot_be_asked_is_not_said(start: Start, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("no directory")
    agent = start()
    agent.line_with("nobody can ask this agent")
    assert agent.line_with("is an agent of backend").endswith("SELFSCALE_LEADS auto.")


def test_without_a_platform_and_a_replica_it_knows_no_count(start: Start, selfscale: Run) -> None:
    agent = start(policies=[{key: value for key, value in ONE.items() if key != "platform"}])
    assert "Name the platform in the policy" in agent.line_with("how many replicas there are is not known")
    assert status_of(selfscale)["services"][0]["currentReplicas"] is None
    line = selfscale("recommendations").stdout.splitlines()[1]
    assert line.split()[:4] == ["backend", "-", "-", "none"]
    assert "how many replicas there are is not known" in line
    assert "recommends backend" not in agent.log.read_text()


def test_enabled_it_scales_and_logs_what_it_did(start: Start, selfscale: Run, tmp_path: Path) -> None:
    agent = start("--enable")
    agent.line_with("scales it with the driver memory, enabled by --enable of this agent")
    write_policy(tmp_path, minReplicas=3)
    agent.line_with("backend 2 → 3")
    deadline = time.monotonic() + 60
    while status_of(selfscale)["services"][0]["desiredReplicas"] != 3:
        assert time.monotonic() < deadline


def test_what_keeps_a_driver_from_being_made_is_said_once(start: Start, selfscale: Run, tmp_path: Path) -> None:
    start(platform={"driver": "callback"}).line_with("is an agent of backend")
    found = status_of(selfscale)
    words = "hand one to the agent"
    assert words in " ".join(found["degraded"])
    assert selfscale("status").stdout.count(words) == 1
    assert selfscale("doctor", "--policies", tmp_path / "policies.json").stdout.count(words) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_by_itself_when_told_to_and_gives_back_its_lease(
    start: Start, selfscale: Run, number: signal.Signals
) -> None:
    first = start("--enable")
    first.line_with("scales it")
    first.process.send_signal(number)
    assert first.process.wait(30) == 0
    assert selfscale("status").returncode == 1
    start("--enable").line_with("scales it")  # at once: a lease is not waited for


def test_of_a_file_of_several_services_all_are_served(start: Start, selfscale: Run, tmp_path: Path) -> None:
    worker = {**ONE, "service": "worker"}
    agent = start("--enable", policies=[ONE, worker])
    agent.line_with("is an agent of backend")
    agent.line_with("is an agent of worker")
    write_policies(tmp_path, [{**ONE, "minReplicas": 4}, {**worker, "minReplicas": 3}])
    agent.line_with("backend 2 → 4")
    agent.line_with("worker 2 → 3")
    both = json.loads(selfscale("status", "--json").stdout)
    assert [each["service"] for each in both] == ["backend", "worker"]
    assert selfscale("status").stdout.count("driver memory") == 2
    agent.process.terminate()
    assert agent.process.wait(30) == 0
    assert list((tmp_path / "run").glob("*.sock")) == [], "each has given up what it held"


def test_of_a_file_of_several_services_one_can_be_named(start: Start, selfscale: Run) -> None:
    start("--service", "worker", policies=[ONE, {**ONE, "service": "worker"}]).line_with("is an agent of worker")
    assert status_of(selfscale)["service"] == "worker"


def test_the_service_and_the_file_may_be_named_by_the_environment(
    start: Start, selfscale: Run, two_policies_file: Path
) -> None:
    ended = selfscale("agent", SELFSCALE_POLICIES=str(two_policies_file), SELFSCALE_SERVICE="none")
    assert ended.returncode == 2
    assert "has no policy for none; it has backend, worker" in ended.stderr


def test_the_file_that_is_usual_here_need_not_be_named(selfscale: Run, write: Callable[[str, Any], Path]) -> None:
    nothing = selfscale("agent")
    assert nothing.returncode == 2
    assert "it would be selfscale.json here" in nothing.stderr
    write("selfscale.json", {"policies": [{**ONE, "maxReplicas": 0}]})
    assert "/policies/0/maxReplicas" in selfscale("agent").stdout


def test_a_wrong_file_is_refused_with_every_mistake(selfscale: Run, write: Callable[[str, Any], Path]) -> None:
    ended = selfscale("agent", "--policies", write("wrong.json", {"policies": [{"service": "a", "maxReplicas": 0}]}))
    assert ended.returncode == 1
    assert "/policies/0/maxReplicas" in ended.stdout


def test_an_app_of_celery_that_cannot_be_imported_is_refused_in_one_sentence(
    selfscale: Run, write: Callable[[str, Any], Path]
) -> None:
    platform = {"driver": "celery_pool", "app": "no_such_module:app"}
    ended = selfscale("agent", "--policies", write("policies.json", {"policies": [{**ONE, "platform": platform}]}))
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert '/platform/app = "no_such_module:app"' in ended.stdout
    assert "must be module:attribute" in ended.stdout


def test_without_celery_its_driver_is_refused_in_one_sentence(
    selfscale: Run, write: Callable[[str, Any], Path], tmp_path: Path
) -> None:
    write("sitecustomize.py", "import sys\nsys.modules['celery'] = None\n")
    policies = write("policies.json", {"policies": [{**ONE, "platform": {"driver": "celery_pool"}}]})
    ended = selfscale("agent", "--policies", policies, PYTHONPATH=str(tmp_path))
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert '/platform/driver = "celery_pool"' in ended.stdout
    assert "needs Celery, which cannot be imported here" in ended.stdout
