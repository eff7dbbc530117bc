"""Schedules, as decide sees them, against Python's zoneinfo."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import selfscale
from hypothesis import given, settings
from hypothesis import strategies as st
from zoneinfo_schedules import DAY, FIRST, HOUR, LAST, MINUTE, first, last, shown

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Africa/Lagos",
    "Asia/Kathmandu",
]


def replicas(schedule: dict[str, Any], at: int) -> int:
    """Return what becomes of two idle replicas; the schedule's minimum is 5."""
    policy = {
        "service": "backend",
        "minReplicas": 2,
        "maxReplicas": 10,
        "behavior": "none",
        "rules": [{"type": "target", "metric": "due", "targetPerReplica": 1}],
        "schedules": [schedule | {"minReplicas": 5}],
    }
    snapshot = {
        "version": 1,
        "at": 1000.0,
        "wallTime": float(at),
        "service": "backend",
        "platform": {
            "desiredReplicas": 2,
            "currentReplicas": 2,
            "readyReplicas": 2,
            "updating": False,
            "error": None,
        },
        "instances": [],
        "metrics": {"due": {"value": 0.0, "age": 1.0, "window": 60}},
        "shared": {},
        "estimates": {},
    }
    return int(selfscale.decide(policy, snapshot)["toReplicas"])


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(FIRST // MINUTE, LAST // MINUTE),
    st.integers(0, 24 * 60 - 1),
    st.integers(1, 24 * 60 - 1),
    st.booleans(),
)
def test_a_window_is_open_as_zoneinfo_says(name: str, minute: int, start: int, length: int, moves: bool) -> None:
    zone = ZoneInfo(name)
    at = minute * MINUTE
    if moves:  # to a day on which this zone's clocks change, if there is one within a year
        days = (at + day * 24 * HOUR for day in range(366))
        at = next((day for day in days if shown(day, zone).time() != shown(at, zone).time()), at)
    begin = time(start // 60, start % 60)
    end = (datetime.combine(date.min, begin) + timedelta(minutes=length)).time()
    schedule = {"timezone": name, "from": f"{begin:%H:%M}", "to": f"{end:%H:%M}"}
    today = shown(at, zone).date()
    is_open = False
    for day in (today - DAY, today):
        closing = day + DAY if end <= begin else day
        opens = first(datetime.combine(day, begin), zone)
        is_open |= opens <= at < last(datetime.combine(closing, end), zone)
    assert replicas(schedule, at) == (5 if is_open else 2)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.dates(date(2020, 1, 1), date(2035, 12, 31)),
    st.integers(0, 24 * 60 - 1),
)
def test_one_time_begins_when_zoneinfo_says(name: str, day: date, minute: int) -> None:
    local = datetime.combine(day, time(minute // 60, minute % 60))
    at = first(local, ZoneInfo(name))
    schedule = {"timezone": name, "at": f"{local:%Y-%m-%dT%H:%M}"}
    assert replicas(schedule, at - 1) == 2
    assert replicas(schedule, at) == 5
