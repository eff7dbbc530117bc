"""The application of the gevent tests: its requests wait for each other, and somebody listens to its agent."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import selfscale
from selfscale.integrations.wsgi import MetricsRoute, Middleware

TOGETHER = int(os.environ["TOGETHER"])
"""Requests to `/wait` are answered once so many are here."""
waiting = threading.Semaphore(0)
arrived: list[str] = []
heard = threading.Event()
decided_in: set[str] = set()


def hang(_: object) -> None:
    """Take as long as nobody should wait for."""
    decided_in.add(threading.current_thread().name)
    heard.set()
    time.sleep(600)


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/wait":
        arrived.append(path)
        if len(arrived) == TOGETHER:
            waiting.release(TOGETHER)
        waiting.acquire()
    if path == "/heard":
        path = ",".join(decided_in)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [path.encode()]


selfscale.default_agent().subscribe(hang)
app = MetricsRoute(Middleware(application))
