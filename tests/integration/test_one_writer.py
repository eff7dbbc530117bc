"""Three enabled agents of a service that meet at a Redis server: one of them writes, whoever is killed.

Who wrote is told by proxies between agents and engine, for the engine's own record cannot: the event of an updated
service names the counts and none of its labels, of which the engine keeps the last two states alone; and a container's
labels stand as they were when it was made, so that a change of name, a stop and a removal would carry no term.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from docker_engine import Engine, filters, running_engine
from ports import free_port
from waiting import until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(
        None in (shutil.which("redis-server"), shutil.which("redis-cli")),
        reason="redis-server is not installed (Debian's package of that name)",
    ),
]

APP = Path(__file__).with_name("one_writer_app.py")
CHANGES = 50
KILLS = 2  # each takes the lease's 30 s
STOPS = 2


class Redis:
    """Where the agents meet."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
            stdout=subprocess.DEVNULL,
        )
        until(lambda: self.ask("PING") == "PONG", lambda: "redis-server does not answer")

    def ask(self, *words: str) -> str:
        done = subprocess.run(["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def lease(self, service: str) -> dict[str, Any]:
        """The record of who leads."""
        text = self.ask("HGET", f"selfscale:{{lease:{service}}}", "text")
        record: dict[str, Any] = json.loads(text) if text else {}
        return record


@dataclass
class Write:
    """One call that changes something, as it passed by, and who led right before."""

    writer: str
    pid: int
    call: str
    lease: dict[str, Any]


class Witness:
    """Between one agent and the engine: notes every write with the lease as it stood when the write arrived."""

    def __init__(self, engine: Engine, path: Path, note: Callable[[str], None]) -> None:
        self.engine, self.note = engine, note
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        with self.server, contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.pass_on, args=(self.server.accept()[0],), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown(socket.SHUT_RDWR)

    def pass_on(self, peer: socket.socket) -> None:
        with peer, socket.socket(socket.AF_UNIX) as engine, contextlib.suppress(OSError):
            engine.connect(self.engine.socket)
            threading.Thread(target=self.answer, args=(engine, peer), daemon=True).start()
            while part := peer.recv(1 << 16):
                call = part.split(b"\r\n")[0].decode(errors="replace")
                if call.startswith(("POST ", "DELETE ", "PUT ")):
                    self.note(call)
                engine.sendall(part)

    def answer(self, engine: socket.socket, peer: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := engine.recv(1 << 16):
                peer.sendall(part)
            peer.shutdown(socket.SHUT_WR)


@dataclass
class Crew:
    """The three agents of one service, which are started again when they end."""

    service: str
    platform: dict[str, Any]
    engine: Engine
    redis: Redis
    folder: Path
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    pids: dict[str, int] = field(default_factory=dict)
    begun: int = 0

    def start(self) -> None:
        """One more, of a host of its own as far as it can tell."""
        self.begun += 1
        name = f"{self.service}-{self.begun}"
        folder = self.folder / name
        folder.mkdir()
        path = folder / "engine.sock"

        def note(call: str) -> None:
            self.writes.append(Write(name, self.pids.get(name, 0), call, self.redis.lease(self.service)))

        self.witnesses.append(Witness(self.engine, path, note))
        policy = {
            "service": self.service,
            "minReplicas": 2,
            "maxReplicas": 4,
            "evaluationInterval": "250ms",
            "startup": {"expected": "1s", "timeout": "60s"},
            "platform": {**self.platform, "host": f"unix://{path}"},
            "metrics": [{"name": "depth", "window": "1s", "aggregation": "last"}],
            "rules": [
                {"name": "depth", "type": "threshold", "metric": "depth", "scaleUp": 10, "scaleDown": 2}
                | {"scaleUpBy": 2, "scaleDownBy": 2}
            ],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        }
        environment = {
            **os.environ,
            "POLICY": json.dumps(policy),
            "DEPTH_FILE": str(self.depth_file),
            "SELFSCALE_FLEET": f"redis://127.0.0.1:{self.redis.port}",
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
            "SELFSCALE_INSTANCE": name,
        }
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, str(APP)], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.pids[name] = process.pid
        assert process.stdout is not None
        with process.stdout as said:
            assert said.readline() == "ready\n", (folder / "log").read_text()
        self.running[name] = process

    @property
    def depth_file(self) -> Path:
        return self.folder / "depth"

    def set_depth(self, depth: int) -> None:
        """Say how much is to be done; nobody reads half of it."""
        new = self.folder / "depth.new"
        new.write_text(str(depth))
        new.rename(self.depth_file)

    def leader(self) -> str | None:
        """The one of them that the record names."""
        holder = str(self.redis.lease(self.service).get("holder", ""))
        pids = {str(process.pid): name for name, process in self.running.items()}
        return pids.get(holder.rpartition("/")[2])

    def end_leader(self, how: signal.Signals) -> None:
        name = until(self.leader, self.logs)
        process = self.running.pop(name)
        process.send_signal(how)
        process.wait(100)
        self.start()

    def logs(self) -> str:
        return "\n".join(f"{path}: {path.read_text()[-600:]}" for path in sorted(self.folder.glob("*/log")))

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.wait(100)
        self.running.clear()
        for witness in self.witnesses:
            witness.stop()
        self.witnesses.clear()


def scale_to_and_fro(crew: Crew, count: Callable[[], int], rng: random.Random) -> None:
    """Fifty changes of the count; at random the leader of the moment is killed, or stopped."""
    ends = dict.fromkeys(rng.sample(range(CHANGES), KILLS + STOPS), signal.SIGTERM)
    for change in rng.sample(sorted(ends), KILLS):
        ends[change] = signal.SIGKILL
    crew.set_depth(0)
    for _ in range(3):
        crew.start()
    for change in range(CHANGES):
        wanted = 2 if change % 2 else 4
        crew.set_depth(0 if wanted == 2 else 50)
        if change in ends:
            crew.end_leader(ends[change])
        until(lambda: count() == wanted, lambda: f"change {change}: {count()}\n{crew.logs()}", seconds=100)  # noqa: B023
    crew.stop()


def check_writers(writes: list[Write]) -> None:
    """No term has two writers, and nobody writes in a term of somebody else."""
    by_term: dict[int, set[str]] = defaultdict(set)
    for write in writes:
        by_term[int(write.lease["token"])].add(write.writer)
    assert {term: who for term, who in by_term.items() if len(who) > 1} == {}
    assert [write for write in writes if not write.lease["holder"].endswith(f"/{write.pid}")] == []
    assert len({next(iter(who)) for who in by_term.values()}) > KILLS, "leaders took turns"
    assert len(writes) >= CHANGES


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with running_engine() as made:
        made.do("POST", "/swarm/init", {"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"})
        yield made


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    made = Redis(tmp_path)
    yield made
    made.process.terminate()
    made.process.wait(10)


def swarm_service(engine: Engine) -> Callable[[], int]:
    """Make the service `web` of two tasks; return how many there are to be."""
    container = {"Image": "web:1", "Command": ["sleep", "100000"], "StopGracePeriod": 1_000_000_000, "Init": True}
    task = {"ContainerSpec": container, "Networks": []}
    engine.do(
        "POST", "/services/create", {"Name": "web", "TaskTemplate": task, "Mode": {"Replicated": {"Replicas": 2}}}
    )

    def count() -> int:
        return int(engine.do("GET", "/services/web")["Spec"]["Mode"]["Replicated"]["Replicas"])

    return count


def compose_service(engine: Engine, folder: Path) -> Callable[[], int]:
    """Start the service `api` of two containers; return how many there are."""
    folder.mkdir()
    (folder / "docker-compose.yml").write_text(
        """
version: "2.4"
services:
  api: {image: "web:1", command: "sleep 100000", network_mode: none, init: true, stop_grace_period: 1s, scale: 2}
"""
    )
    subprocess.run(
        ["docker-compose", "-p", "shop", "up", "-d"],
        cwd=folder,
        env={**os.environ, "DOCKER_HOST": engine.host},
        capture_output=True,
        check=True,
    )

    def count() -> int:
        label = filters(label=["com.docker.compose.project=shop"])
        return len(engine.do("GET", f"/containers/json?filters={label}"))

    return count


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_a_term_has_one_writer_whoever_is_killed(engine: Engine, redis: Redis, tmp_path: Path) -> None:
    """One service of Swarm and one of Compose at once, by what passed between agents and engine."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    crews = [
        (Crew("web", {"driver": "swarm", "mayInterruptWork": True}, engine, redis, tmp_path / "swarm")),
        (Crew("api", {"driver": "compose", "project": "shop"}, engine, redis, tmp_path / "compose")),
    ]
    counts = [swarm_service(engine), compose_service(engine, tmp_path / "project")]
    for crew in crews:
        crew.folder.mkdir()
    try:
        with ThreadPoolExecutor(2) as pool:
            done = [
                pool.submit(scale_to_and_fro, crew, count, random.Random(rng.random()))
                for crew, count in zip(crews, counts, strict=True)
            ]
            for each in done:
                each.result()
    finally:
        for crew in crews:
            crew.stop()
    for crew in crews:
        check_writers(crew.writes)
