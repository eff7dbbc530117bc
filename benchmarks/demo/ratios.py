"""Runs the demo several times and prints how the agent compares with fixed replicas, and how long it took.

python benchmarks/demo/ratios.py
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

Numbers = dict[str, float]

TARGETS = {
    "p95 / fixed maximum's": 1.5,
    "p95 / fixed minimum's": 0.5,
    "replica-seconds / fixed maximum's": 0.75,
    "errors": 0.005,
}
"""The most that each may be."""

SECONDS = {"default": 90.0, "quick": 30.0}
"""The most that a demo may take in all."""

SECONDS_TO_FIRST_REQUEST = 5.0
"""The most from its start to the load's, where it has been started before."""


def ratios(runs: dict[str, Numbers]) -> Numbers:
    """What the demo is judged by."""
    agent, least, most = runs["agent"], runs["fixed_min"], runs["fixed_max"]
    return {
        "p95 / fixed maximum's": agent["p95_seconds"] / most["p95_seconds"],
        "p95 / fixed minimum's": agent["p95_seconds"] / least["p95_seconds"],
        "replica-seconds / fixed maximum's": agent["replica_seconds"] / most["replica_seconds"],
        "errors": agent["errors"] / agent["requests"],
    }


def steps(journal: Path) -> tuple[int, int]:
    """How many steps up and down the platform took."""
    events = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    taken = [line for line in events if line["kind"] == "event" and line["acceptedAt"] is not None]
    up = sum(event["toReplicas"] > event["fromReplicas"] for event in taken)
    return up, len(taken) - up


def run(*, quick: bool) -> tuple[dict[str, Any], tuple[int, int], Numbers]:
    """Run the demo once: its summary, its steps, and how long it took."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "selfscale.demo", "--output", folder]
        began = time.time()
        subprocess.run([*command, *(["--quick"] if quick else [])], check=True, stdout=subprocess.DEVNULL)
        total = time.time() - began
        summary = json.loads((Path(folder) / "summary.json").read_text(encoding="utf-8"))
        took = {"seconds to the first request": summary["began_at"] - began, "seconds in all": total}
        return summary, steps(Path(folder) / "journal.jsonl"), took


def main() -> int:
    """Run, print a table, and return 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="the short demo; its figures are rough")
    arguments = parser.parse_args()
    found = []
    for number in range(1, arguments.runs + 1):
        summary, taken, took = run(quick=arguments.quick)
        found.append((ratios(summary["runs"]) | took, taken, summary["doubts"]))
        print(f"run {number}: {json.dumps(summary['runs'])}", file=sys.stderr)
    targets = TARGETS | {
        "seconds to the first request": SECONDS_TO_FIRST_REQUEST,
        "seconds in all": SECONDS["quick" if arguments.quick else "default"],
    }

    print(f"{'':36}{'most':>8}" + "".join(f"{f'run {i + 1}':>10}" for i in range(len(found))))
    met = True
    for name, most in targets.items():
        values = [measured[name] for measured, _, _ in found]
        met = met and all(value <= most for value in values)
        print(f"{name:36}{most:8.3f}" + "".join(f"{value:10.3f}" for value in values))
    print(f"{'steps up, steps down':44}" + "".join(f"{f'{up}, {down}':>10}" for _, (up, down), _ in found))
    met = met and all(up and down for _, (up, down), _ in found)
    for number, (_, _, doubts) in enumerate(found, start=1):
        for doubt in doubts:
            print(f"run {number}: {doubt}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
