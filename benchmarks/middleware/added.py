"""What one recorded request costs through the ASGI middleware, beside others'.

    python benchmarks/middleware/added.py [--rounds 31] [--requests 2000] [--only bare|cold|fastapi]

All variants run in one process, in random order within each round, so that the machine's drift hits all alike. What a
variant adds is the difference to the bare application in the same round; a ratio is that of a round's pair. Printed
are medians with their quartiles. Three parts:

bare     an application of two lines, called directly. Behind a proxy that says when each request reached it, as those
         need it that measure the queue; alone the others.
cold     the same, but each request is timed alone, after one of a FastAPI application has had the caches.
fastapi  a FastAPI application of one route: the whole request, as a ratio to the bare one's.

The exit status is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import peers
from peers import AROUND_BARE, AROUND_FASTAPI, App

PROXIED = {"hirefire", "judoscale"}
"""These do nothing unless a proxy has said when it got the request."""

MOST_OF_NO_OP = 1.5
LEAST = {"closure": 2.5, "prometheus_client": 20, "hirefire": 20, "judoscale": 45, "opentelemetry": 600}
"""How many times ours a peer adds at least, warm."""
LEAST_COLD = {"closure": 1.7}
MOST_OF_FASTAPI = 1.03


class Route:
    """Stands for what routers leave in the scope."""

    path = "/items/{item}"


ROUTE = Route()


def scope(*, proxied: bool = False) -> dict[str, Any]:
    headers = [(b"host", b"a"), (b"user-agent", b"b"), (b"accept", b"*/*")]
    if proxied:
        headers.append((b"x-request-start", b"%d" % (time.time() * 1000)))
    path = "/items/7"
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: dict[str, Any]) -> None:
    """Send nothing."""


async def measure(app: App, requests: int, given: dict[str, Any]) -> float:
    """Nanoseconds a request, many in a row."""
    started = time.perf_counter_ns()
    for _ in range(requests):
        await app(given, receive, send)
    return (time.perf_counter_ns() - started) / requests


async def measure_alone(app: App, requests: int, given: dict[str, Any], before: App) -> float:
    """Nanoseconds of a request after another application has had the caches: the median."""
    times = []
    for _ in range(requests):
        await before(scope(), receive, send)
        started = time.perf_counter_ns()
        await app(given, receive, send)
        times.append(time.perf_counter_ns() - started)
    return statistics.median(times)


async def in_rounds(apps: dict[str, App], rounds: int, one: Callable[[str], Any]) -> dict[str, list[float]]:
    """What `one` measures of each variant, round by round."""
    for name in apps:
        await one(name)
    seen: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(rounds):
        for name in random.sample(list(apps), len(apps)):
            seen[name].append(await one(name))
    return seen


def spread(values: list[float], form: str) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:{form}} [{low:{form}} {high:{form}}]"


def ratios(one: list[float], other: list[float]) -> list[float]:
    return [a / b for a, b in zip(one, other, strict=True)]


def report_added(
    title: str, seen: dict[str, list[float]], least: dict[str, float], most_of_no_op: float = math.inf
) -> list[str]:
    """Print what each variant adds, and return what misses its target."""
    bare = seen.pop("bare")
    added = {name: [a - b for a, b in zip(times, bare, strict=True)] for name, times in seen.items()}
    print(f"\n{title}: {spread(bare, '.0f')} ns")
    print(f"{'':20}{'adds, ns':>26}{'x no-op':>24}{'x selfscale':>26}   target")
    missed = []
    for name, times in added.items():
        of_no_op = ratios(times, added["no-op"])
        of_ours = ratios(times, added["selfscale"])
        target, kept = "", True
        if name == "selfscale" and most_of_no_op < math.inf:
            target, kept = f"at most {most_of_no_op} x no-op", statistics.median(of_no_op) <= most_of_no_op
        elif name in least:
            target, kept = f"at least {least[name]} x selfscale", statistics.median(of_ours) >= least[name]
        print(
            f"{name:20}{spread(times, '.0f'):>26}{spread(of_no_op, '.2f'):>24}{spread(of_ours, '.1f'):>26}   {target}"
        )
        if not kept:
            missed.append(f"{title}, {name}: {target}")
    return missed


async def run_bare(rounds: int, requests: int) -> list[str]:
    missed = []
    for title, proxied in (("bare callable", False), ("bare callable, behind a proxy", True)):
        names = {"bare", "no-op", "selfscale"} | (PROXIED if proxied else AROUND_BARE.keys() - PROXIED)
        apps = {name: around(peers.bare) for name, around in AROUND_BARE.items() if name in names}
        given = {**scope(proxied=proxied), "route": ROUTE}
        slow = {"opentelemetry": requests // 20}  # a hundred times slower than the others

        async def one(name: str) -> float:
            return await measure(apps[name], slow.get(name, requests), given)  # noqa: B023

        seen = await in_rounds(apps, rounds, one)
        least = {name: times for name, times in LEAST.items() if name in names}
        missed += report_added(title, seen, least, math.inf if proxied else MOST_OF_NO_OP)
    return missed


async def run_cold(rounds: int, requests: int) -> list[str]:
    apps = {name: AROUND_BARE[name](peers.bare) for name in ("bare", "no-op", "selfscale", "closure")}
    before = peers.fastapi_app()
    given = {**scope(), "route": ROUTE}

    async def one(name: str) -> float:
        return await measure_alone(apps[name], requests // 10, given, before)

    seen = await in_rounds(apps, rounds, one)
    return report_added("bare callable, cold", seen, LEAST_COLD)


async def run_fastapi(rounds: int, requests: int) -> list[str]:
    apps = {name: around(peers.fastapi_app()) for name, around in AROUND_FASTAPI.items()}

    async def one(name: str) -> float:
        times = []
        for _ in range(requests // 20):
            given = scope(proxied=name in PROXIED)
            started = time.perf_counter_ns()
            await apps[name](given, receive, send)
            times.append(time.perf_counter_ns() - started)
        return statistics.median(times)

    seen = await in_rounds(apps, rounds, one)
    print(f"\nFastAPI, requests timed alone: {spread(seen['bare'], '.0f')} ns")
    for name in sorted(apps, key=lambda name: statistics.median(seen[name])):
        target = f"at most {MOST_OF_FASTAPI}" if name == "selfscale" else ""
        print(f"{name:20}{spread(ratios(seen[name], seen['bare']), '.3f'):>26} x bare   {target}")
    kept = statistics.median(ratios(seen["selfscale"], seen["bare"])) <= MOST_OF_FASTAPI
    return [] if kept else [f"FastAPI: at most {MOST_OF_FASTAPI} x bare"]


PARTS = {"bare": run_bare, "cold": run_cold, "fastapi": run_fastapi}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=31)
    arguments.add_argument("--requests", type=int, default=2000)
    arguments.add_argument("--only", choices=PARTS)
    options = arguments.parse_args()
    print(f"CPython {sys.version.split()[0]}, {options.rounds} rounds of {options.requests} requests")
    with contextlib.suppress(ImportError):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    missed = []
    for name, part in PARTS.items():
        if options.only in {None, name}:
            missed += asyncio.run(part(options.rounds, options.requests))
    print("\n" + ("\n".join(["Missed:", *missed]) if missed else "All targets are kept."))
    return 1 if missed else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(SELFSCALE_RUN_DIR=folder, SELFSCALE_STATE_DIR=folder, AUTOSCALING_LOG_LEVEL="error")
        status = main()
        sys.stdout.flush()
    os._exit(status)  # HireFire's thread would keep the process
