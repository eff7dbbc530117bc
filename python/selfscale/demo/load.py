"""The load generator of the demo: sends requests when they are due, whether or not earlier ones were answered.

Runs in a process of its own, so that what it costs is not the app's. It
reads one JSON object (a `Plan`) from its standard input and writes JSON lines, `Report`s, to its standard
output. A response time counts from the moment the request was due, not from when it was sent, so a late
generator cannot hide a slow service.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import resource
import sys
import time
from bisect import bisect_right
from collections import deque
from dataclasses import asdict, dataclass, field
from itertools import accumulate, pairwise
from typing import cast

REPORT_SECONDS = 0.25
SLOW = 1.3  # times the usual: a connection that answered so slowly is not kept
IDLE_SECONDS = 2.0  # less than a server's keep-alive, so that none is closed while a request is on its way


@dataclass(frozen=True)
class Plan:
    """What to send where: rates are requests per second at points in time, straight lines between them."""

    port: int
    seconds: list[float]
    rates: list[float]
    starts_at: float  # time.monotonic(), which all processes of a host share
    timeout: float = 2.0
    seed: int = 1


@dataclass
class Report:
    """What came of the requests that ended since the last report."""

    at: float  # seconds since the start
    due: list[float] = field(default_factory=list)  # when each was due
    took: list[float] = field(default_factory=list)  # its response time; of an error, the time until it was known
    failed: list[int] = field(default_factory=list)  # indexes into `due` of those that failed or timed out
    lag: float = 0.0  # the most that a request was sent late, for want of CPU
    problem: str = ""  # the first failure, in words


def arrival_times(plan: Plan) -> list[float]:
    """Poisson arrivals of the plan's rates: the same for the same seed."""
    lines = list(zip(pairwise(plan.seconds), pairwise(plan.rates), strict=True))
    totals = list(accumulate(((end - start) * sum(rates) / 2 for (start, end), rates in lines), initial=0.0))
    chance = random.Random(plan.seed)
    times = []
    total = chance.expovariate(1.0)
    while total < totals[-1]:
        line = bisect_right(totals, total) - 1
        (start, end), (low, high) = lines[line]
        # The time at which the area under the line from `low` to `high` has grown to what is left.
        left, slope = total - totals[line], (high - low) / (end - start)
        times.append(start + 2 * left / (low + math.sqrt(max(0.0, low * low + 2 * slope * left))))
        total += chance.expovariate(1.0)
    return times


class Connection(asyncio.Protocol):
    """One keep-alive connection, that is one worker: at most one request at a time."""

    def __init__(self, load: Load) -> None:
        """Belongs to one load."""
        self.load = load
        self.transport: asyncio.Transport | None = None
        self.request: Request | None = None
        self.sent_at = 0.0
        self.idle_since = 0.0
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's: the connection stands."""
        self.transport = cast("asyncio.Transport", transport)

    def send(self, request: Request) -> None:
        """Send one request."""
        assert self.transport is not None
        self.request = request
        self.received = b""
        self.sent_at = time.monotonic()
        self.transport.write(b"GET /items/%d HTTP/1.1\r\nHost: demo\r\n\r\n" % request.number)

    def data_received(self, data: bytes) -> None:
        """Asyncio's: some bytes of the answer."""
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator or self.request is None:
            return
        head = head.lower()
        _, _, after = head.partition(b"content-length:")
        if len(body) < int(after.split(b"\r\n", 1)[0] or 0):
            return
        request, self.request = self.request, None
        ok = head.startswith(b"http/1.1 200")
        request.end("" if ok else self.received.split(b"\r\n", 1)[0].decode(errors="replace"))
        self.load.give_back(self, b"connection: close" not in head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's: it is gone."""
        self.transport = None
        if self.request is not None:
            self.request.end(f"connection lost: {exc or 'closed by the server before it answered'}")
            self.request = None

    def close(self) -> None:
        """Give up on it."""
        self.request = None
        if self.transport is not None:
            self.transport.abort()


class Request:
    """One request, from the moment it is due until it is known what came of it."""

    def __init__(self, load: Load, number: int, due: float) -> None:
        """Start the clock."""
        self.load = load
        self.number = number
        self.due = due
        self.connection: Connection | None = None
        self.ended = False
        load.open += 1
        self.timer = load.loop.call_at(load.plan.starts_at + due + load.plan.timeout, self.time_out)

    def end(self, problem: str) -> None:
        """Note what came of it; the first word counts."""
        if self.ended:
            return
        self.ended = True
        self.timer.cancel()
        self.load.note(self.due, problem)

    def time_out(self) -> None:
        """Nobody waits any longer."""
        if self.connection is not None:
            self.connection.close()
        self.end(f"no answer within {self.load.plan.timeout:g} s")


class Load:
    """Sends a plan's requests and reports on them."""

    def __init__(self, plan: Plan) -> None:
        """Prepare everything that can be before the start."""
        self.plan = plan
        self.loop = asyncio.get_running_loop()
        self.times = arrival_times(plan)
        self.idle: deque[Connection] = deque()
        self.open = 0
        self.usual = 0.0  # response time, averaged over some fifty requests
        self.report = Report(at=0.0)
        self.background: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send everything when it is due; return when all have ended."""
        reporting = self.loop.call_at(self.plan.starts_at + REPORT_SECONDS, self.write_report)
        for number, due in enumerate(self.times):
            wait = self.plan.starts_at + due - time.monotonic()
            if wait > 0.0005:
                await asyncio.sleep(wait)
            self.report.lag = max(self.report.lag, time.monotonic() - self.plan.starts_at - due)
            self.start(Request(self, number, due))
        while self.open:
            await asyncio.sleep(0.02)
        reporting.cancel()
        self.write_report(again=False)

    def start(self, request: Request) -> None:
        """Send on the connection that has been idle longest, or on a new one."""
        while self.idle:
            connection = self.idle.popleft()
            if connection.transport is None or connection.transport.is_closing():
                continue
            if time.monotonic() - connection.idle_since > IDLE_SECONDS:
                connection.close()
                continue
            request.connection = connection
            connection.send(request)
            return
        task = self.loop.create_task(self.connect(request))
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    async def connect(self, request: Request) -> None:
        """Open a connection for this request."""
        try:
            _, connection = await self.loop.create_connection(lambda: Connection(self), "127.0.0.1", self.plan.port)
        except OSError as problem:
            request.end(f"no connection: {problem}")
            return
        if request.ended:
            connection.close()
            return
        request.connection = connection
        connection.send(request)

    def give_back(self, connection: Connection, reusable: bool) -> None:
        """Keep a connection for the next request, unless its worker is busier than the others.

        A balancer that knows its servers would choose the least busy one. Here the kernel chooses, once per
        connection; so connections to busy workers are given up, and those to idle (and new) workers stay.
        """
        now = time.monotonic()
        took = now - connection.sent_at
        self.usual += 0.02 * (took - self.usual) if self.usual else took
        if not reusable or took > SLOW * self.usual:
            connection.close()
            return
        connection.idle_since = now
        self.idle.append(connection)

    def note(self, due: float, problem: str) -> None:
        """Put a request into the next report."""
        self.open -= 1
        report = self.report
        if problem:
            report.failed.append(len(report.due))
            report.problem = report.problem or problem
        report.due.append(round(due, 4))
        report.took.append(round(time.monotonic() - self.plan.starts_at - due, 5))

    def write_report(self, again: bool = True) -> None:
        """Hand on what has come in, and start anew."""
        self.report.at = time.monotonic() - self.plan.starts_at
        sys.stdout.write(json.dumps(asdict(self.report)) + "\n")
        sys.stdout.flush()
        self.report = Report(at=0.0)
        if again:
            self.loop.call_later(REPORT_SECONDS, self.write_report)


def main() -> None:
    """Read the plan, send it, report."""
    plan = Plan(**json.loads(sys.stdin.readline()))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(hard, 8192)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))

    async def run() -> None:
        await Load(plan).run()

    try:
        import uvloop

        uvloop.run(run())
    except ImportError:
        asyncio.run(run())
    # What the generator itself has cost, for the check whether the figures mean anything.
    print(json.dumps({"cpu_seconds": time.process_time()}), flush=True)
