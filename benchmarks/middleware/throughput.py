"""Requests a second that a FastAPI application answers behind each middleware, as a ratio to the bare one.

    python benchmarks/middleware/throughput.py [--rounds 15] [--seconds 2]

A uvicorn for each variant on the first CPU, wrk on the second; one after the other, in random order within each
round. Printed is the geometric mean of the rounds' ratios to bare with its 95 % interval (Student's t on their
logarithms), beside the 99th percentile of the latency as wrk tells it. "bare again" is another process of the bare
application: what it differs by is what this machine cannot tell apart.

The exit status is 1 where even the upper end of our interval is below the target.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import math
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from peers import AROUND_FASTAPI

HERE = Path(__file__).parent
VARIANTS = ["bare", "bare again", *(name for name in AROUND_FASTAPI if name not in {"bare", "closure"})]
PATH = "/items/7"
TARGET = 0.97
STUDENT = {5: 2.776, 7: 2.447, 9: 2.306, 11: 2.228, 15: 2.145, 21: 2.086, 31: 2.042}
"""The 97.5 % quantile of Student's t for so many rounds."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.suppress(OSError):
        connection.request("GET", PATH)
        return connection.getresponse().status == 200
    return False


@contextlib.contextmanager
def served(name: str, folder: Path) -> Iterator[int]:
    """A uvicorn on the first CPU."""
    port = free_port()
    here = folder / name
    environment = {
        **os.environ,
        "VARIANT": name,
        "SELFSCALE_RUN_DIR": str(here),
        "SELFSCALE_STATE_DIR": str(here),
        "AUTOSCALING_LOG_LEVEL": "error",
    }
    command = ["taskset", "-c", "0", sys.executable, "-m", "uvicorn", "served:app", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--no-access-log", "--log-level", "error"], cwd=HERE, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        while not answers(port):
            if process.poll() is not None:
                sys.exit(f"{name} does not start")
            time.sleep(0.1)
        yield port
    finally:
        process.kill()  # HireFire's thread would keep it
        process.wait()


def load(port: int, seconds: float) -> tuple[float, float]:
    """Requests a second, and the 99th percentile of the latency in milliseconds."""
    command = ["taskset", "-c", "1", "wrk", "-t1", "-c8", f"-d{seconds:g}s", "--latency"]
    header = ["-H", f"X-Request-Start: {int(time.time() * 1000)}"]
    url = f"http://127.0.0.1:{port}{PATH}"
    printed = subprocess.run([*command, *header, url], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        sys.exit(printed)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", printed)
    assert rate is not None
    assert slowest is not None
    return float(rate[1]), float(slowest[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[slowest[2]]


def interval(ratios: list[float]) -> tuple[float, float, float]:
    """Geometric mean and the ends of its 95 % interval."""
    logarithms = [math.log(ratio) for ratio in ratios]
    middle = statistics.fmean(logarithms)
    rounds = max(known for known in STUDENT if known <= len(ratios))
    half = STUDENT[rounds] * statistics.stdev(logarithms) / math.sqrt(len(ratios))
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=15, help="at least 5")
    arguments.add_argument("--seconds", type=float, default=2)
    options = arguments.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("This needs wrk: apt-get install wrk")
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ports = {name: stack.enter_context(served(name, Path(folder))) for name in VARIANTS}
        for port in ports.values():
            load(port, 1)
        for _ in range(options.rounds):
            for name in random.sample(VARIANTS, len(VARIANTS)):
                seen[name].append(load(ports[name], options.seconds))
    print(f"CPython {sys.version.split()[0]}, uvicorn, wrk -t1 -c8 for {options.seconds:g} s, {options.rounds} rounds")
    bare = [rate for rate, _ in seen["bare"]]
    print(f"bare: {statistics.median(bare):.0f} requests a second [{min(bare):.0f} {max(bare):.0f}]")
    highest = 1.0
    for name, rounds in seen.items():
        middle, low, high = interval([rate / other for (rate, _), other in zip(rounds, bare, strict=True)])
        slowest = statistics.median(ms for _, ms in rounds)
        target = f"   at least {TARGET}" if name == "selfscale" else ""
        print(f"{name:20}{middle:7.3f} [{low:.3f} {high:.3f}]   p99 {slowest:5.1f} ms{target}")
        if name == "selfscale":
            highest = high
    return 1 if highest < TARGET else 0


if __name__ == "__main__":
    sys.exit(main())
