"""The examples run as they stand, started as their own text says."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra fastapi is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("typer", reason="the extra cli is not installed")

pytestmark = pytest.mark.integration

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi"


def command_in(text: str) -> list[str]:
    """The line that starts the example, on a free port."""
    [line] = re.findall(r"^selfscale run .*$", text, re.MULTILINE)
    words: list[str] = line.split()
    at = words.index("--")
    return [sys.executable, "-m", "selfscale.cli", *words[1:at], "--bind", "127.0.0.1:0", *words[at:]]


def test_the_fastapi_example_is_scaled_up_by_requests(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "SELFSCALE_RUN_DIR": str(tmp_path / "run"),
        "SELFSCALE_STATE_DIR": str(tmp_path / "state"),
    }
    log = tmp_path / "log"
    with log.open("wb") as output:
        running = subprocess.Popen(
            command_in((EXAMPLE / "app.py").read_text()), cwd=EXAMPLE, env=environment, stdout=output, stderr=output
        )
    workers: set[int] = set()
    enough = threading.Event()

    def ask(port: int) -> None:
        while not enough.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                connection.request("GET", "/reports/today", headers={"Connection": "close"})
                workers.add(json.loads(connection.getresponse().read())["worker"])
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)  # not listening yet, or ending
            finally:
                connection.close()
            if len(workers) > 1:
                enough.set()

    try:
        deadline = time.monotonic() + 60
        while not (port := re.search(r"127\.0\.0\.1:(\d+)", log.read_text())):
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        clients = [threading.Thread(target=ask, args=(int(port[1]),), daemon=True) for _ in range(12)]
        for client in clients:
            client.start()
        assert enough.wait(60), log.read_text()
    finally:
        enough.set()
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0, log.read_text()
