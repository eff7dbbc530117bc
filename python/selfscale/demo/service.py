"""A service run by `selfscale run`, watched from outside: how many workers live, what its agent says."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from selfscale.demo.processes import started_by
from selfscale.errors import Error

START_SECONDS = 30.0
STOP_SECONDS = 8.0

_RUN = started_by("selfscale.cli")
WORKER = started_by("selfscale.demo.app")
"""What a worker runs as, followed by `{fd}`."""


class Service:
    """The demo's application under a policy, in processes of its own; leaving the context ends them all."""

    def __init__(self, policy: dict[str, Any], folder: Path) -> None:
        """Prepare; start nothing. `folder` keeps everything that this service writes."""
        self.folder = folder
        self.service = str(policy["policies"][0]["service"])
        self.least = int(policy["policies"][0]["minReplicas"])
        self._known: set[int] = set()  # workers alone: what is none may be about to become one (exec)
        self._process: subprocess.Popen[bytes] | None = None
        # Directories of its own: no real agent on this host is met, and workers can be told by them.
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("SELFSCALE_", "AUTOSCALING_"))},
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
        }
        folder.mkdir(parents=True)
        self._policy_file = folder / "policy.json"
        self._policy_file.write_text(json.dumps(policy, indent=2), encoding="utf-8")

    def __enter__(self) -> Service:
        """Start it."""
        command = [
            *_RUN, "run", "--policies", str(self._policy_file),
            "--bind", "127.0.0.1:0", "--enable", "--", *WORKER, "{fd}",
        ]  # fmt: skip
        with self._log_file().open("wb") as log:
            # A session of its own: Ctrl-C reaches the demo alone, which then stops everything in order.
            self._process = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, and see that nothing is left."""
        self.ask_to_stop()
        self.wait_until_stopped()

    def ask_to_stop(self) -> None:
        """Tell it to stop, without waiting."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait_until_stopped(self) -> None:
        """Wait until nothing of it lives; end by force what does not stop in time."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        deadline = time.monotonic() + STOP_SECONDS
        while self.workers():
            if time.monotonic() > deadline:
                for pid in self.workers():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def is_ready(self) -> bool:
        """Whether all replicas that it starts with can serve. Raises Error when it has ended instead."""
        if self._process is not None and self._process.poll() is not None:
            raise Error(f"the demo's service ended at once:\n{self.log()}", "failed")
        said = self.status()
        return said is not None and (said.get("readyReplicas") or 0) >= self.least

    @property
    def port(self) -> int:
        """Where it listens, by its own word. Raises Error before it is ready."""
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", self._log_file().read_text(encoding="utf-8"))
        if found is None:
            raise Error(f"the demo's service does not listen yet:\n{self.log()}", "failed")
        return int(found[1])

    def status(self) -> dict[str, Any] | None:
        """What the agent says of the service, now; None while it does not answer."""
        body = self._ask("/api/autoscaling/status")
        if body is None:
            return None
        return _service_in(body["status"], self.service)

    def history(self) -> list[dict[str, Any]]:
        """The scaling events so far, oldest first."""
        body = self._ask(f"/api/autoscaling/history/{self.service}?limit=500")
        return list(reversed(body["history"])) if body else []

    def workers(self) -> list[int]:
        """The process ids of the workers that live, whatever anybody says."""
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        self._known = {pid for pid in pids if pid in self._known or self._is_worker(pid)}
        return [pid for pid in sorted(self._known) if _lives(pid)]

    def log(self) -> str:
        """The last lines that its processes wrote."""
        with contextlib.suppress(OSError):
            return "\n".join(self._log_file().read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
        return ""

    def _log_file(self) -> Path:
        return self.folder / "service.log"

    def _is_worker(self, pid: int) -> bool:
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if arguments[1:3] != [argument.encode() for argument in WORKER[1:]]:
                return False
            mark = f"SELFSCALE_RUN_DIR={self.folder / 'run'}".encode()
            return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def _ask(self, target: str) -> dict[str, Any] | None:
        connection = _SocketConnection(self.folder / "run" / f"{self.service}.sock")
        try:
            connection.request("GET", target)
            body = json.loads(connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return body if isinstance(body, dict) and body.get("success") else None


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=1.0)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(1.0)
        self.sock.connect(str(self._path))


def _lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def _service_in(status: dict[str, Any], name: str) -> dict[str, Any] | None:
    """One service of a status."""
    services = status.get("services") or []
    return next((service for service in services if service.get("service") == name), None)
