"""What one look at the host and a process costs, beside psutil.

    python benchmarks/sampling/compare.py build/release [--rounds 9] [--seconds 5]

Both read the host's CPU, memory and load, and the process's CPU, memory, threads and open files. First as fast as they
can; then from a loop that sleeps in between, as an agent's thread does, where waking up and cold caches cost more than
the readings. In each round psutil and we take turns; a ratio is that of a round's pair, and what is printed is the
median with its quartiles. The exit status is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

LEAST_HOT = 6.0
LEAST_AT_10_HERTZ = 4.0
MOST_AT_100_HERTZ = 1.3

_SAMPLES = 2000


def psutil_sample() -> object:
    """Return a function that takes one sample."""
    import psutil

    process = psutil.Process()

    def sample() -> None:
        psutil.cpu_percent()
        psutil.virtual_memory()
        psutil.getloadavg()
        process.cpu_percent()
        process.memory_info()
        process.num_fds()
        process.num_threads()

    return sample


def of_psutil(mode: str, first: float, seconds: float) -> float:
    """Microseconds for a sample, or percent of a core; called in a process of its own."""
    sample = psutil_sample()
    assert callable(sample)
    sample()
    if mode == "hot":
        began = time.perf_counter()
        for _ in range(int(first)):
            sample()
        return (time.perf_counter() - began) / first * 1e6
    began, used = time.monotonic(), time.process_time()
    for turn in range(1, int(first * seconds) + 1):
        time.sleep(max(0.0, began + turn / first - time.monotonic()))
        sample()
    return 100.0 * (time.process_time() - used) / seconds


def run(*command: object) -> list[float]:
    said = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout
    return [float(number) for number in said.split()]


def spread(values: list[float], form: str = ".2f") -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:{form}} [{low:{form}} {high:{form}}]"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--psutil", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.psutil:
        mode, first, seconds = given.psutil
        print(of_psutil(mode, float(first), float(seconds)))
        return 0
    ours = given.build / "benchmarks/sampling/sampling_benchmark"
    theirs = (sys.executable, __file__, given.build, "--psutil")
    seen: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        alike, whole = run(ours, "hot", _SAMPLES)
        figures = {
            "psutil, us": run(*theirs, "hot", _SAMPLES, 0)[0],
            "selfscale, the same readings, us": alike,
            "selfscale, all readings, us": whole,
            "psutil at 10 Hz, % of a core": run(*theirs, "thread", 10, given.seconds)[0],
            "selfscale at 10 Hz, % of a core": run(ours, "thread", 10, given.seconds)[0],
            "selfscale at 100 Hz with evaluation, % of a core": run(ours, "agent", 100, given.seconds)[0],
        }
        for name, figure in figures.items():
            seen.setdefault(name, []).append(figure)
    for name, values in seen.items():
        print(f"{name:50} {spread(values, '.3f')}")
    hot = [one / other for one, other in zip(seen["psutil, us"], seen["selfscale, the same readings, us"], strict=True)]
    of_psutil_at_10 = seen["psutil at 10 Hz, % of a core"]
    slow = [a / b for a, b in zip(of_psutil_at_10, seen["selfscale at 10 Hz, % of a core"], strict=True)]
    fast = [
        a / b for a, b in zip(seen["selfscale at 100 Hz with evaluation, % of a core"], of_psutil_at_10, strict=True)
    ]
    print(f"psutil over selfscale, as fast as they can: {spread(hot)}, at least {LEAST_HOT} wanted")
    print(f"psutil over selfscale, CPU at 10 Hz: {spread(slow)}, at least {LEAST_AT_10_HERTZ} wanted")
    print(f"selfscale at 100 Hz over psutil at 10 Hz: {spread(fast)}, at most {MOST_AT_100_HERTZ} wanted")
    reached = (
        statistics.median(hot) >= LEAST_HOT
        and statistics.median(slow) >= LEAST_AT_10_HERTZ
        and statistics.median(fast) <= MOST_AT_100_HERTZ
    )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
