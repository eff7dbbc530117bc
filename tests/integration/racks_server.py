"""The platform of the example of a driver of one's own: a small HTTP API on loopback, and the truth behind it."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OWED = {"refuses": "unreachable", "denies": "denied", "garbage": "malformed", "hangs": "timed_out"}


@dataclass
class RacksServer:
    """Machines that are there at once and, unless `problem` says why not, serve.

    Attributes:
        count: how many were asked for.
        version: grows with each change.
        orders: each order that came in, with the version that it was for.
        overtaken: how many orders somebody else still gets ahead of.
        refused_with: answers orders with this status and these headers.
    """

    count: int = 2
    version: int = 1
    release: str = "done"
    problem: str = ""
    may_write: bool = True
    orders: list[dict[str, Any]] = field(default_factory=list)
    overtaken: int = 0
    refused_with: tuple[int, dict[str, str]] | None = None
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen."""
        self.lock = threading.Lock()
        self.mended = threading.Event()
        self.fault_now = "none"
        self.mended.set()
        handler = type("Handler", (_Handler,), {"racks": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """End."""
        self.mended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def truth(self) -> int:
        """How many it was told."""
        with self.lock:
            return self.count

    def set_truth(self, count: int) -> None:
        """Change it as somebody else would."""
        with self.lock:
            self.count = count
            self.version += 1

    def fault(self, fault: str) -> str | None:
        """Fail so, or be mended."""
        self.fault_now = fault
        if fault == "hangs":
            self.mended.clear()
        else:
            self.mended.set()
        return OWED.get(fault)

    def state(self) -> dict[str, Any]:
        """What a reader is shown."""
        names = [*self.names, *(f"m{number}" for number in range(self.count))][: self.count]
        serving = not self.problem
        return {
            "count": self.count,
            "slots": 20,
            "release": self.release,
            "problem": self.problem,
            "mayWrite": self.may_write,
            "machines": [{"name": name, "serves": serving or number == 0} for number, name in enumerate(names)],
        }

    def take(self, order: dict[str, Any], version: str | None) -> int:
        """Do what it is told; the status."""
        with self.lock:
            self.orders.append({**order, "version": version})
            if self.refused_with is not None:
                return self.refused_with[0]
            if self.overtaken > 0:
                self.overtaken -= 1
                self.version += 1
            if version is not None and version != str(self.version):
                return 412
            if order["count"] < 1:
                return 400
            if order["count"] != self.count:
                self.count = order["count"]
                self.version += 1
            return 200


class _Handler(BaseHTTPRequestHandler):
    racks: RacksServer

    def do_GET(self) -> None:
        if self._is_well():
            self._answer(200)

    def do_PUT(self) -> None:
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._is_well():
            self._answer(self.racks.take(order, self.headers.get("If-Match")))

    def _is_well(self) -> bool:
        fault = self.racks.fault_now
        if fault == "hangs":
            self.racks.mended.wait(60)  # and nothing is done
        if fault == "denies":
            self._answer(403)
        if fault == "garbage":
            self._answer(200, b"<html>")
        return fault == "none"

    def _answer(self, status: int, body: bytes | None = None) -> None:
        with self.racks.lock:
            state, version = self.racks.state(), self.racks.version
        content = body or json.dumps(state).encode()
        self.send_response(status)
        self.send_header("ETag", str(version))
        self.send_header("Content-Length", str(len(content)))
        if self.racks.refused_with is not None and status == self.racks.refused_with[0]:
            for name, value in self.racks.refused_with[1].items():
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass
