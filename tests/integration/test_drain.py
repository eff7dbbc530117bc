"""Thirty scale-downs during a thousand long pieces of work: by the agent, which knows who is at work, and plainly.

A piece takes longer than the grace that whoever is told to stop gets, from the agent as from the plain change: a worker
that is at work then is cut off, and one that is idle is not. Under Compose leaders are killed while somebody leaves.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import selfscale
from docker_engine import Engine, filters, running_engine
from selfscale import Agent, _core
from waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

APP = Path(__file__).parent / "drain_app.py"
FEWEST, MOST = 2, 8
ROUNDS = 5
# While so many workers are there comes so much work, for each of their hands a piece and a fifth of one: two hundred a
# round.
WAVES = ((8, 48), (7, 42), (6, 36), (5, 30), (4, 24), (3, 20))
SHORTEST, LONGEST = 1.5, 3.0
GRACE = 1
KILLED_DURING = {4, 15, 28}  # scale-downs, of thirty
EVALUATION = 0.25
POLICY: dict[str, Any] = {
    "service": "web",
    "minReplicas": FEWEST,
    "maxReplicas": MOST,
    "evaluationInterval": f"{EVALUATION}s",
    # It never wants another count: what is done here is ordered.
    "rules": [{"name": "busy", "type": "threshold", "metric": "busy_workers", "scaleUp": 1000, "scaleDown": 0}],
}


@dataclass
class Piece:
    """A piece of work, and what became of it. Times are seconds since the epoch."""

    number: int
    seconds: float
    worker: str = ""
    begun: float = 0.0
    ended: float = 0.0
    is_cut_off: bool = False

    def went_on(self, since: float, until: float) -> bool:
        return self.begun <= since and self.ended > until


class Works(socketserver.ThreadingUnixStreamServer):
    """Hands out pieces of work to whoever asks: the truth behind the agent's back."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: Path) -> None:
        super().__init__(str(address), _Hand)
        self.address = address
        self.pieces: list[Piece] = []
        self.changed = threading.Condition()
        self._waiting: deque[Piece] = deque()
        self._hands: Counter[str] = Counter()
        self._in_hand: Counter[str] = Counter()
        self._free_since: dict[str, float] = {}
        self._random = random.Random(1)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def add(self, count: int) -> None:
        with self.changed:
            for number in range(len(self.pieces), len(self.pieces) + count):
                self.pieces.append(Piece(number, self._random.uniform(SHORTEST, LONGEST)))
                self._waiting.append(self.pieces[-1])
            self.changed.notify_all()

    def wait_until(self, condition: Callable[[], Any], what: str) -> None:
        def holds() -> bool:
            with self.changed:
                return bool(condition())

        until(holds, lambda: f"{what}; {self._hands}, at work {self._in_hand}, {len(self._waiting)} wait", 120)

    def workers(self) -> set[str]:
        with self.changed:
            return set(+self._hands)

    def at_work(self) -> set[str]:
        with self.changed:
            return set(+self._in_hand)

    def idle(self) -> set[str]:
        """Those that have been for as long as the agent may take to see it."""
        then = time.time() - EVALUATION
        return {worker for worker in self.workers() - self.at_work() if self._free_since.get(worker, 0.0) < then}

    def is_empty(self) -> bool:
        return not self._waiting

    def cut_off(self) -> int:
        return sum(piece.is_cut_off for piece in self.pieces)

    # What the hands of the workers tell.

    def came(self, worker: str) -> None:
        with self.changed:
            self._hands[worker] += 1
            self.changed.notify_all()

    def went(self, worker: str) -> None:
        with self.changed:
            self._hands[worker] -= 1
            self.changed.notify_all()

    def hand_out(self, worker: str) -> Piece | None:
        with self.changed:
            if not self.changed.wait_for(lambda: self._waiting, 0.2):
                return None
            piece = self._waiting.popleft()
            piece.worker, piece.begun, piece.ended = worker, time.time(), float("inf")
            self._in_hand[worker] += 1
            self.changed.notify_all()
            return piece

    def end(self, piece: Piece, *, is_cut_off: bool) -> None:
        piece.ended, piece.is_cut_off = time.time(), is_cut_off

    def is_free(self, worker: str) -> None:
        """The hand has told the agent, too, that it has nothing to do any more."""
        with self.changed:
            self._in_hand[worker] -= 1
            self._free_since[worker] = time.time()
            self.changed.notify_all()


class _Hand(socketserver.StreamRequestHandler):
    """A worker works on several pieces at once; this is the connection of one of them."""

    server: Works

    def handle(self) -> None:
        worker = self._words()[1]
        self.server.came(worker)
        self._answer("welcome")
        piece: Piece | None = None
        while words := self._words():
            if piece is not None and words[0] == "done":
                self.server.end(piece, is_cut_off=False)
                self._answer("noted")
                continue
            if piece is not None:
                self.server.is_free(worker)
            piece = self.server.hand_out(worker)
            self._answer(f"{piece.number} {piece.seconds}" if piece is not None else "none 0")
        if piece is not None:
            if piece.ended == float("inf"):
                self.server.end(piece, is_cut_off=True)
            self.server.is_free(worker)
        self.server.went(worker)

    def _words(self) -> list[str]:
        with contextlib.suppress(OSError):
            return self.rfile.readline().decode().split()
        return []

    def _answer(self, words: str) -> None:
        with contextlib.suppress(OSError):  # whoever was killed meanwhile is known by its end
            self.wfile.write(f"{words}\n".encode())


class ScaleDown(NamedTuple):
    """One replica less: who was there, who went, and between which instants it was chosen."""

    workers: set[str]
    victims: set[str]
    asked: float
    decided: float

    def were_idle(self, pieces: list[Piece]) -> set[str]:
        """All the time, and an evaluation before."""
        since = self.asked - EVALUATION
        return self.workers - {piece.worker for piece in pieces if piece.begun <= self.decided and piece.ended >= since}

    def were_at_work(self, pieces: list[Piece]) -> set[str]:
        """On the same piece all the time, and an evaluation before."""
        since = self.asked - EVALUATION
        return {piece.worker for piece in pieces if piece.went_on(since, self.decided)} & self.workers


# Has so many replicas asked for, and says when whoever goes had been chosen.
Scale = Callable[[int], float]


def one_less(works: Works, scale: Scale, count: int) -> ScaleDown:
    before, asked = works.workers(), time.time()
    decided = scale(count)
    works.wait_until(lambda: len(works.workers()) == count, f"{count} workers")
    return ScaleDown(before, before - works.workers(), asked, decided)


def go_through(works: Works, scale: Scale) -> list[ScaleDown]:
    """Each once nothing waits any more and somebody is idle, while others are at work."""
    steps = []
    for _ in range(ROUNDS):
        scale(MOST)
        works.wait_until(lambda: len(works.workers()) == MOST, "all workers")
        for count, pieces in WAVES:
            works.add(pieces)
            works.wait_until(lambda: works.is_empty() and works.idle(), "somebody is idle")
            steps.append(one_less(works, scale, count - 1))
        works.wait_until(lambda: works.is_empty() and not works.at_work(), "all is done")
    return steps


def times_one_at_work_went(works: Works, steps: list[ScaleDown]) -> int:
    """Though somebody was idle."""
    mixed = [step for step in steps if step.were_idle(works.pieces)]
    return sum(not step.victims.isdisjoint(step.were_at_work(works.pieces)) for step in mixed)


def in_words(name: str, works: Works, steps: list[ScaleDown]) -> str:
    idle = sum(bool(step.were_idle(works.pieces)) for step in steps)
    return (
        f"{name}: {len(steps)} scale-downs during {len(works.pieces)} pieces of work, {works.cut_off()} cut off; "
        f"{idle} times somebody was idle, and {times_one_at_work_went(works, steps)} of these one at work went"
    )


def check(works: Works, steps: list[ScaleDown]) -> None:
    """None was cut off, and idle ones went first."""
    assert len(steps) == 30
    assert len(works.pieces) == 1000
    assert works.cut_off() == 0
    mixed = 0
    for step in steps:
        idle, at_work = step.were_idle(works.pieces), step.were_at_work(works.pieces)
        mixed += bool(idle and at_work)
        assert idle, step
        assert not step.victims & at_work, step
    assert mixed >= len(steps) / 2, "both idle ones and such as are at work to choose from"


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Works]:
    folder.mkdir()
    with Works(folder / "works.sock") as works:
        try:
            yield works
        finally:
            works.shutdown()


# Starts the first workers, and says how to have more or fewer of them.
Begin = Callable[[Works], contextlib.AbstractContextManager[Scale]]


def side_by_side(folder: Path, agent: Begin, plain: Begin) -> None:
    """The same work for the same worker at the same time, scaled by the agent and plainly."""

    def go(name: str, begin: Begin) -> tuple[Works, list[ScaleDown]]:
        with serving(folder / name) as works, begin(works) as scale:
            works.wait_until(lambda: len(works.workers()) == FEWEST, "the first workers")
            return works, go_through(works, scale)

    with ThreadPoolExecutor(2) as pool:
        runs = {name: pool.submit(go, name, begin) for name, begin in (("agent", agent), ("plain", plain))}
    for name, run in runs.items():
        print(in_words(name, *run.result()))
    check(*runs["agent"].result())
    plainly, steps = runs["plain"].result()
    assert (len(plainly.pieces), len(steps)) == (1000, 30)
    assert times_one_at_work_went(plainly, steps) > 0  # whether that cuts it off depends on how slow the machine is


# --- selfscale run


class _Socket(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def worker_environment(works: Works) -> dict[str, str]:
    folder = works.address.parent
    return {
        "PYTHONPATH": str(Path(selfscale.__file__).parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AUTOSCALING_LOG_LEVEL": "warning",
        "SELFSCALE_SERVICE": "web",
        "SELFSCALE_RUN_DIR": str(folder / "run"),
        "SELFSCALE_STATE_DIR": str(folder / "state"),
    }


@contextlib.contextmanager
def under_selfscale_run(works: Works) -> Iterator[Scale]:
    folder = works.address.parent
    policy = {**POLICY, "platform": {"driver": "local", "gracePeriod": f"{GRACE}s"}}
    (folder / "policies.json").write_text(json.dumps({"policies": [policy]}))
    command = [sys.executable, str(APP), str(works.address)]

    def ask(method: str, path: str, body: str | None = None) -> Any:
        connection = _Socket(folder / "run" / "web.sock")
        with contextlib.closing(connection):
            connection.request(method, f"/api/autoscaling/{path}", body)
            return json.loads(connection.getresponse().read())

    def events() -> dict[str, Any]:
        return {each["id"]: each for each in ask("GET", "history/web")["history"] if each["trigger"] == "manual"}

    def scale(count: int) -> float:
        known = events()
        assert ask("POST", "test/web", json.dumps({"replicas": count}))["success"]
        new = until(lambda: events().keys() - known.keys(), log.read_text)
        return datetime.fromisoformat(events()[new.pop()]["startedAt"].replace("Z", "+00:00")).timestamp()

    log = folder / "log"
    with log.open("wb") as written:
        run = subprocess.Popen(
            [sys.executable, "-m", "selfscale.cli", "run", "--enable", "--policies", "policies.json", "--", *command],
            cwd=folder,
            env={**os.environ, **worker_environment(works)},
            stdout=written,
            stderr=written,
        )
    try:
        until((folder / "run" / "web.sock").exists, log.read_text)
        yield scale
    finally:
        run.terminate()
        run.wait(30)


@contextlib.contextmanager
def as_plain_processes(works: Works) -> Iterator[Scale]:
    """The newest goes: SIGTERM, and a moment later SIGKILL."""
    numbers = iter(range(1, 1000))
    processes: list[subprocess.Popen[bytes]] = []

    def scale(count: int) -> float:
        asked = time.time()
        while len(processes) < count:
            environment = {**worker_environment(works), "SELFSCALE_INSTANCE": f"web-{next(numbers)}"}
            processes.append(subprocess.Popen([sys.executable, str(APP), str(works.address)], env=environment))
        while len(processes) > count:
            newest = processes.pop()
            newest.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                newest.wait(GRACE)
            newest.kill()
            newest.wait()
        return asked

    scale(FEWEST)
    try:
        yield scale
    finally:
        scale(0)


def test_scale_downs_of_selfscale_run_cut_no_work_off_and_take_idle_workers_first(tmp_path: Path) -> None:
    pytest.importorskip("typer", reason="the extra cli is not installed")
    side_by_side(tmp_path, under_selfscale_run, as_plain_processes)


# --- Docker Compose

FILE = """
version: "2.4"
services:
  web:
    image: web:1
    command: ["sh", "-c", "SELFSCALE_INSTANCE=$$HOSTNAME exec {python} {app} {address}"]
    network_mode: none
    ipc: host
    init: true
    stop_grace_period: {grace}s
    environment: {environment}
    volumes: {volumes}
    scale: {fewest}
"""


def places(works: Works) -> list[str]:
    """What a worker needs of the host, at the same place: Python, the package, and where it meets the agent."""
    read = ["/usr", "/lib", "/lib64", sys.prefix, sys.base_prefix, str(APP.parent)]
    read += [str(Path(file).parent.parent) for file in (selfscale.__file__, Path(_core.__file__).resolve())]
    written = str(works.address.parent)
    return [written, *(f"{place}:{place}:ro" for place in sorted({*read}) if Path(place).exists())]


LEAVING = ".leaving-"  # in the name of a container that the agent has asked to stop


class Project:
    """Workers in containers that docker-compose has started."""

    def __init__(self, engine: Engine, name: str, works: Works) -> None:
        self.engine, self.name, self.folder = engine, name, works.address.parent
        volumes = [place if ":" in place else f"{place}:{place}" for place in places(works)]
        given = {"python": sys.executable, "app": APP, "address": works.address, "grace": GRACE}
        given |= {"environment": json.dumps(worker_environment(works)), "volumes": json.dumps(volumes)}
        (self.folder / "docker-compose.yml").write_text(FILE.format(fewest=FEWEST, **given))
        self.up(FEWEST)

    def names(self) -> list[str]:
        label = filters(label=[f"com.docker.compose.project={self.name}"])
        return [each["Names"][0] for each in self.engine.do("GET", f"/containers/json?all=true&filters={label}")]

    def count(self) -> int:
        return sum(LEAVING not in name for name in self.names())

    def up(self, count: int) -> float:
        asked = time.time()
        done = subprocess.run(
            ["docker-compose", "-p", self.name, "up", "-d", "--no-recreate", "--scale", f"web={count}"],
            cwd=self.folder,
            env={**os.environ, "DOCKER_HOST": self.engine.host},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return asked


class Agents:
    """Two agents beside the project, of which one leads; for one that is killed another one comes."""

    def __init__(self, engine: Engine, platform: dict[str, Any], works: Works) -> None:
        self.engine, self.folder = engine, works.address.parent
        self.environment = {**worker_environment(works), "SELFSCALE_FLEET": "single"}
        self.policy = {**POLICY, "platform": {**platform, "gracePeriodSeconds": GRACE}}
        (self.folder / "policies.json").write_text(json.dumps({"policies": [self.policy]}))
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.killed = 0

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "selfscale.cli", "agent", "--enable", "--policies", "policies.json"],
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
            )
        self.running[process.pid] = process

    def leader(self) -> int | None:
        """Its pid, as the lease has it."""
        with contextlib.suppress(OSError, ValueError):
            holder = json.loads((self.folder / "state" / "lease-web.json").read_text())["holder"]
            return int(holder.rpartition("/")[2])
        return None

    @contextlib.contextmanager
    def killing_the_leader(self) -> Iterator[None]:
        """At the moment at which the engine tells that a container has got the name of one that leaves."""
        renamed = filters(type=["container"], event=["rename"], label=["com.docker.compose.project=guided"])
        with self.engine.following(f"/events?filters={renamed}") as told, ThreadPoolExecutor(1) as pool:

            def kill() -> None:
                assert LEAVING in json.loads(told.readline())["Actor"]["Attributes"]["name"]
                process = self.running.pop(until(self.leader, self.log))
                process.kill()
                process.wait()

            done = pool.submit(kill)
            yield
            done.result()
        self.killed += 1
        self.start()

    def log(self) -> str:
        return (self.folder / "log").read_text()[-2000:]

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.wait(30)


class Orders:
    """What the leader is told, by an agent that only follows."""

    def __init__(self, agents: Agents, project: Project, agent: Agent) -> None:
        self.agents, self.project, self.agent = agents, project, agent
        self.scale_downs = 0

    def scale(self, count: int) -> float:
        """A write has ten seconds, in which a busy host starts few: some at a time, and what failed again."""
        while (there := self.project.count()) < count:
            self.agent.scale("web", min(there + 3, count)).wait(120)
        if there == count:
            return time.time()
        self.scale_downs += 1
        dies = self.scale_downs in KILLED_DURING
        with self.agents.killing_the_leader() if dies else contextlib.nullcontext():
            order = self.agent.scale("web", count)
        event = order.wait(120)
        assert event.outcome == "succeeded", (event, self.agents.log())
        return event.started_at


@pytest.mark.skipif(
    shutil.which("docker-compose") is None, reason="docker-compose is not installed (Debian's package of that name)"
)
def test_scale_downs_of_compose_cut_no_work_off_and_take_idle_workers_first(tmp_path: Path) -> None:
    pytest.importorskip("typer", reason="the extra cli is not installed")
    killed = 0
    with running_engine() as engine:

        @contextlib.contextmanager
        def by_the_agent(works: Works) -> Iterator[Scale]:
            nonlocal killed
            project = Project(engine, "guided", works)
            agents = Agents(engine, {"driver": "compose", "host": engine.host, "project": "guided"}, works)
            follows = {**agents.environment, "SELFSCALE_LEADS": "none", "SELFSCALE_APART": "true"}
            try:
                agents.start()
                agents.start()
                until(agents.leader, agents.log)
                with Agent(agents.policy, service="web", environment=follows) as agent:
                    yield Orders(agents, project, agent).scale
                until(lambda: not any(LEAVING in name for name in project.names()), project.names)
            finally:
                agents.stop()
            killed = agents.killed

        @contextlib.contextmanager
        def plainly(works: Works) -> Iterator[Scale]:
            yield Project(engine, "plain", works).up

        side_by_side(tmp_path, by_the_agent, plainly)
    assert killed == len(KILLED_DURING)
