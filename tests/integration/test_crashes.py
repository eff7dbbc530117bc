"""Processes are killed while they count and while they decide: their counts stay, and another one decides."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from children import children_of
from selfscale import Agent
from waiting import until

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
ROUNDS, AT_ONCE = 12, 2
INTERVAL = 1.0  # seconds
PATIENCE = 40.0
"""Seconds that a busy machine may take to run what is due, and to ask about it."""
MEBIBYTE = 1 << 20
POLICY = {
    "service": "crashing",
    "evaluationInterval": f"{INTERVAL:.0f}s",
    "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}],
    "maxReplicas": 5,
}


class Process:
    """A process that counts, or waits with its children, until it is killed."""

    def __init__(self, folder: Path, environment: dict[str, str], what: str, children: int) -> None:
        self.said = folder / f"said-{time.monotonic_ns()}"
        self.said.touch()
        self._process = subprocess.Popen(
            [sys.executable, HERE / "crash_app.py", self.said, what, str(children)],
            env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,
        )
        self.pid = self._process.pid

    def has_counted(self) -> int:
        """How far it says that it got; it may be one further."""
        return self.said.stat().st_size

    def children(self) -> list[int]:
        """The processes that it has forked and that live."""
        return children_of(self.pid)

    def kill(self) -> None:
        """SIGKILL, of the process alone."""
        self._process.kill()
        self._process.wait(10)

    def end(self) -> None:
        """The process and its children."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._process.wait(10)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "policies.json").write_text(json.dumps({"policies": [POLICY]}))
    return {
        "SELFSCALE_POLICIES": str(tmp_path / "policies.json"),
        "SELFSCALE_RUN_DIR": str(tmp_path / "run"),
        "SELFSCALE_STATE_DIR": str(tmp_path / "state"),
        "AUTOSCALING_LOG_LEVEL": "off",
    }


Begin = Callable[..., Process]


@pytest.fixture
def begin(tmp_path: Path, environment: dict[str, str]) -> Iterator[Begin]:
    """Start processes, which are gone in the end."""
    processes: list[Process] = []

    def start(what: str, children: int = 0) -> Process:
        processes.append(Process(tmp_path, environment, what, children))
        return processes[-1]

    yield start
    for process in processes:
        process.end()


@pytest.fixture
def chance() -> random.Random:
    """Randomness with a seed that a failure shows."""
    seed = int(os.environ.get("SELFSCALE_TEST_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed}")
    return random.Random(seed)


def exposed(agent: Agent, name: str) -> float:
    """The sum of a metric's series."""
    text = agent.exposition()[1].decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(rf"{name}[{{ ]", line))


def test_what_a_killed_process_counted_stays(begin: Begin, environment: dict[str, str], chance: random.Random) -> None:
    with Agent(environment=environment) as agent:
        said, killed = 0, 0
        for _ in range(ROUNDS):
            processes = [begin("count") for _ in range(AT_ONCE)]
            for process in processes:
                enough = chance.randint(1, 3000)
                until(lambda process=process, enough=enough: process.has_counted() >= enough, "it counts")
                process.kill()
            said += sum(process.has_counted() for process in processes)
            killed += AT_ONCE
            sizes, counted = exposed(agent, "size_count"), exposed(agent, "counted_total")
            assert said <= sizes <= counted <= said + killed, "of each one may have been under way"
            assert said <= exposed(agent, "size_sum") * 4 <= said + killed
        status = agent.status()
        assert [one["pids"] for one in status["instances"]] == [[os.getpid()]]
        assert (status["errors"], status["refused"]) == (0, 0)
        segment = Path(status["segment"]["path"])
        assert segment.stat().st_blocks * 512 <= (2 + 1 + AT_ONCE) * MEBIBYTE, "a slot takes one, and is used again"


class Decider:
    """The process that decides, as its status says."""

    def __init__(self, status: dict[str, Any]) -> None:
        self.pid = int(status["process"].rsplit("/", 1)[1])
        self.role = status["role"]
        self.decided_at = datetime.fromisoformat(status["services"][0]["lastEvaluation"].replace("Z", "+00:00"))


def who_decides(environment: dict[str, str]) -> Decider | None:
    """None while nobody does, or it has not done so yet."""
    ended = subprocess.run(
        [sys.executable, "-m", "selfscale.cli", "status", "--json"],
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    status = json.loads(ended.stdout) if ended.returncode == 0 else None
    return Decider(status) if status and status["role"] != "follower" and status["services"] else None


@pytest.mark.parametrize("children", [0, 3], ids=["alone", "children live on"])
@pytest.mark.parametrize("role", ["recommender", "leader"])
def test_another_process_decides_when_the_one_that_did_is_killed(
    begin: Begin, environment: dict[str, str], role: str, children: int
) -> None:
    """Each looks once in an interval whether the role is free, and decides at once when it is."""
    if role == "leader":
        environment["SELFSCALE_PLATFORM"] = "memory"
    began = [begin("wait", children) for _ in range(3)]
    processes = {process.pid: process for process in began}
    until(lambda: all(process.has_counted() for process in began), "all run")
    while len(processes) > 1:
        before = until(lambda: who_decides(environment), "somebody decides")
        assert before.role == role
        killed = processes.pop(before.pid)
        orphans = killed.children()
        assert len(orphans) == children
        killed.kill()

        def successor(gone: int = before.pid) -> Decider | None:
            found = who_decides(environment)
            return found if found and found.pid != gone else None

        after = until(successor, "another one decides")
        assert after.pid in processes
        assert after.role == role
        assert (after.decided_at - before.decided_at).total_seconds() <= 2 * INTERVAL + PATIENCE
        assert all(Path(f"/proc/{orphan}").exists() for orphan in orphans)
