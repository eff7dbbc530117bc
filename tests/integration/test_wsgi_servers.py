"""The WSGI middleware under gunicorn's workers: every ending is counted, from every thread."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ports import free_port

pytest.importorskip("gunicorn", reason="gunicorn is not installed")

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
WORKERS = {"sync": ["--worker-class", "sync"], "gthread": ["--worker-class", "gthread", "--threads", "8"]}


class Served:
    """A gunicorn with one worker, and how to talk to it."""

    def __init__(self, options: list[str], folder: Path) -> None:
        self.port = free_port()
        self.log = folder / "server.log"
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
        }
        command = [sys.executable, "-m", "gunicorn", "wsgi_app:app", "--bind", f"127.0.0.1:{self.port}", *options]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
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

    def recorded(self) -> dict[str, Any]:
        """What the worker has recorded, once it answers."""
        deadline = time.monotonic() + 90
        while (answer := self.get("/recorded")) is None:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        seen: dict[str, Any] = json.loads(answer)
        return seen

    def settled(self) -> tuple[dict[str, Any], int]:
        """What has been recorded once nobody is in flight but who asks, and how often that was asked.

        A thread that has answered may be about to close.
        """
        deadline = time.monotonic() + 90
        asked = 1
        while (seen := self.recorded())["in_flight"] != 1:
            assert time.monotonic() < deadline, self.log.read_text()
            asked += 1
        return seen, asked

    def gained(self, before: dict[str, Any]) -> dict[str, Any]:
        """What came since, without the requests that ask."""
        seen, asked = self.settled()
        gained = {name: seen[name] - before[name] for name in ("requests_total", "errors_total", "in_flight")}
        return {**gained, "requests_total": gained["requests_total"] - asked}


@pytest.fixture(params=WORKERS)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    served = Served(WORKERS[request.param], tmp_path)
    try:
        served.recorded()
        yield served
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(served.process.pid, signal.SIGKILL)
        served.process.wait(10)


def test_every_ending_is_counted(served: Served) -> None:
    before, _ = served.settled()
    assert served.get("/answer") == b"done"
    assert served.get("/stream") == b"xxxdone"
    assert served.get("/write") == b"xxxdone"
    assert served.get("/file") == (HERE / "wsgi_app.py").read_bytes()
    assert served.get("/not-found") == b"done"
    served.get("/fail")
    served.get("/fail-in-mid-stream")
    assert served.gained(before) == {"requests_total": 7, "errors_total": 2, "in_flight": 0}


def test_requests_of_many_threads_are_all_counted(served: Served) -> None:
    before, _ = served.settled()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(served.get, ["/answer"] * 200))
    assert answers == [b"done"] * 200
    assert served.gained(before) == {"requests_total": 200, "errors_total": 0, "in_flight": 0}
