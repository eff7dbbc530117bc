"""Holds schedules, and the zones that they are read in, against Python's zoneinfo.

    python zoneinfo_schedules.py FILE [copy]

FILE has a line for each set of zones whose clocks are the same (tests/cpp/decide/schedules_test.cpp writes it): their
names; a time of the day, in minutes, near which their clocks change; `second:offset` for each change; a digit for the
minimum in force at each minute compared, and one for the maximum. Compared are, from 2020 to 2035, each minute within
two hours of each change and ten thousand others. What differs is printed, and the exit status is 1. With `copy` the
zones are those of the build's copy, which prefers the package `tzdata` (cmake/zone_copy.py).
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, time, timedelta, timezone
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo, reset_tzpath

MINUTE = 60
HOUR = 60 * MINUTE
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1)
FIRST = int(datetime(2020, 1, 1, tzinfo=timezone.utc).timestamp())
LAST = int(datetime(2036, 1, 1, tzinfo=timezone.utc).timestamp())
OTHERS = 841 * MINUTE  # apart: ten thousand in 16 years, at every minute of the day


def shown(at: int, zone: ZoneInfo) -> datetime:
    """Return what the zone's clocks show at an instant, in seconds since the epoch."""
    return datetime.fromtimestamp(at, zone).replace(tzinfo=None)


@cache
def second_pass(clock: time) -> time:
    """Return a time of the day, as it is repeated."""
    return clock.replace(fold=1)


def passes(local: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """Return the instants of a time by the offsets before and after a change of the clocks that is near."""
    again = datetime.combine(local.date(), second_pass(local.time()))
    seconds = (local - EPOCH) // SECOND
    return seconds - zone.utcoffset(local) // SECOND, seconds - zone.utcoffset(again) // SECOND


def first(local: datetime, zone: ZoneInfo) -> int:
    """Return the instant at which the zone's clocks come to a time; of a time left out, the end of the gap."""
    before, after = passes(local, zone)
    if before <= after:
        return before
    while shown(after, zone) < local:  # before the gap
        after += MINUTE
    return after


def last(local: datetime, zone: ZoneInfo) -> int:
    """Return the instant from which on the zone's clocks show nothing before a time again."""
    before, after = passes(local, zone)
    if before == after:
        return before
    at = max(before, after)
    while shown(at - MINUTE, zone) >= local:
        at -= MINUTE
    return at


class Expected:
    """The bounds that the schedules of schedules_test.cpp, about a time of the day, put in force."""

    def __init__(self, zone: ZoneInfo, clock: int) -> None:
        def times(minutes: int) -> Iterator[datetime]:
            day = datetime(2019, 12, 28) + timedelta(minutes=clock + minutes)
            while day < datetime(2036, 1, 4):
                yield day
                day += DAY

        def firsts(minutes: int) -> list[int]:
            return [first(t, zone) for t in times(minutes)]

        def lasts(minutes: int) -> list[int]:
            return [last(t, zone) for t in times(minutes)]

        self.low = firsts(-20), lasts(10)
        self.high = [(firsts(-30), lasts(0)), (firsts(20), [at + 50 * MINUTE for at in firsts(20)])]
        fires = [(first(t, zone), t, bounds) for minutes, bounds in ((15, "38"), (80, "27")) for t in times(minutes)]
        self.fires = [at for at, _, _ in sorted(fires)]
        self.held = [bounds for _, _, bounds in sorted(fires)]

    def at(self, second: int) -> str:
        """Return the digits of the minimum and the maximum."""
        least, most = self.held[bisect_right(self.fires, second) - 1]
        is_high = any(is_open(window, second) for window in self.high)
        return ("4" if is_open(self.low, second) else least) + ("9" if is_high else most)


def is_open(window: tuple[list[int], list[int]], second: int) -> bool:
    """Return whether one of a window's days, none of which overlap, is under way."""
    opens, closes = window
    return second < closes[bisect_right(opens, second) - 1]


def minutes(changes: list[int]) -> Iterator[int]:
    """Yield the minutes to compare."""
    yield from range(FIRST, LAST, OTHERS)
    for change in changes:
        if FIRST <= change < LAST:
            yield from range(change - 2 * HOUR, change + 2 * HOUR, MINUTE)


def differences(line: str) -> Iterator[str]:
    """Yield what differs in a line."""
    names, clock, table, minima, maxima = line.split()
    changes = [tuple(map(int, change.split(":"))) for change in table.split(",")]
    starts = [second for second, _ in changes]
    compared = list(minutes(starts))
    for name in names.split(","):
        zone = ZoneInfo(name)
        for minute in compared:
            ours = timedelta(seconds=changes[max(bisect_right(starts, minute) - 1, 0)][1])
            theirs = datetime.fromtimestamp(minute, zone).utcoffset()
            if ours != theirs:
                yield f"{name} at {minute}: {ours} ahead of UTC and not {theirs}"
    expected = Expected(zone, int(clock))
    for minute, least, most in zip(compared, minima, maxima, strict=True):
        if least + most != expected.at(minute):
            yield f"{name} at {minute}: bounds {least}, {most} and not {', '.join(expected.at(minute))}"


if __name__ == "__main__":
    if "copy" in sys.argv[2:] and find_spec("tzdata") is not None:
        reset_tzpath(to=[])
    found = [text for line in Path(sys.argv[1]).read_text().splitlines() for text in differences(line)]
    print("\n".join(found[:20]))
    sys.exit(1 if found else 0)
