"""Whether what we count is what wrk counts, and our percentiles are those that it sees.

    python benchmarks/middleware/counts.py [--seconds 5]

uvicorn and gunicorn with one worker and with four serve an application whose answers take 20 to 80 ms; wrk's eight
connections load it. When its time is over, wrk drops the requests that are on their way, one a connection at most: we
count those, too. Its latencies contain what lies outside the application, the server's parsing and the waiting for a
worker; what remains is the error that our readings state (0.55 %). So ours may be lower than wrk's by no more than
some milliseconds, and higher by that error alone.

The exit status is 1 where a count or a percentile does not agree.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
CONNECTIONS = 8
OUTSIDE_SECONDS = 0.005
PERCENTILES = ("50", "75", "90", "99")
PORT = 8731

POLICY = {
    "policies": [
        {
            "service": "counted",
            "maxReplicas": 4,
            "evaluationInterval": "1s",
            "metrics": [{"name": f"response_time_p{percentile}", "window": "10m"} for percentile in PERCENTILES],
            "rules": [
                {
                    "type": "threshold",
                    "name": f"p{percentile}",
                    "metric": f"response_time_p{percentile}",
                    "scaleUp": 60,
                    "scaleDown": 0.001,
                }
                for percentile in PERCENTILES
            ],
        }
    ]
}

SERVERS = {
    f"{name}, {workers} worker{'s' if workers > 1 else ''}": [*command, str(workers)]
    for workers in (1, 4)
    for name, command in {
        "uvicorn": ["uvicorn", "counted:app", "--port", str(PORT), "--no-access-log", "--workers"],
        "gunicorn": ["gunicorn", "counted:app", "-k", "uvicorn.workers.UvicornWorker", "-b", f"127.0.0.1:{PORT}", "-w"],
    }.items()
}


def get(path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
    connection.request("GET", path)
    return connection.getresponse().read().decode()


@contextlib.contextmanager
def served(command: list[str], folder: Path) -> Iterator[None]:
    environment = {
        **os.environ,
        "SELFSCALE_RUN_DIR": str(folder / "run"),
        "SELFSCALE_STATE_DIR": str(folder / "state"),
        "SELFSCALE_POLICIES": str(folder / "policies.json"),
        "SELFSCALE_SERVICE": "counted",
        "AUTOSCALING_LOG_LEVEL": "error",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=HERE,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            with contextlib.suppress(OSError):
                get("/metrics")
                break
            if process.poll() is not None:
                sys.exit(f"{command[0]} does not start")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def load(seconds: float) -> tuple[int, dict[str, float]]:
    """wrk's count of requests, and its percentiles in seconds."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--latency", f"http://127.0.0.1:{PORT}/items/7"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        sys.exit(printed)
    count = re.search(r"(\d+) requests in", printed)
    assert count is not None
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
    found = re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s)", printed)
    return int(count[1]), {percentile: float(value) * unit[u] for percentile, value, u in found}


def counted() -> int:
    lines = re.findall(r'^http_requests_total\{[^}]*handler="/items/\{item\}"[^}]*\} (\S+)', get("/metrics"), re.M)
    return sum(int(float(value)) for value in lines)


def percentiles() -> dict[str, float]:
    """Those of the whole run, by the agent's last word."""
    time.sleep(2.5)  # an evaluation after the last request
    return {str(rule).removeprefix("p"): float(value) for rule, value in json.loads(get("/proposals")).items()}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=5)
    options = arguments.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("This needs wrk: apt-get install wrk")
    agree = True
    for name, command in SERVERS.items():
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "policies.json").write_text(json.dumps(POLICY), encoding="utf-8")
            with served(command, Path(folder)):
                theirs, seen = load(options.seconds)
                ours = percentiles()
                more = counted() - theirs
        agree = agree and 0 <= more <= CONNECTIONS
        print(f"{name}: wrk {theirs} requests, selfscale {more:+d} (0 to {CONNECTIONS} on their way at the end)")
        for percentile in PERCENTILES:
            value, other = ours[percentile], seen[percentile]
            fits = other - OUTSIDE_SECONDS <= value <= other * 1.0055
            agree = agree and fits
            note = "" if fits else "  differs"
            print(f"  p{percentile}: wrk {other * 1e3:.2f} ms, selfscale {value * 1e3:.2f} ms{note}")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
