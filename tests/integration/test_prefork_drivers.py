"""The drivers gunicorn and uvicorn on the real servers: agents in the workers set how many of these there are."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import selfscale
from children import children_of
from ports import free_port
from waiting import until

pytest.importorskip("fastapi", reason="the extra fastapi is not installed")
pytest.importorskip("gunicorn", reason="gunicorn is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
MOST = 4
SIGNALS = {  # as their logs have them
    "gunicorn": ("Handling signal: ttin", "Handling signal: ttou"),
    "uvicorn": ("Received SIGTTIN", "Received SIGTTOU"),
}
GUNICORN = str(Path(sys.executable).with_name("gunicorn"))  # begun by -m it cannot upgrade itself
SERVERS = {
    "gunicorn": [GUNICORN, "prefork_app:app", "--worker-class=uvicorn.workers.UvicornWorker", "--workers=2"],
    "uvicorn": ["-m", "uvicorn", "prefork_app:app", "--workers=2", "--log-level=info"],
}


def workers_of(parent: int) -> set[int]:
    return {pid for pid in children_of(parent) if b"resource_tracker" not in command_of(pid)}


def command_of(pid: int) -> bytes:
    """Nothing of one that has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


class Server:
    """A server with agents in its workers, and the truth about these: the kernel's."""

    def __init__(self, kind: str, folder: Path, *options: str) -> None:
        self.kind = kind
        self.log = folder / "server.log"
        self.load = folder / "load"
        self.put_load(5)
        policy = {
            "service": "web",
            "enabled": True,
            "minReplicas": 1,
            "maxReplicas": MOST,
            "evaluationInterval": "250ms",
            "platform": {"driver": kind},
            "metrics": [{"name": "load", "window": "1s", "aggregation": "last", "across": "max"}],
            "rules": [{"name": "load", "type": "threshold", "metric": "load", "scaleUp": 10, "scaleDown": 2}],
            "behavior": "none",
        }
        (folder / "policies.json").write_text(json.dumps({"policies": [policy]}))
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
            "LOAD_FILE": str(self.load),
            "AUTOSCALING_ENABLED": "true",
            "SELFSCALE_POLICIES": str(folder / "policies.json"),
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
        }
        port = free_port()
        bind = [f"--bind=127.0.0.1:{port}"] if kind == "gunicorn" else [f"--port={port}"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *SERVERS[kind], *bind, *options],
                cwd=folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def put_load(self, load: float) -> None:
        """Above 10 there are to be more workers, below 2 fewer."""
        new = self.load.with_suffix(".new")
        new.write_text(str(load))
        new.rename(self.load)

    def workers(self) -> set[int]:
        """Its worker processes."""
        return workers_of(self.process.pid)

    def status(self) -> Any:
        """What the agent that leads says; None while there is none."""
        ended = subprocess.run(
            [sys.executable, "-m", "selfscale.cli", "status", "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return json.loads(ended.stdout) if ended.returncode == 0 else None

    def words(self) -> str:
        """Its log, and what the agent says."""
        return f"{self.log.read_text()}\n{json.dumps(self.status())}"

    def kill(self) -> None:
        """End it and its workers."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(kind: str, *options: str) -> Server:
        servers.append(Server(kind, tmp_path, *options))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def of_service(server: Server) -> Any:
    """What the leader says of the service; an empty dict while there is none."""
    status = server.status()
    return status["services"][0] if status and status["services"] else {}


@pytest.mark.parametrize("kind", SERVERS)
def test_workers_come_and_go_with_the_load(serve: Callable[..., Server], kind: str) -> None:
    server = serve(kind)
    until(lambda: of_service(server).get("mayAct"), server.words)

    def instances() -> Any:
        status = server.status()
        return [each["instance"] for each in status["instances"]] if status else []

    until(lambda: len(set(instances())) == 2, server.words)
    server.put_load(50)
    until(lambda: len(server.workers()) == MOST, server.words)
    until(lambda: of_service(server).get("currentReplicas") == MOST, server.words)
    server.put_load(0)
    until(lambda: len(server.workers()) == 1, server.words)
    until(lambda: of_service(server).get("currentReplicas") == 1, server.words)
    more, fewer = (server.log.read_text().count(words) for words in SIGNALS[kind])
    assert (more, fewer) == (MOST - 2, MOST - 1), "none but those that were needed"
    assert "Traceback" not in server.log.read_text()


def test_a_count_that_somebody_else_set_is_seen(serve: Callable[..., Server]) -> None:
    server = serve("gunicorn")
    until(lambda: of_service(server).get("mayAct"), server.words)
    server.process.send_signal(signal.SIGTTIN)
    until(lambda: of_service(server).get("currentReplicas") == 3, server.words)
    assert len(server.workers()) == 3


def test_the_new_arbiter_of_an_upgrade_is_no_worker(serve: Callable[..., Server]) -> None:
    server = serve("gunicorn")
    until(lambda: of_service(server).get("mayAct"), server.words)
    server.process.send_signal(signal.SIGUSR2)
    until(lambda: server.log.read_text().count("Application startup complete") == 4, server.words)
    assert len(server.workers()) == 3, "two, and the new arbiter"
    until(lambda: of_service(server).get("currentReplicas") == 2, server.words)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        said: bytes = answer.read()
        return said


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("gunicorn", [GUNICORN, "--worker-class=uvicorn.workers.UvicornWorker", "--bind=127.0.0.1:{port}"]),
        ("gunicorn", [GUNICORN, "--worker-class=asgi", "--bind=127.0.0.1:{port}"]),
        ("uvicorn", ["-m", "uvicorn", "--port={port}"]),
    ],
)
def test_an_agent_that_begins_anew_counts_no_worker_that_was_told_to_go_and_finishes(
    tmp_path: Path, kind: str, command: list[str]
) -> None:
    port = free_port()
    log = tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": str(HERE), "HELD_FOLDER": str(tmp_path)}
    with log.open("wb") as out, ThreadPoolExecutor(200) as requests:
        server = subprocess.Popen(
            [sys.executable, *(each.format(port=port) for each in command), "held_app:app", "--workers=3"],
            env=environment,
            stdout=out,
            stderr=out,
        )
        try:
            until(lambda: is_open(port), log.read_text)

            def are_all_at_work() -> bool:
                requests.submit(get, f"http://127.0.0.1:{port}/")
                return len(list(tmp_path.glob("busy-*"))) == 3

            until(are_all_at_work, log.read_text)
            server.send_signal(signal.SIGTTOU)
            platform = {"driver": kind, "pid": server.pid}
            assert until(lambda: counted_by_a_new_agent(platform), log.read_text) == 2
            assert len(workers_of(server.pid)) == 3, "all finish what they have begun"
        finally:
            (tmp_path / "done").touch()
            server.terminate()
            server.wait(30)


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def counted_by_a_new_agent(platform: dict[str, Any]) -> int | None:
    """How many workers count for an agent that knows nothing of before; None while the one told to go still does."""
    policy = {"service": "web", "maxReplicas": 8, "evaluationInterval": "100ms", "platform": platform}
    rules = [{"name": "load", "type": "threshold", "metric": "load", "scaleUp": 10, "scaleDown": 2}]
    with tempfile.TemporaryDirectory() as folder:
        where = {"SELFSCALE_RUN_DIR": f"{folder}/run", "SELFSCALE_STATE_DIR": f"{folder}/state"}
        with selfscale.Agent({**policy, "rules": rules}, environment=where) as agent:
            services = until(lambda: agent.status()["services"], lambda: str(agent.status()))
            count: int = services[0]["desiredReplicas"]
            return count if count < 3 else None


@pytest.mark.parametrize("option", ["--reload", "--workers=1"])
def test_uvicorn_without_a_supervisor_is_left_alone(serve: Callable[..., Server], option: str) -> None:
    server = serve("uvicorn", option)
    status = until(server.status, server.words)
    wrong = until(lambda: (server.status() or status)["preflight"]["wrong"], server.words)
    assert "uvicorn with --workers 2 or more" in " ".join(wrong)
    assert server.process.poll() is None
