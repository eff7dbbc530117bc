"""What one recording costs in Python, beside others.

    python benchmarks/hot_path/hot_path.py [--rounds 201] [--calls 3000]

All calls run in one thread of one process, in random order within each round; a ratio is that of a round's pair. A
round is short: over before a busy machine gives the processor to another. Times are of a call with its loop, which is
timeit's: it counts without making a number a turn. A second process repeats prometheus_client's part with its directory
for several processes, which it chooses when it is imported. What is not installed is left out, and said. The exit
status is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import repeat

Call = Callable[[int], float]

COUNTED = {
    "prometheus_client inc": 20, "prometheus_client labels(3).inc": 75, "multiprocess inc": 55,
    "opentelemetry add": 250, "opentelemetry add, 3 attributes": 450,
}  # fmt: skip
"""At least so many times our inc()."""
OBSERVED = {"prometheus_client observe": 30, "multiprocess observe": 80, "opentelemetry record": 190}
"""At least so many times our observe()."""
MOST_OF_A_FUNCTION = 0.65


def timed(code: str, **names: object) -> Call:
    """A loop over one statement on local names, compiled: nanoseconds a turn."""
    given = ", ".join(f"{name}={name}" for name in names)
    lines = [f"def loop(calls, clock, {given}):", "    started = clock()", "    for _ in repeat(None, calls):"]
    lines += [f"        {code}", "    return (clock() - started) / calls"]
    space = {**names, "repeat": repeat}
    exec("\n".join(lines), space)
    loop = space["loop"]
    assert callable(loop)
    return lambda calls: loop(calls, time.perf_counter_ns)


def nothing() -> None:
    """Return."""


def ours() -> dict[str, Call]:
    from selfscale import Agent

    agent = Agent(service="benchmark")
    counter, took, running = agent.counter("orders"), agent.distribution("took"), agent.gauge("running")
    labelled = agent.counter("orders", {"method": "GET", "handler": "/items", "status": "200"})
    return {
        "the loop alone": timed("pass"),
        "empty function": timed("f()", f=nothing),
        "selfscale inc": timed("c.inc()", c=counter),
        "selfscale inc, labelled": timed("c.inc()", c=labelled),
        "selfscale observe": timed("d.observe(0.0123)", d=took),
        "selfscale gauge inc, dec": timed("g.inc(); g.dec()", g=running),
    }


def of_prometheus(prefix: str) -> dict[str, Call]:
    import prometheus_client

    registry = prometheus_client.CollectorRegistry()
    counter = prometheus_client.Counter("orders", "orders", registry=registry)
    labelled = prometheus_client.Counter("parts", "parts", ["method", "handler", "status"], registry=registry)
    took = prometheus_client.Histogram("took", "took", registry=registry)
    return {
        f"{prefix} inc": timed("c.inc()", c=counter),
        f"{prefix} labels(3).inc": timed("c.labels('GET', '/items', '200').inc()", c=labelled),
        f"{prefix} observe": timed("h.observe(0.0123)", h=took),
    }


def of_opentelemetry() -> dict[str, Call]:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    meter = MeterProvider(metric_readers=[InMemoryMetricReader()]).get_meter("benchmark")
    attributes = {"method": "GET", "handler": "/items", "status": "200"}
    counter, took = meter.create_counter("orders"), meter.create_histogram("took")
    return {
        "opentelemetry add": timed("c.add(1)", c=counter),
        "opentelemetry add, 3 attributes": timed("c.add(1, a)", c=counter, a=attributes),
        "opentelemetry record": timed("h.record(0.0123)", h=took),
    }


def spread(values: list[float], form: str) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:{form}} [{low:{form}} {high:{form}}]"


def in_rounds(calls: dict[str, Call], rounds: int, count: int) -> dict[str, list[float]]:
    for call in calls.values():
        call(1000)
    seen: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name in random.sample(list(calls), len(calls)):
            seen[name].append(calls[name](count))
    return seen


def report(seen: dict[str, list[float]]) -> list[str]:
    """Print the table, and return what misses its target."""
    print(f"\n{'ns a call under ' + sys.version.split()[0]:34}{'':24}{'x selfscale':>28}   target")
    missed = []
    for name, times in seen.items():
        own = seen["selfscale observe" if name in OBSERVED or "observe" in name else "selfscale inc"]
        ratios = [other / mine for other, mine in zip(times, own, strict=True)]
        least = {**COUNTED, **OBSERVED}.get(name)
        target = f"at least {least}" if least else ""
        print(f"{name:34}{spread(times, '.1f'):>24}{spread(ratios, '.1f'):>28}   {target}")
        if least and statistics.median(ratios) < least:
            missed.append(f"{name}: {target}")
    incs, functions = seen["selfscale inc"], seen["empty function"]
    of_a_function = [mine / function for mine, function in zip(incs, functions, strict=True)]
    print(f"inc() takes {spread(of_a_function, '.2f')} of an empty function; target: at most {MOST_OF_A_FUNCTION}")
    net = [(mine - loop) / (f - loop) for mine, f, loop in zip(incs, functions, seen["the loop alone"], strict=True)]
    print(f"net of the loop, {spread(net, '.2f')}")
    if statistics.median(of_a_function) > MOST_OF_A_FUNCTION:
        missed.append(f"inc(): at most {MOST_OF_A_FUNCTION} of an empty function")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=201)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--multiprocess", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    calls = ours()
    has_prometheus = importlib.util.find_spec("prometheus_client") is not None
    if has_prometheus:
        calls |= of_prometheus("multiprocess" if given.multiprocess else "prometheus_client")
    else:
        print("not run: prometheus_client is not installed")
    if not given.multiprocess:
        if importlib.util.find_spec("opentelemetry") is not None:
            calls |= of_opentelemetry()
        else:
            print("not run: opentelemetry is not installed")
    missed = report(in_rounds(calls, given.rounds, given.calls))
    for sentence in missed:
        print(f"missed: {sentence}", flush=True)
    status = 1 if missed else 0
    if has_prometheus and not given.multiprocess:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--multiprocess", "--rounds", str(given.rounds)]
            command += ["--calls", str(given.calls)]
            environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": folder}
            status |= subprocess.run(command, env=environment, check=False).returncode
    return status


if __name__ == "__main__":
    sys.exit(main())
