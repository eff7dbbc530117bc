"""Killed at random instants under load: the agent, workers that have children, the supervisor. 100 rounds in all."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

HERE = Path(__file__).parent
T = TypeVar("T")
LEAST, MOST = 1, 3
IDLE, BUSY = 0.0, 50.0
BROKEN_OFF = (OSError, http.client.HTTPException)
"""What a client sees of a server that was killed, perhaps in the middle of an answer."""
SUPERVISOR_ROUNDS, AGENT_ROUNDS, WORKER_ROUNDS = 10, 60, 30

# As deep as a file says: the tests move the count up to the maximum and down to the minimum while they kill.
POLICY = {
    "policies": [
        {
            "service": "killed",
            "minReplicas": LEAST,
            "maxReplicas": MOST,
            "evaluationInterval": "250ms",
            "platform": {
                "driver": "local",
                "gracePeriod": "2s",
                "backoff": {"first": "100ms", "most": "500ms"},
            },
            "metrics": [{"name": "depth", "aggregation": "last", "across": "max", "window": "2s"}],
            "rules": [{"type": "threshold", "metric": "depth", "scaleUp": 10, "scaleDown": 2}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        }
    ]
}


def eventually(what: str, holds: Callable[[], T], seconds: float = 120.0) -> T:
    """Wait for what is true, with a deadline."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)
    return found


class Stack:
    """`selfscale run` with uvicorn workers, seen from outside by its processes' environment."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.port = free_port()
        self.mark = f"SELFSCALE_RUN_DIR={folder / 'run'}".encode()
        self.log = folder / "log"
        self.depth = folder / "depth"
        self.set_depth(IDLE)
        policies = folder / "policies.json"
        policies.write_text(json.dumps(POLICY))
        environment = {
            **os.environ,
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
            "DEPTH_FILE": str(self.depth),
            "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
        }
        run = [
            "-m",
            "selfscale.cli",
            "run",
            "--policies",
            policies,
            "--bind",
            f"127.0.0.1:{self.port}",
            "--enable",
        ]
        worker = [sys.executable, "-m", "uvicorn", "kill_app:app", "--fd", "{fd}", "--no-access-log"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *map(str, run), "--", *worker], env=environment, stdout=log, stderr=log
            )

    def set_depth(self, depth: float) -> None:
        """What every worker reports from its next request on."""
        written = self.depth.with_suffix(".new")
        written.write_text(str(depth))
        written.replace(self.depth)

    def processes(self) -> dict[int, list[str]]:
        """Every process that carries our run directory, with its command line: those that lived at one instant.

        A look at /proc takes a while, in which one may end and another begin: who is still there after it was there
        when it ended.
        """
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                if self.mark in (entry / "environ").read_bytes().split(b"\0") and lives(int(entry.name)):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().decode().split("\0")
        return {pid: command for pid, command in found.items() if lives(pid)}

    def workers(self) -> list[int]:
        """Worker processes that live. A child that a worker has just forked looks like one until it becomes `sleep`."""
        pids = [pid for pid, command in self.processes().items() if command[1:3] == ["-m", "uvicorn"]]
        return [pid for pid in pids if parent_of(pid) not in pids]

    def children_of_workers(self) -> list[int]:
        """The processes that workers started."""
        return [pid for pid, command in self.processes().items() if command[0] == "sleep"]

    def agents(self) -> list[int]:
        """The agent's process, if it lives."""
        return [
            pid for pid, command in self.processes().items() if command[1:2] == ["-c"] and "_agent_child" in command[2]
        ]

    def answers(self) -> bool:
        """Whether a request is served."""
        try:
            return request(self.port) == 200
        except BROKEN_OFF:
            return False

    def is_whole(self) -> bool:
        """The minimum, which is what is wanted when there is nothing to do; an agent; a service that answers."""
        return (
            len(self.workers()) == LEAST
            and len(self.children_of_workers()) == len(self.workers())
            and len(self.agents()) == 1
            and self.answers()
        )

    def stop(self) -> None:
        """Stop in order, and see that nothing is left."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=30)
        eventually("nothing is left behind", lambda: not self.processes())


def stat_of(pid: int) -> list[str]:
    """State, parent and more of a process; empty when it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return []


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    return bool(stat := stat_of(pid)) and stat[0] not in "ZX"


def parent_of(pid: int) -> int:
    """The process that a process is the child of; 0 when it is gone."""
    return int(stat[1]) if (stat := stat_of(pid)) else 0


def request(port: int) -> int:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/work")
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


class Load:
    """Requests one after the other on new connections, by turns with much and with little to do.

    Notes the most workers that existed at once, and how often the count turned from rising to falling or back.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.served = 0
        self.failures: list[str] = []
        self.most_workers = 0
        self.turns = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=run) for run in (self._request, self._count, self._swing)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.stack.set_depth(IDLE)

    def _request(self) -> None:
        while not self._stop.wait(0.004):
            try:
                status = request(self.stack.port)
                if status == 200:
                    self.served += 1
                else:
                    self.failures.append(f"answered {status}")
            except BROKEN_OFF as error:
                self.failures.append(repr(error))

    def _count(self) -> None:
        while not self._stop.wait(0.05):
            self.most_workers = max(self.most_workers, len(self.stack.workers()))

    def _swing(self) -> None:
        for depth, count in itertools.cycle([(BUSY, MOST), (IDLE, LEAST)]):
            self.stack.set_depth(depth)
            while len(self.stack.workers()) != count:
                if self._stop.wait(0.1):
                    return
            self.turns += 1


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Randomness with a seed that a failure shows."""
    seed = int(os.environ.get("SELFSCALE_TEST_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A running stack that has converged."""
    started = Stack(tmp_path / "stack")
    try:
        eventually("the service is up", started.is_whole)
        yield started
    finally:
        print(started.log.read_text()[-4000:])
        started.stop()


def kill(pid: int) -> None:
    """SIGKILL, unless it is gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def converge(stack: Stack) -> None:
    """With little to do the count goes to the minimum, whatever was killed before.

    Every worker must have said how little: one that has not been asked yet holds the way down.
    """
    eventually("the count converges", lambda: stack.answers() and stack.is_whole())


def test_killing_the_agent_fails_no_request(stack: Stack, chance: random.Random) -> None:
    """Workers serve on while the count goes up and down; a new agent resumes."""
    with Load(stack) as load:
        for _ in range(AGENT_ROUNDS):
            time.sleep(chance.uniform(0.0, 1.0))
            before = stack.agents()
            for pid in before:
                kill(pid)
            eventually("a new agent", lambda gone=before: bool(set(stack.agents()) - set(gone)))
        eventually("the count has been at both bounds", lambda: load.turns >= 2 and load.most_workers >= MOST)
    assert load.failures == []
    assert load.served > 0
    assert load.most_workers == MOST
    converge(stack)


def test_killed_workers_are_replaced_with_their_children(stack: Stack, chance: random.Random) -> None:
    """A worker's own children end with it; the count converges and is never above the maximum."""
    with Load(stack) as load:
        for _ in range(WORKER_ROUNDS):
            time.sleep(chance.uniform(0.0, 0.5))
            victim = chance.choice(eventually("a worker", stack.workers))
            kill(victim)
            eventually("the worker is gone", lambda gone=victim: gone not in stack.workers())
            eventually("others serve", stack.answers)
        eventually("the count has been at both bounds", lambda: load.turns >= 2 and load.most_workers >= MOST)
    assert load.served > 0
    assert load.most_workers == MOST
    converge(stack)


def test_killing_the_supervisor_under_load_leaves_nothing_behind(tmp_path: Path, chance: random.Random) -> None:
    """Workers, their children and the agent end when the supervisor is gone, whenever that is."""
    for number in range(SUPERVISOR_ROUNDS):
        stack = Stack(tmp_path / f"stack{number}")
        if number % 2 == 0:
            eventually("the service is up", stack.is_whole)
        with Load(stack) as load:
            if number % 2 == 0:
                eventually("a request is served", lambda load=load: load.served > 0)
            time.sleep(chance.uniform(0.0, 2.5))
            kill(stack.process.pid)
            stack.process.wait(timeout=10)
            eventually("nothing is left behind", lambda stack=stack: not stack.processes())
        assert load.most_workers <= MOST
