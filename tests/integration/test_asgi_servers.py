"""The middleware under real servers: each is served as ASGI 3 without being told so, and every ending is counted."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import free_port

pytest.importorskip("websockets.sync.client", reason="websockets is not installed")

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
SERVERS: dict[str, Callable[[int], list[str]]] = {
    "uvicorn, httptools, uvloop": lambda port: uvicorn(port, "--http", "httptools", "--loop", "uvloop"),
    "uvicorn, h11, asyncio": lambda port: uvicorn(port, "--http", "h11", "--loop", "asyncio"),
    "hypercorn": lambda port: ["hypercorn", "asgi_app:app", "--bind", f"127.0.0.1:{port}"],
    "granian": lambda port: ["granian", "--interface", "asgi", "--port", str(port), "asgi_app:app"],
    "daphne": lambda port: ["daphne", "--bind", "127.0.0.1", "--port", str(port), "asgi_app:app"],
}


def uvicorn(port: int, *more: str) -> list[str]:
    return ["uvicorn", "asgi_app:app", "--port", str(port), *more]


class Served:
    """A server program with the application, and how to talk to it."""

    def __init__(self, command: list[str], port: int, folder: Path) -> None:
        self.port = port
        self.log = folder / "server.log"
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def get(self, path: str) -> bytes | None:
        """Ask over a connection of its own; None when the server breaks it off."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def leave_in_mid_stream(self, path: str) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            seen = b""
            while b"x" not in seen.partition(b"\r\n\r\n")[2]:
                seen += connection.recv(4096)

    def talk(self, path: str) -> str | None:
        """Open a web socket and take its first message; None when it is refused."""
        try:
            with connect(f"ws://127.0.0.1:{self.port}{path}", open_timeout=10) as connection:
                return str(connection.recv(timeout=10))
        except InvalidStatus:
            return None

    def recorded(self) -> dict[str, Any] | None:
        answer = self.get("/recorded")
        return None if answer is None else json.loads(answer)

    def until_recorded(self, expected: dict[str, float]) -> None:
        """Wait for what the server does after it has answered."""
        deadline = time.monotonic() + 90
        seen: dict[str, Any] = {}
        told = 0  # what asks is counted as well
        while time.monotonic() < deadline:
            seen = self.recorded() or dict.fromkeys(expected, 0)
            told += 1
            counts = {name: seen.get(name) for name in expected}
            for name in ("requests_total", "response_time"):
                counts[name] -= self.told_before + told - 1
            if counts == expected:
                return
            time.sleep(0.05)
        pytest.fail(f"{counts} instead of {expected}\n{self.log.read_text()}")

    def wait_until_it_serves(self) -> None:
        deadline = time.monotonic() + 90
        while self.recorded() is None:
            assert time.monotonic() < deadline, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        seen = self.recorded()
        assert seen is not None
        self.told_before = int(seen["requests_total"]) + 1


@pytest.fixture(params=SERVERS)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    name = request.param.split(",")[0]
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    port = free_port()
    served = Served(SERVERS[request.param](port), port, tmp_path)
    try:
        served.wait_until_it_serves()
        yield served
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(served.process.pid, signal.SIGKILL)
        served.process.wait(10)


def test_every_ending_is_counted(served: Served) -> None:
    assert served.get("/answer") == b"done"
    assert served.get("/stream") == b"xxxdone"
    assert served.get("/not-found") == b"done"
    served.get("/fail")
    served.get("/fail-after-start")
    assert served.get("/fail-in-background") == b"done"
    served.leave_in_mid_stream("/until-you-leave")
    assert served.talk("/greet") == "hello"
    assert served.talk("/greet-and-fail") == "hello"
    assert served.talk("/refuse") is None
    served.until_recorded(
        {
            "requests_total": 7,
            "errors_total": 2,
            "response_time": 6,
            "in_flight": 1,  # the request that asks
            "websockets_total": 2,
            "websockets_open": 0,
            "websocket_errors_total": 1,
        }
    )
