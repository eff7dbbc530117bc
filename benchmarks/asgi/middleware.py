"""What one recorded request costs through the ASGI middleware.

    python benchmarks/asgi/middleware.py [--rounds 31] [--requests 4000]

Calls a bare ASGI callable and the same callable behind each middleware, interleaved in random order within
each round, in one process: the machine's drift hits all alike. Prints, per variant, the median time a request
adds to the bare callable with its quartiles, and the ratio to a middleware that does nothing. Peers: a no-op
Python middleware, and one that records with prometheus_client (counter, histogram, in-flight gauge, as its
documentation shows).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Any

import prometheus_client

Message = dict[str, Any]
App = Callable[[Message, Any, Any], Awaitable[None]]

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
BODY = {"type": "http.response.body", "body": b"ok"}


async def bare(scope: Message, receive: Any, send: Any) -> None:
    await send(START)
    await send(BODY)


class NoOp:
    """A Python middleware that does nothing."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class Prometheus:
    """A hand-written middleware on prometheus_client."""

    def __init__(self, app: App) -> None:
        self.app = app
        registry = prometheus_client.CollectorRegistry()
        self.requests = prometheus_client.Counter("requests", "requests", ["method", "status"], registry=registry)
        self.latency = prometheus_client.Histogram("latency_seconds", "latency", ["method"], registry=registry)
        self.in_flight = prometheus_client.Gauge("in_flight", "in flight", registry=registry)

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        status = 500

        async def recorded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        self.in_flight.inc()
        try:
            await self.app(scope, receive, recorded)
        finally:
            self.in_flight.dec()
            self.requests.labels(scope["method"], status).inc()
            self.latency.labels(scope["method"]).observe(time.perf_counter() - started)


def variants() -> dict[str, App]:
    """The callable alone and behind each middleware."""
    from selfscale.integrations.asgi import Middleware

    return {
        "bare": bare,
        "no-op": NoOp(bare),
        "selfscale": Middleware(bare),
        "prometheus_client": Prometheus(bare),
    }


async def nothing(*_: Any) -> None:
    """Receive or send nothing."""


async def measure(app: App, requests: int) -> float:
    """Nanoseconds a request."""
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "route": None}
    started = time.perf_counter_ns()
    for _ in range(requests):
        await app(scope, nothing, nothing)
    return (time.perf_counter_ns() - started) / requests


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=31)
    arguments.add_argument("--requests", type=int, default=4000)
    options = arguments.parse_args()

    apps = variants()
    for app in apps.values():
        await measure(app, options.requests)

    added: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(options.rounds):
        order = list(apps)
        random.shuffle(order)
        took = {name: await measure(apps[name], options.requests) for name in order}
        for name in apps:
            added[name].append(took[name] - took["bare"] if name != "bare" else took[name])

    no_op = statistics.median(added["no-op"])
    rounds = f"{options.rounds} rounds of {options.requests} requests"
    print(f"CPython {sys.version.split()[0]}, {rounds}, ns a request")
    print(f"{'variant':20}{'median':>9}{'p25':>9}{'p75':>9}   added, as a ratio to the no-op's")
    for name, values in added.items():
        low, middle, high = statistics.quantiles(values, n=4)
        ratio = "" if name == "bare" else f"{middle / no_op:9.2f}"
        print(f"{name:20}{middle:9.0f}{low:9.0f}{high:9.0f}   {ratio}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(SELFSCALE_RUN_DIR=folder, SELFSCALE_STATE_DIR=folder, AUTOSCALING_LOG_LEVEL="error")
        asyncio.run(main())
