"""Runs the demo several times and prints how the agent compares with fixed replicas.

python benchmarks/demo/ratios.py
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

Numbers = dict[str, float]

TARGETS = {
    "p95 / fixed maximum's": 1.5,
    "p95 / fixed minimum's": 0.5,
    "replica-seconds / fixed maximum's": 0.75,
    "errors": 0.005,
}
"""The most that each may be."""


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


def main() -> int:
    """Run, print a table, and return 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="the short demo; its figures are rough")
    arguments = parser.parse_args()
    found = []
    for number in range(1, arguments.runs + 1):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "selfscale.demo", "--output", folder]
            command += ["--quick"] if arguments.quick else []
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            summary = json.loads((Path(folder) / "summary.json").read_text(encoding="utf-8"))
            found.append((ratios(summary["runs"]), steps(Path(folder) / "journal.jsonl"), summary["doubts"]))
        print(f"run {number}: {json.dumps(summary['runs'])}", file=sys.stderr)

    print(f"{'':36}{'most':>8}" + "".join(f"{f'run {i + 1}':>10}" for i in range(len(found))))
    met = True
    for name, most in TARGETS.items():
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
