"""The load generator: sends what the plan says when it says so, and tells the truth about what came back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

pytest.importorskip("fastapi")

from selfscale.demo.load import Plan, arrival_times
from selfscale.demo.processes import started_by

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


def plan(rate: float, seconds: float = 1.0, **more: Any) -> Plan:
    return Plan(**{"port": 1, "seconds": [0.0, seconds], "rates": [rate, rate], "starts_at": 0.0} | more)


def test_arrivals_follow_the_rates_and_the_seed() -> None:
    uneven = Plan(port=1, seconds=[0, 10, 20], rates=[0, 200, 0], starts_at=0)
    times = arrival_times(uneven)
    assert times == sorted(times)
    assert times == arrival_times(uneven)
    assert len(times) == pytest.approx(2000, abs=5 * 2000**0.5)
    middle = sum(5 <= due < 15 for due in times)
    assert middle == pytest.approx(1500, abs=5 * 1500**0.5)
    assert times != arrival_times(Plan(port=1, seconds=[0, 10, 20], rates=[0, 200, 0], starts_at=0, seed=2))


async def generate(answer: Callable[[asyncio.StreamWriter], None], **more: Any) -> list[dict[str, Any]]:
    """The generator's reports of a plan, sent to a server that answers each request so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *started_by("selfscale.demo.load"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        starts_at = time.monotonic() + 0.2
        to_send = plan(**{"rate": 100.0, "seconds": 0.3, "port": port, "starts_at": starts_at, "timeout": 60.0} | more)
        output, _ = await process.communicate(json.dumps(asdict(to_send)).encode() + b"\n")
        assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


def total(reports: list[dict[str, Any]], key: str) -> int:
    return sum(len(report.get(key, ())) for report in reports)


def test_every_request_of_the_plan_is_answered_and_timed() -> None:
    reports = asyncio.run(generate(lambda writer: writer.write(OK), seconds=1.0))
    assert total(reports, "due") == total(reports, "took") == len(arrival_times(plan(100.0)))
    assert total(reports, "failed") == 0
    assert reports[-1]["cpu_seconds"] > 0
    assert len(reports) >= 3, "one while it sends, the last, and what it cost"


def test_an_error_answer_is_a_failure_in_the_servers_words() -> None:
    def refuse(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")

    reports = asyncio.run(generate(refuse))
    assert total(reports, "failed") == total(reports, "due") > 0
    assert any("503 Service Unavailable" in report.get("problem", "") for report in reports)


def test_a_closed_connection_is_a_failure() -> None:
    reports = asyncio.run(generate(lambda writer: writer.close()))
    assert total(reports, "failed") == total(reports, "due") > 0
    assert any("connection lost" in report.get("problem", "") for report in reports)


def test_no_answer_is_a_failure_after_the_timeout() -> None:
    reports = asyncio.run(generate(lambda writer: None, timeout=0.3))
    assert total(reports, "failed") == total(reports, "due") > 0
    assert all(took > 0.29 for report in reports for took in report.get("took", ()))
    assert any("no answer within 0.3 s" in report.get("problem", "") for report in reports)


def test_nobody_listening_is_a_failure() -> None:
    reports = asyncio.run(generate(lambda writer: None, port=1))
    assert total(reports, "failed") == total(reports, "due") > 0
    assert any("no connection" in report.get("problem", "") for report in reports)


def test_a_connection_told_to_close_is_not_used_again() -> None:
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    used: list[asyncio.StreamWriter] = []

    def answer(writer: asyncio.StreamWriter) -> None:
        used.append(writer)
        writer.write(closing)

    reports = asyncio.run(generate(answer))
    assert len(used) == len(set(used)) == total(reports, "due")
    assert total(reports, "failed") == 0
