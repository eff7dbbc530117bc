"""gunicorn's gevent worker, where greenlets stand in the place of threads: the agent holds none of them up."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ports import free_port
from waiting import until

pytest.importorskip("gunicorn", reason="gunicorn is not installed")
pytest.importorskip("gevent", reason="gevent is not installed")

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
TOGETHER = 50
POLICY = {
    "service": "green",
    "evaluationInterval": "100ms",
    "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}],
    "maxReplicas": 5,
}


class Server:
    """A gunicorn with one gevent worker, and how to talk to it."""

    def __init__(self, options: list[str], folder: Path) -> None:
        self.port = free_port()
        self.log = folder / "server.log"
        (folder / "policies.json").write_text(json.dumps({"policies": [POLICY]}))
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
            "TOGETHER": str(TOGETHER),
            "SELFSCALE_POLICIES": str(folder / "policies.json"),
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
        }
        command = [sys.executable, "-m", "gunicorn", "gevent_app:app", f"--bind=127.0.0.1:{self.port}", *options]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--worker-class=gevent"],
                cwd=folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def get(self, path: str) -> str | None:
        """Ask over a connection of its own; None when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=100)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def exposed(self, name: str) -> float | None:
        """The sum of a metric's series; None when nobody answers."""
        if (text := self.get("/metrics")) is None:
            return None
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(rf"{name}[{{ ]", line))

    def evaluated_at(self) -> str | None:
        """When the agent decided last; None before that."""
        ended = subprocess.run(
            [sys.executable, "-m", "selfscale.cli", "status", "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        services = json.loads(ended.stdout)["services"] if ended.returncode == 0 else []
        return services[0]["lastEvaluation"] if services else None


@pytest.fixture(params=[[], ["--preload"]], ids=["", "preloaded"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    server = Server(request.param, tmp_path)
    try:
        until(lambda: server.get("/"), server.log.read_text)
        yield server
    finally:
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(10)


def test_greenlets_go_on_while_a_function_that_the_agent_calls_hangs(server: Server) -> None:
    until(lambda: server.get("/heard") == "selfscale-calls", server.log.read_text)
    until(lambda: server.exposed("http_requests_in_progress") == 0, server.log.read_text)
    before: float = until(lambda: server.exposed("http_requests_total"), server.log.read_text)
    first_evaluation = until(server.evaluated_at, server.log.read_text)
    with ThreadPoolExecutor(TOGETHER) as clients:
        waiting = [clients.submit(server.get, "/wait") for _ in range(TOGETHER - 1)]
        until(lambda: server.exposed("http_requests_in_progress") == TOGETHER - 1, server.log.read_text)
        until(lambda: (server.evaluated_at() or "") > first_evaluation, server.log.read_text)
        assert server.get("/wait") == "/wait"
        assert [each.result() for each in waiting] == ["/wait"] * (TOGETHER - 1)
    until(lambda: server.exposed("http_requests_in_progress") == 0, server.log.read_text)
    assert server.exposed("http_requests_total") == before + TOGETHER
