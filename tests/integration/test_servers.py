"""Real servers with several workers: each worker's requests appear in one merged status."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import free_port
from waiting import until

pytest.importorskip("fastapi", reason="the extra fastapi is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
DEPTH = 7  # what each worker of the application records
POLICY = {
    "service": "backend",
    "minReplicas": 1,
    "maxReplicas": 5,
    "evaluationInterval": "250ms",
    "metrics": [{"name": "depth", "aggregation": "last", "across": "sum"}],
    "rules": [{"name": "depth", "type": "threshold", "metric": "depth", "scaleUp": 1000, "scaleDown": 1}],
}


class Server:
    """A server program, and how to talk to it."""

    def __init__(self, arguments: list[str], port: int, folder: Path) -> None:
        self.port = port
        self.folder = folder
        self.log = folder / "server.log"
        (folder / "policies.json").write_text(json.dumps({"policies": [POLICY]}))
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
            "SELFSCALE_POLICIES": str(folder / "policies.json"),
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                arguments, cwd=folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def get(self, path: str) -> Any:
        """Ask over a connection of its own; None while nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return json.loads(response.read()) if response.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def ask_agent(self, command: str) -> Any:
        """Run a command on the agent of the workers; None while it has no answer."""
        ended = subprocess.run(
            [sys.executable, "-m", "selfscale.cli", command, "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return json.loads(ended.stdout) if ended.returncode == 0 else None

    def words(self) -> str:
        return self.log.read_text()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[list[str], int], Server]]:
    """Start servers, which are gone in the end."""
    servers: list[Server] = []
    (tmp_path / "served_app.py").write_text((HERE / "served_app.py").read_text())

    def start(arguments: list[str], port: int) -> Server:
        servers.append(Server(arguments, port, tmp_path))
        until(lambda: servers[-1].get("/pid"), servers[-1].words)
        return servers[-1]

    yield start
    for server in servers:
        try:
            os.killpg(server.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        server.process.wait(10)


def uvicorn(port: int, *more: str) -> list[str]:
    return [sys.executable, "-m", "uvicorn", "served_app:app", "--port", str(port), "--log-level", "warning", *more]


def gunicorn(port: int, *more: str) -> list[str]:
    worker = ["--worker-class", "uvicorn.workers.UvicornWorker"]
    return [sys.executable, "-m", "gunicorn", "served_app:app", "--bind", f"127.0.0.1:{port}", *worker, *more]


def both_workers(server: Server) -> dict[int, int]:
    """Ask until two workers have recorded a request, and return how many each has."""
    seen: dict[int, int] = {}

    def ask() -> bool:
        answer = server.get("/recorded")
        if answer is not None:
            seen[answer["pid"]] = answer["requests"]
        return len(seen) == 2 and all(seen.values())

    until(ask, server.words)
    return seen


WAYS = {
    "uvicorn with workers": lambda port: uvicorn(port, "--workers", "2"),
    "gunicorn": lambda port: gunicorn(port, "--workers", "2"),
    "gunicorn, preloaded": lambda port: gunicorn(port, "--workers", "2", "--preload"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_all_workers_are_in_one_status(
    serve: Callable[[list[str], int], Server], way: Callable[[int], list[str]]
) -> None:
    if "gunicorn" in way(0):
        pytest.importorskip("gunicorn", reason="gunicorn is not installed")
    port = free_port()
    server = serve(way(port), port)
    workers = both_workers(server)

    def listed() -> bool:
        status = server.ask_agent("status")
        return status is not None and {pid for one in status["instances"] for pid in one["pids"]} == set(workers)

    def merged() -> bool:
        decided = server.ask_agent("explain")
        return decided is not None and decided["decision"]["recommendation"]["proposals"][0]["value"] == 2 * DEPTH

    until(listed, server.words)
    until(merged, server.words)
    assert server.stop() == 0
    assert "Traceback" not in server.words()


def test_a_reloaded_worker_is_measured_anew(serve: Callable[[list[str], int], Server]) -> None:
    port = free_port()
    server = serve(uvicorn(port, "--reload"), port)
    before = server.get("/pid")
    source = server.folder / "served_app.py"

    def reloaded() -> bool:
        """Asks for it as long as the old worker answers: a change before the server watches goes unseen."""
        pid = server.get("/pid")
        if pid == before:
            source.touch()
        return pid not in {before, None}

    until(reloaded, server.words)
    until(lambda: (answer := server.get("/recorded")) and answer["requests"] > 0, server.words)
    assert server.stop() == 0
    assert "Traceback" not in server.words()
