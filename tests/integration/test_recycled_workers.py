"""Servers that replace their workers all the time: every request is counted once, and nothing is left of a worker."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ports import free_port
from waiting import until

pytest.importorskip("gunicorn", reason="gunicorn is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
WORKERS, CLIENTS = 4, 4
MOST_REQUESTS = 25  # that a worker serves before its server replaces it
MEBIBYTE = 1 << 20
BROKEN_OFF = (OSError, http.client.HTTPException)
LOCKS = {"lead-counted.lock", "lease-counted.lock"}
FILES = {"counted.sock", "journal.sqlite", "journal.sqlite-shm", "journal.sqlite-wal"} | LOCKS
"""What the agents of a service keep beside the segment, however many workers there have been."""
POLICY = {
    "service": "counted",
    "evaluationInterval": "250ms",
    "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}],
    "maxReplicas": 5,
}


class Server:
    """A server with four workers, and how to talk to it."""

    def __init__(self, module: str, options: list[str], folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.log = folder / "server.log"
        self.served = folder / "served"
        (folder / "policies.json").write_text(json.dumps({"policies": [POLICY]}))
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join([str(folder), str(HERE), *sys.path]),
            "SERVED_FILE": str(self.served),
            "SELFSCALE_POLICIES": str(folder / "policies.json"),
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
        }
        arguments = [sys.executable, "-m", module, *(each.format(port=self.port) for each in options)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                arguments, cwd=folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def get(self, path: str) -> str | None:
        """Ask over a connection of its own; None when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
        except BROKEN_OFF:
            return None
        finally:
            connection.close()
        assert response.status == 200, body
        return body

    def exposed(self, name: str) -> float | None:
        """The sum of a metric's series; None when nobody answers."""
        text = self.get("/metrics")
        if text is None:
            return None
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(rf"{name}[{{ ]", line))

    def who_served(self) -> list[int]:
        """The process of each request, as the application has noted."""
        return [int(line) for line in self.served.read_text().split()]

    def status(self) -> Any:
        """What the agent that decides says; None while there is none."""
        ended = subprocess.run(
            [sys.executable, "-m", "selfscale.cli", "status", "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return json.loads(ended.stdout) if ended.returncode == 0 else None

    def descriptors(self) -> int:
        """How many the server's own process has, which all workers come from."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def kept(self) -> set[str]:
        """Every file in the directories of the agents."""
        roots = (self.folder / "run", self.folder / "state")
        return {path.name for root in roots for path in root.rglob("*")}


@dataclass
class Sent:
    """What clients saw who keep their connection as long as the server does, and never send a request twice."""

    answered: int = 0
    broken_off: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, port: int, count: int) -> None:
        """Send so many, over a new connection after one that broke."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for _ in range(count):
            try:
                connection.request("GET", "/work")
                connection.getresponse().read()
            except BROKEN_OFF:
                connection.close()
                self._note(broken_off=1)
            else:
                self._note(answered=1)
        connection.close()

    def _note(self, answered: int = 0, broken_off: int = 0) -> None:
        with self._lock:
            self.answered += answered
            self.broken_off += broken_off


def send(server: Server, count: int) -> Sent:
    """Send requests from several clients at once."""
    sent = Sent()
    with ThreadPoolExecutor(CLIENTS) as clients:
        for done in [clients.submit(sent.send, server.port, count // CLIENTS) for _ in range(CLIENTS)]:
            done.result()
    return sent


class Scrapes:
    """Scrapes one after the other, while other things go on: what each found of the requests."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._scrape)
        self.totals: list[float] = []

    def __enter__(self) -> Scrapes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _scrape(self) -> None:
        while not self._stop.wait(0.01):
            total = self._server.exposed("http_requests_total")
            if total is not None:
                self.totals.append(total)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str, list[str]], Server]]:
    """Start servers, which are gone in the end."""
    servers: list[Server] = []

    def start(module: str, options: list[str]) -> Server:
        servers.append(Server(module, options, tmp_path))
        until(lambda: servers[-1].exposed("http_requests_total") is not None, servers[-1].log.read_text)
        return servers[-1]

    yield start
    for server in servers:
        try:
            os.killpg(server.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        server.process.wait(10)


def all_are_counted(server: Server, count: int) -> None:
    """Send requests and scrape meanwhile; each that was served counts once, now and later, and no count goes back."""
    before = len(server.who_served())
    with Scrapes(server) as scrapes:
        sent = send(server, count)
    served = len(server.who_served()) - before
    assert sent.answered <= served <= sent.answered + sent.broken_off
    assert sent.broken_off < count / 2, "a server may close a connection just when its client sends the next request"
    for name in ("http_requests_total", "http_request_duration_seconds_count"):
        until(
            lambda name=name: server.exposed(name) == len(server.who_served()),
            lambda name=name: f"{name} is {server.exposed(name)}, and {len(server.who_served())} were served",
        )
    until(lambda: server.exposed("http_requests_in_progress") == 0, lambda: "one that is over is still in progress")
    assert scrapes.totals == sorted(scrapes.totals)
    assert len(set(scrapes.totals)) > 1, "nothing was scraped while requests came in"
    assert scrapes.totals[-1] <= len(server.who_served())


GUNICORN = [
    "--bind=127.0.0.1:{port}",
    f"--workers={WORKERS}",
    f"--max-requests={MOST_REQUESTS - 5}",
    "--max-requests-jitter=5",
]
GEVENT = "--worker-class=gevent"  # looks once a second whether it has served enough
UVICORNS = "--worker-class=uvicorn.workers.UvicornWorker"
GUNICORN_WAYS = {
    "sync": ["--worker-class=sync"],
    "sync, preloaded": ["--worker-class=sync", "--preload"],
    "gthread": ["--worker-class=gthread", "--threads=4"],
    "gthread, preloaded": ["--worker-class=gthread", "--threads=4", "--preload"],
    "gevent": [GEVENT],
    "gevent, preloaded": [GEVENT, "--preload"],
    "uvicorn's": [UVICORNS],
    "uvicorn's, preloaded": [UVICORNS, "--preload"],
}
UVICORN = [
    "--port={port}",
    "--log-level=warning",
    f"--workers={WORKERS}",
    f"--limit-max-requests={MOST_REQUESTS}",
]


def nothing_is_left_of_workers(server: Server, workers: int) -> None:
    """Send requests until so many workers have served some: each takes the place of one that is gone."""
    all_are_counted(server, 200)
    descriptors = server.descriptors()

    def enough() -> bool:
        all_are_counted(server, 200)
        return len(set(server.who_served())) >= workers

    until(enough, lambda: f"workers are not replaced: {set(server.who_served())}", seconds=200)
    # Workers that have not been asked anything yet have no agent; a scrape starts one.
    status = until(lambda: server.get("/metrics") and server.status(), server.log.read_text)
    assert (status["errors"], status["refused"], status["degraded"]) == (0, 0, [])
    segment = Path(status["segment"]["path"])
    assert segment.stat().st_blocks * 512 <= (2 + 2 * WORKERS) * MEBIBYTE, "a slot takes one, and is used again"
    assert server.kept() <= FILES
    # It has one of each worker, and at either look they may be being replaced.
    until(lambda: server.descriptors() <= descriptors + 2 * WORKERS, lambda: f"{server.descriptors()} of {descriptors}")
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("way", GUNICORN_WAYS.values(), ids=GUNICORN_WAYS.keys())
def test_gunicorn_replaces_workers_and_no_count_is_lost(
    serve: Callable[[str, list[str]], Server], way: list[str]
) -> None:
    if way[0] == GEVENT:
        pytest.importorskip("gevent", reason="gevent is not installed")
    app = "counted_app:asgi_app" if way[0] == UVICORNS else "counted_app:wsgi_app"
    server = serve("gunicorn", [app, *GUNICORN, *way])
    nothing_is_left_of_workers(server, workers=2 * WORKERS if way[0] == GEVENT else 5 * WORKERS)


def test_uvicorn_replaces_workers_and_no_count_is_lost(serve: Callable[[str, list[str]], Server]) -> None:
    server = serve("uvicorn", ["counted_app:asgi_app", *UVICORN])
    nothing_is_left_of_workers(server, workers=3 * WORKERS)


def one_instance(server: Server) -> list[dict[str, Any]]:
    """The instances once there is one: another reload may be under way."""
    return until(
        lambda: (status := server.status()) and len(status["instances"]) == 1 and status["instances"],
        server.log.read_text,
    )


def test_uvicorn_reloads_and_no_count_is_lost(serve: Callable[[str, list[str]], Server], tmp_path: Path) -> None:
    source = tmp_path / "counted_app.py"
    source.write_text((HERE / "counted_app.py").read_text())
    server = serve("uvicorn", ["counted_app:asgi_app", "--port={port}", "--log-level=warning", "--reload"])
    for reloads in (1, 2):
        all_are_counted(server, 100)
        [instance] = one_instance(server)
        before = server.get("/work")

        def reloaded(before: str | None = before) -> bool:
            """A change before the server watches goes unseen."""
            pid = server.get("/work")
            if pid == before:
                source.touch()
            return pid not in {before, None}

        with Scrapes(server) as scrapes:
            until(reloaded, server.log.read_text)
        assert scrapes.totals == sorted(scrapes.totals)
        all_are_counted(server, 100)
        [reloaded_instance] = one_instance(server)
        assert reloaded_instance["instance"] == instance["instance"]
        assert reloaded_instance["pids"] != instance["pids"]
        assert len(set(server.who_served())) >= reloads + 1


def test_gunicorn_is_reloaded_and_upgraded_and_no_count_is_lost(serve: Callable[[str, list[str]], Server]) -> None:
    server = serve("gunicorn", ["counted_app:wsgi_app", "--bind=127.0.0.1:{port}", f"--workers={WORKERS}"])
    all_are_counted(server, 100)

    before = set(server.who_served())
    with Scrapes(server) as scrapes:
        server.process.send_signal(signal.SIGHUP)
        until(lambda: (pid := server.get("/work")) and int(pid) not in before, server.log.read_text)
    assert scrapes.totals == sorted(scrapes.totals)
    all_are_counted(server, 100)

    before = set(server.who_served())
    with Scrapes(server) as scrapes:
        server.process.send_signal(signal.SIGUSR2)
        until(lambda: (pid := server.get("/work")) and int(pid) not in before, server.log.read_text)
        server.process.terminate()
        server.process.wait(30)
    assert scrapes.totals == sorted(scrapes.totals)
    all_are_counted(server, 100)
    assert "Traceback" not in server.log.read_text()
