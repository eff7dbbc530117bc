"""What an import costs: time and resident memory over a bare interpreter, beside others.

    python benchmarks/import/imports.py [--rounds 15]

Each import happens in an interpreter of its own, all modules in random order within each round; a ratio is that of a
round's pair. Printed are medians with their quartiles. What is not installed is left out, and said. The exit status is
1 where a target is missed.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys

MODULES = {
    "selfscale": "selfscale",
    "prometheus_client": "prometheus_client",
    "opentelemetry": "opentelemetry.sdk.metrics",
    "judoscale": "judoscale.asgi.middleware",
    "hirefire": "hirefire_resource",
}
LEAST_TIMES_FASTER = 10.0  # than prometheus_client
MOST_MEBIBYTES = 3.0

_IMPORT = """
import sys, time

def resident():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * 4096

before = resident()
began = time.perf_counter()
import {module}
print(time.perf_counter() - began, resident() - before)
"""


def cost(module: str) -> tuple[float, float]:
    """Milliseconds and mebibytes of one import."""
    code = _IMPORT.format(module=module)
    seconds, taken = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    return float(seconds) * 1e3, int(taken) / 2**20


def is_installed(module: str) -> bool:
    done = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, check=False)
    return done.returncode == 0


def spread(values: list[float], form: str) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:{form}} [{low:{form}} {high:{form}}]"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    modules = {name: module for name, module in MODULES.items() if is_installed(module)}
    for name in MODULES.keys() - modules.keys():
        print(f"not run: {name} is not installed")
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in modules}
    for _ in range(rounds):
        for name in random.sample(list(modules), len(modules)):
            seen[name].append(cost(modules[name]))

    print(f"\nimports under {sys.version.split()[0]}, over a bare interpreter")
    print(f"{'':20}{'ms':>24}{'MiB':>24}{'x selfscale, time':>24}")
    ours = [milliseconds for milliseconds, _ in seen["selfscale"]]
    faster = {}
    for name, costs in seen.items():
        times = [milliseconds for milliseconds, _ in costs]
        faster[name] = [other / own for other, own in zip(times, ours, strict=True)]
        memory = spread([taken for _, taken in costs], ".1f")
        print(f"{name:20}{spread(times, '.1f'):>24}{memory:>24}{spread(faster[name], '.1f'):>24}")
    missed = []
    if statistics.median(taken for _, taken in seen["selfscale"]) > MOST_MEBIBYTES:
        missed.append(f"selfscale takes more than {MOST_MEBIBYTES:g} MiB")
    if "prometheus_client" in faster and statistics.median(faster["prometheus_client"]) < LEAST_TIMES_FASTER:
        missed.append(f"prometheus_client takes less than {LEAST_TIMES_FASTER:g} times as long")
    for sentence in missed:
        print(f"missed: {sentence}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
