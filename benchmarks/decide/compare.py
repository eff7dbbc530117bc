"""One decision of selfscale, of Kubernetes' HPA and of Knative's autoscaler, on the same load.

    python benchmarks/decide/compare.py BUILD_DIR [--rounds 9] [--seconds 0.3]

Builds the peers (a Go module beside this file, its versions pinned in go.mod), then lets both programs run in turn,
so that the machine's drift hits both alike. Prints the median of each side's nanoseconds with its quartiles, and the
ratio of each round's pair. Both sides report how many replicas they wanted on average: it must be the same number.

The exit status is 1 where the median ratio to the HPA's calculator is below what it must be, or the two wanted
different numbers. The most nanoseconds are printed only: they depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PEERS = Path(__file__).parent / "peers"

PAIRS = [
    ("external", "Calculator/external"),
    ("instances/10", "Calculator/instances/10"),
    ("instances/100", "Calculator/instances/100"),
    ("ten_rules/100", "Calculator/ten_rules/100"),
    ("external", "Controller/external"),
    ("instances/10", "Controller/instances/10"),
    ("instances/100", "Controller/instances/100"),
    ("ten_rules/100", "Controller/ten_rules/100"),
    ("external", "Knative/external"),
]
"""Ours, and the peer it is held against."""

TARGETS = {"external": 140, "instances/10": 500, "instances/100": 2000, "ten_rules/100": 20000}
"""The most nanoseconds that ours may take."""

TIMES = {"Calculator/external": 10, "Calculator/instances/10": 20, "Calculator/instances/100": 40}
"""How many times ours a peer must take at least."""

Figures = dict[str, tuple[float, float]]
"""By benchmark: nanoseconds, and the replicas wanted on average."""


def run_ours(program: Path, seconds: float) -> Figures:
    command = [str(program), f"--benchmark_min_time={seconds}", "--benchmark_format=json"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {
        found["name"]: (found["cpu_time"], found["wanted"])
        for found in json.loads(printed)["benchmarks"]
        if "wanted" in found
    }


def run_peers(program: Path, seconds: float) -> Figures:
    command = [str(program), "-test.bench=.", f"-test.benchtime={seconds}s", "-test.cpu=1"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    line = re.compile(r"^Benchmark(\S+)\s+\d+\s+([\d.]+) ns/op\s+([\d.]+) wanted", re.MULTILINE)
    return {name: (float(nanoseconds), float(wanted)) for name, nanoseconds, wanted in line.findall(printed)}


def build_peers(folder: Path) -> Path:
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if go is None:
        sys.exit("The peers are Go programs: install Go 1.26 or later (https://go.dev/dl) and run this again.")
    subprocess.run([go, "test", "-c", "-o", str(folder / "peers"), "."], cwd=PEERS, check=True)
    return folder / "peers"


def spread(values: list[float], form: str) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:{form}} [{low:{form}} {high:{form}}]"


def report(rounds: list[tuple[Figures, Figures]]) -> list[str]:
    """Print a line for each pair; return what is not as it must be."""
    missed = []
    sides = f"{'decision':16}{'ours, ns':26}{'at most':>9}  {'peer':28}{'its, ns':34}"
    print(f"{sides}{'times ours':22}{'at least':>8}  wanted")
    for ours, peer in PAIRS:
        mine = [figures[ours][0] for figures, _ in rounds]
        its = [figures[peer][0] for _, figures in rounds]
        wanted = {figures[ours][1] for figures, _ in rounds} | {figures[peer][1] for _, figures in rounds}
        ratios = [peer_time / my_time for peer_time, my_time in zip(its, mine, strict=True)]
        replicas = "/".join(f"{number:g}" for number in sorted(wanted))
        print(
            f"{ours:16}{spread(mine, ',.0f'):26}{TARGETS[ours]:9,}  {peer:28}{spread(its, ',.0f'):34}"
            f"{spread(ratios, '.1f'):22}{TIMES.get(peer, ''):>8}  {replicas}"
        )
        ratio = statistics.median(ratios)
        if peer in TIMES and ratio < TIMES[peer]:
            missed.append(f"{peer} takes {ratio:.1f} times what ours does; it must be {TIMES[peer]} at least")
        if len(wanted) > 1:
            missed.append(f"{ours} and {peer} want different numbers of replicas")
    return missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path, help="where CMake built decide_benchmark, such as build/release")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each benchmark in each round")
    arguments = parser.parse_args()
    program = arguments.build / "benchmarks/decide/decide_benchmark"
    with tempfile.TemporaryDirectory() as folder:
        peers = build_peers(Path(folder))
        rounds = []
        for number in range(arguments.rounds):
            print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
            rounds.append((run_ours(program, arguments.seconds), run_peers(peers, arguments.seconds)))
    if missed := report(rounds):
        sys.exit("\n".join(missed))


if __name__ == "__main__":
    main()
