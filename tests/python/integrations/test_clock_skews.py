"""What the clocks of proxies add to the waits that they report."""

from __future__ import annotations

import pytest
from selfscale import _core

START = 1_732_272_000.0
MINUTE = 60.0

Heard = tuple[str, float, float, float]
"""A host, seconds since the start, the wait that it reports, and what of it is a wait."""

TABLE: dict[str, list[Heard]] = {
    "two seconds behind are no wait": [("a", 0, 2, 2), ("a", MINUTE, 2, 0), ("a", 61, 2.5, 0.5), ("a", 62, 2, 0)],
    "who starts into a queue sees it": [("a", 0, 5, 5), ("a", 30, 5, 5), ("a", 59, 4, 4)],
    "a clock that is right changes nothing": [("a", 0, 0, 0), ("a", MINUTE, 3, 3), ("a", 90, 0.5, 0.5)],
    "the shortest counts at once": [("a", 0, 3, 3), ("a", 70, 3, 0), ("a", 71, 1, 0), ("a", 72, 3, 2)],
    "each host has its own": [("a", 0, 2, 2), ("b", 0, 0, 0), ("a", 70, 3, 1), ("b", 70, 3, 3), ("", 70, 3, 3)],
    "it lives for half an hour and more": [("a", 0, 1, 1), ("a", 1799, 4, 3), ("a", 1801, 4, 3), ("a", 3500, 4, 3)],
    "and is gone after an hour": [("a", 0, 1, 1), ("a", 1000, 4, 3), ("a", 1801, 4, 3), ("a", 3602, 4, 0)],
    "a host that was silent for an hour is new": [("a", 0, 1, 1), ("a", 3600, 4, 4), ("a", 3661, 5, 1)],
    "a clock that was put back begins anew": [("a", 0, 1, 1), ("a", 70, 2, 1), ("a", -500, 3, 3), ("a", -430, 4, 1)],
}


@pytest.mark.parametrize("heard", TABLE.values(), ids=TABLE.keys())
def test_the_shortest_wait_of_a_host_is_no_wait(heard: list[Heard]) -> None:
    skews = _core.ClockSkews()
    assert [skews.waited(host, reported, START + at) for host, at, reported, _ in heard] == pytest.approx(
        [expected for *_, expected in heard]
    )


def test_the_64_hosts_last_heard_of_are_known() -> None:
    skews = _core.ClockSkews()
    for number in range(64):
        skews.waited(f"10.0.0.{number}", 2, START + number / 100)
    assert skews.waited("10.0.0.0", 2, START + 70) == 0
    skews.waited("10.0.1.0", 2, START + 70)
    assert skews.waited("10.0.0.0", 2, START + 71) == 0
    assert skews.waited("10.0.0.63", 2, START + 71) == 0
    assert skews.waited("10.0.0.1", 2, START + 71) == 2, "the one that made room"
