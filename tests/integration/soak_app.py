"""The process of the soak: an agent evaluates all the time, acts, is scraped and asked, and the process forks."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from pathlib import Path

import selfscale

TICKS, SEED = int(sys.argv[1]), int(sys.argv[2])
COUNTED_BY_A_CHILD = 10
POLICY = {
    "service": "soaked",
    "minReplicas": 1,
    "maxReplicas": 5,
    "evaluationInterval": "1ms",  # as often as it can: a tick takes some milliseconds
    "metrics": [{"name": "depth", "aggregation": "last", "across": "max", "window": "500ms"}],
    "rules": [{"type": "threshold", "metric": "depth", "scaleUp": 10, "scaleDown": 2}],
    "behavior": {
        "scaleUp": {"stabilizationWindowSeconds": 0, "cooldown": "100ms"},
        "scaleDown": {"stabilizationWindowSeconds": 0, "cooldown": "100ms"},
    },
}


class Platform:
    """Does at once what it is asked for, and counts how often it was looked at: that is once in an evaluation."""

    def __init__(self) -> None:
        self.ticks = 0
        self.replicas = 1
        self.scaled = 0
        self.looked = threading.Event()

    def scale(self, replicas: int, /) -> None:
        self.replicas = replicas
        self.scaled += 1

    def observe(self) -> int:
        self.ticks += 1
        self.looked.set()
        return self.replicas

    def preflight(self) -> list[str]:
        return []

    def capabilities(self) -> dict[str, str]:
        return {"scope": "host"}


def measured() -> dict[str, int]:
    """What must not grow."""
    return {
        "resident": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": len(list(Path("/proc/self/task").iterdir())),
    }


def fork_and_count(counted: selfscale.Counter, chance: random.Random) -> None:
    """A child counts, and ends in one of the ways in which processes do."""
    way = chance.randrange(3)
    child = os.fork()
    if child != 0:
        os.waitpid(child, 0)
        return
    for _ in range(COUNTED_BY_A_CHILD):
        counted.inc()
    if way == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if way == 1:
        os.execv("/bin/true", ["true"])
    os._exit(0)


def main() -> None:
    chance = random.Random(SEED)
    platform = Platform()
    agent = selfscale.start(POLICY, service="soaked", driver=platform, enable=True)
    counted = selfscale.counter("counted")
    took = selfscale.distribution("took")
    depth = selfscale.gauge("depth")
    total = 0
    samples = []
    for tick in range(TICKS):
        platform.looked.wait()
        platform.looked.clear()
        counted.inc(7)
        total += 7
        took.observe(chance.expovariate(1))
        depth.set(50 if tick // 100 % 2 else 0)
        if tick % 50 == 0:
            fork_and_count(counted, chance)
            total += COUNTED_BY_A_CHILD
        if tick % 50 == 10:
            thread = threading.Thread(target=counted.inc)
            thread.start()
            thread.join()
            total += 1
        if tick % 50 == 20:
            agent.exposition()
        if tick % 50 == 30:
            agent.status()
        if tick % (TICKS // 20) == TICKS // 20 - 1:
            samples.append(measured())
    lines = agent.exposition()[1].decode().splitlines()
    exposed = sum(float(line.split()[1]) for line in lines if line.startswith("counted_total "))
    status = agent.status()
    print(
        json.dumps(
            {
                "samples": samples,
                "counted": total,
                "exposed": exposed,
                "ticks": platform.ticks,
                "scaled": platform.scaled,
                "pids": [pid for one in status["instances"] for pid in one["pids"]],
                "errors": status["errors"],
                "degraded": status["degraded"],
                "segment": status["segment"]["path"],
                "pid": os.getpid(),
            }
        )
    )


main()
