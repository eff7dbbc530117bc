"""The runs of the demo: the same load against the agent's choice, the least and the most replicas."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from selfscale.demo.interrupts import Interrupts
from selfscale.demo.load import Plan
from selfscale.demo.processes import started_by
from selfscale.demo.scenario import Scenario
from selfscale.demo.service import START_SECONDS, Service
from selfscale.errors import Error

LOOK_SECONDS = 0.25
LOAD_START_SECONDS = 0.6  # the generator's own start


@dataclass(frozen=True)
class Look:
    """One look at a running service."""

    seconds: float  # since the load began
    workers: int  # processes that live
    wanted: int
    ready: int


@dataclass(frozen=True)
class Event:
    """A scaling event, at the load's time."""

    seconds: float
    from_replicas: int
    to_replicas: int
    reason: str


@dataclass
class Run:
    """What came of one run, while it goes on and after it."""

    name: str
    looks: list[Look] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    due: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    failed: list[bool] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    lag: float = 0.0  # the most that the generator was late
    generator_cpu_seconds: float | None = None
    began_at: float = 0.0  # when the load did, in seconds since the epoch
    seconds: float = 0.0

    def summary(self) -> dict[str, float]:
        """The numbers of summary.json; a failed request counts with the time until it had failed."""
        took = sorted(self.took)
        return {
            "requests": len(took),
            "errors": sum(self.failed),
            "p50_seconds": percentile(took, 0.5),
            "p95_seconds": percentile(took, 0.95),
            "p99_seconds": percentile(took, 0.99),
            "replica_seconds": round(self.replica_seconds(), 3),
            "scale_events": len(self.events),
            "offered_per_second": round(len(took) / self.seconds, 3) if self.seconds else 0.0,
        }

    def replica_seconds(self) -> float:
        """Living worker processes, integrated over the run."""
        total = 0.0
        for i, look in enumerate(self.looks):
            end = self.looks[i + 1].seconds if i + 1 < len(self.looks) else self.seconds
            total += look.workers * max(0.0, min(end, self.seconds) - max(look.seconds, 0.0))
        return total

    def recent(self, now: float, over: float) -> list[float]:
        """Response times of the requests that ended in the last seconds, sorted."""
        return sorted(took for due, took in zip(self.due, self.took, strict=True) if now - over < due + took <= now)

    def percentiles_over_time(self, step: float, q: float) -> tuple[list[float], list[float | None]]:
        """A percentile of the requests that were due in each step of time."""
        bins: list[list[float]] = [[] for _ in range(max(1, round(self.seconds / step)))]
        for due, took in zip(self.due, self.took, strict=True):
            bins[min(int(due / step), len(bins) - 1)].append(took)
        times = [(i + 0.5) * step for i in range(len(bins))]
        return times, [percentile(sorted(values), q) if values else None for values in bins]


@dataclass(frozen=True)
class Machine:
    """How busy the machine was during a run."""

    busy: float  # share of all CPU time
    steal: float  # share taken by other virtual machines


def percentile(ordered: Sequence[float], q: float) -> float:
    """The value below which the share `q` of sorted values lies; 0 of none."""
    return round(ordered[min(len(ordered) - 1, int(q * len(ordered)))], 5) if ordered else 0.0


class _Generator:
    """The load generator's process, and what it has reported so far."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.ended = False
        self._process = subprocess.Popen(
            started_by("selfscale.demo.load"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(plan)) + "\n")
        self._process.stdin.close()
        threading.Thread(target=self._read, name="load reports", daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def collect(self, run: Run) -> None:
        """Move what was reported into the run."""
        while not self.ended:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                return
            if line is None:
                self.ended = True
                return
            report: dict[str, Any] = json.loads(line)
            if "cpu_seconds" in report:
                run.generator_cpu_seconds = report["cpu_seconds"]
                continue
            failed = set(report["failed"])
            run.failed.extend(i in failed for i in range(len(report["due"])))
            run.due.extend(report["due"])
            run.took.extend(report["took"])
            run.lag = max(run.lag, report["lag"])
            if report["problem"]:
                run.problems.append(report["problem"])

    def stop(self) -> None:
        """End it if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


Watch = Callable[[Sequence[Run], float], None]
"""Told of the runs as they are, and the seconds since the load began (below 0: not yet)."""


@dataclass(frozen=True)
class _Part:
    """One service, its run, and the generator that loads it."""

    service: Service
    run: Run
    generator: _Generator


def play(
    scenario: Scenario, policies: dict[str, dict[str, Any]], folder: Path, watch: Watch
) -> tuple[list[Run], Machine]:
    """Run the load against each policy's service, all at the same time; leave no process behind."""
    runs = [Run(name, seconds=scenario.seconds) for name in policies]
    with Interrupts() as interrupts, ExitStack() as stack:

        def look(seen: Sequence[Run], seconds: float) -> None:
            interrupts.heed()
            watch(seen, seconds)

        services = [stack.enter_context(Service(policy, folder / name)) for name, policy in policies.items()]
        # Asked before any is waited for, so that they stop side by side.
        stack.callback(_ask_to_stop, services)
        _wait_until_ready(services, runs, look)
        before = _cpu_times()
        starts_at = time.monotonic() + LOAD_START_SECONDS
        parts = []
        for service, run in zip(services, runs, strict=True):
            generator = _Generator(Plan(service.port, *scenario.load, starts_at))
            stack.callback(generator.stop)
            parts.append(_Part(service, run, generator))
        _watch_until_ended(parts, starts_at, look)
        machine = _machine_since(before)
    return runs, machine


def _ask_to_stop(services: list[Service]) -> None:
    for service in services:
        service.ask_to_stop()


def _wait_until_ready(services: list[Service], runs: list[Run], watch: Watch) -> None:
    deadline = time.monotonic() + START_SECONDS
    for service in services:
        while not service.is_ready():
            if time.monotonic() > deadline:
                message = f"the service did not become ready within {START_SECONDS:g} s:\n{service.log()}"
                raise Error(message, "timed_out")
            watch(runs, -1.0)
            time.sleep(0.05)


def _watch_until_ended(parts: list[_Part], starts_at: float, watch: Watch) -> None:
    runs = [part.run for part in parts]
    began_wall = time.time() - time.monotonic() + starts_at
    for run in runs:
        run.began_at = began_wall
    next_look = time.monotonic()
    while not all(part.generator.ended for part in parts):
        for part in parts:
            part.generator.collect(part.run)
            part.run.looks.append(_look(part.service, starts_at))
            part.run.events = _events(part.service, began_wall) or part.run.events
        watch(runs, time.monotonic() - starts_at)
        next_look = max(next_look + LOOK_SECONDS, time.monotonic())
        time.sleep(max(0.0, next_look - time.monotonic()))


def _look(service: Service, starts_at: float) -> Look:
    said = service.status() or {}
    workers = len(service.workers())
    wanted = said.get("desiredReplicas") or workers
    return Look(time.monotonic() - starts_at, workers, wanted, said.get("readyReplicas") or 0)


def _events(service: Service, began_wall: float) -> list[Event]:
    return [
        Event(
            _wall_seconds(event["startedAt"]) - began_wall,
            event["fromReplicas"],
            event["toReplicas"],
            event["reason"],
        )
        for event in service.history()
        if event["fromReplicas"] != event["toReplicas"]
    ]


def _wall_seconds(text: str) -> float:
    """Seconds since the epoch of a time in RFC 3339."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _cpu_times() -> list[int]:
    with Path("/proc/stat").open(encoding="ascii") as lines:
        return [int(value) for value in lines.readline().split()[1:9]]


def _machine_since(before: list[int]) -> Machine:
    spent = [now - then for now, then in zip(_cpu_times(), before, strict=True)]
    total = max(1, sum(spent))
    idle = spent[3] + spent[4]
    return Machine(busy=(total - idle) / total, steal=spent[7] / total)
