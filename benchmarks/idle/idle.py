"""What an idle agent costs: CPU and memory of a process that does nothing else, beside judoscale's reporter.

    python benchmarks/idle/idle.py [--rounds 5] [--seconds 30]

In each round a bare process, one with our agent that evaluates once a second, and one with judoscale's reporter run
side by side and sleep. CPU time counts from a moment after their start, so that imports take no part; memory is what
they have over the bare process in the end. Printed are medians with their quartiles. Judoscale reports every ten
seconds to a port of this host where somebody says OK. The exit status is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import http.server
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

MOST_OF_JUDOSCALE = 0.5  # of its CPU time
MOST_OF_A_CORE = 0.02  # percent
MOST_MEBIBYTES = 5.0

_POLICY = """{"policies": [{"service": "web", "maxReplicas": 10, "evaluationInterval": "1s",
  "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}]}]}"""

_SETTLE_SECONDS = 3
_SLEEP = f"""
import sys, time
time.sleep({_SETTLE_SECONDS})
began = time.process_time()
time.sleep(float(sys.argv[1]))
spent = time.process_time() - began
with open("/proc/self/statm") as pages:
    print(spent, int(pages.read().split()[1]) * 4096, flush=True)
import os
os._exit(0)
"""
_SELFSCALE = """
import sys, selfscale
selfscale.start(sys.argv[2])
"""
_JUDOSCALE = """
import sys
from judoscale.core.config import config
from judoscale.core.reporter import reporter
config.update({"API_BASE_URL": sys.argv[2], "REPORT_INTERVAL_SECONDS": 10, "LOG_LEVEL": "CRITICAL"})
reporter.ensure_running()
"""


class Accepts(http.server.BaseHTTPRequestHandler):
    """Says OK to every report."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Idle:
    """A process that sleeps."""

    def __init__(self, prelude: str, seconds: float, folder: Path, argument: str) -> None:
        environment = {
            "PATH": "/usr/bin:/bin",
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
            "AUTOSCALING_LOG_LEVEL": "off",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", prelude + _SLEEP, str(seconds), argument],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    def cost(self, seconds: float) -> tuple[float, float]:
        """Percent of a core, and mebibytes."""
        said, _ = self.process.communicate()
        spent, resident = said.split()
        return 100.0 * float(spent) / seconds, int(resident) / 2**20


def spread(values: list[float], form: str) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:{form}} [{low:{form}} {high:{form}}]"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Accepts)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    has_judoscale = importlib.util.find_spec("judoscale") is not None
    if not has_judoscale:
        print("not run: judoscale is not installed")
    cpu: dict[str, list[float]] = {}
    memory: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            policy = Path(folder) / "policies.json"
            policy.write_text(_POLICY, encoding="utf-8")
            idle = {
                "bare": Idle("", given.seconds, Path(folder), ""),
                "selfscale": Idle(_SELFSCALE, given.seconds, Path(folder), str(policy)),
            }
            if has_judoscale:
                url = f"http://127.0.0.1:{sink.server_address[1]}"
                idle["judoscale"] = Idle(_JUDOSCALE, given.seconds, Path(folder), url)
            costs = {name: one.cost(given.seconds) for name, one in idle.items()}
        for name, (of_a_core, taken) in costs.items():
            cpu.setdefault(name, []).append(of_a_core - costs["bare"][0])
            memory.setdefault(name, []).append(taken - costs["bare"][1])

    print(f"\nidle for {given.seconds:g} s under {sys.version.split()[0]}, over a bare process")
    print(f"{'':12}{'% of a core':>28}{'MiB':>24}")
    for name in cpu.keys() - {"bare"}:
        print(f"{name:12}{spread(cpu[name], '.4f'):>28}{spread(memory[name], '.1f'):>24}")
    missed = []
    if statistics.median(cpu["selfscale"]) > MOST_OF_A_CORE:
        missed.append(f"selfscale takes more than {MOST_OF_A_CORE:g} % of a core")
    if statistics.median(memory["selfscale"]) > MOST_MEBIBYTES:
        missed.append(f"selfscale takes more than {MOST_MEBIBYTES:g} MiB")
    if has_judoscale:
        ratios = [own / other for own, other in zip(cpu["selfscale"], cpu["judoscale"], strict=True)]
        print(f"selfscale takes {spread(ratios, '.2f')} of judoscale's CPU")
        if statistics.median(ratios) > MOST_OF_JUDOSCALE:
            missed.append(f"selfscale takes more than {MOST_OF_JUDOSCALE:g} of judoscale's CPU")
    for sentence in missed:
        print(f"missed: {sentence}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
