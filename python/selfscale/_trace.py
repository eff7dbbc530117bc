"""The two forms in which a recorded load is kept as CSV; docs/simulate.md describes them."""

from __future__ import annotations

import math
from typing import TypeAlias

from selfscale import _core
from selfscale.errors import Error

Points: TypeAlias = list[tuple[float, float]]

_COLUMNS = "t_seconds,value"
_PER = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
_SHORT = {"rps": "second", "qps": "second", "rpm": "minute"}
_ABBREVIATED = {"s": "second", "sec": "second", "m": "minute", "min": "minute", "h": "hour"}
_COUNTED = {"requests", "request", "reqs", "req"}
_KNOWN_UNITS = (
    "'requests per second' (also 'requests/s', 'rps'), 'requests per minute' ('rpm'), 'requests per hour', "
    "'requests per step' (the total of each step)"
)


def read_trace(text: str) -> Points:
    """Return a load as points (seconds, requests per second); every mistake above the rows is named at once.

    Raises:
        Error: ``malformed``.
    """
    lines = text.splitlines()
    comments = _comments(lines)
    if not {"unit", "step_s"} & comments.keys():
        return _rates(lines)
    problems = _problems(lines, comments)
    if problems:
        raise Error("; ".join(problems), "malformed")
    _, step = comments["step_s"]
    number, unit = comments["unit"]
    # The core reads totals and rates per second: its lines keep their numbers.
    lines[number] = "# unit: requests per second"
    factor = 1.0 / (_seconds_of(unit) or float(step))
    return [(seconds, value * factor) for seconds, value in _core.trace_from_csv("\n".join(lines) + "\n")]


def _comments(lines: list[str]) -> dict[str, tuple[int, str]]:
    """What the comments say: by key the index of its line, and the value."""
    found = {}
    for i, line in enumerate(lines):
        key, colon, value = line.strip().removeprefix("#").partition(":")
        if line.strip().startswith("#") and colon:
            found[key.strip()] = (i, value.strip())
    return found


def _problems(lines: list[str], comments: dict[str, tuple[int, str]]) -> list[str]:
    problems = []
    if "step_s" not in comments:
        problems.append("no '# step_s: …' above the columns: add the length of a step in seconds, as '# step_s: 60'")
    elif not _is_length(comments["step_s"][1]):
        i, step = comments["step_s"]
        problems.append(f"line {i + 1}: step_s is '{step}'; it must be a number of seconds above 0")
    if "unit" not in comments:
        problems.append(f"no '# unit: …' above the columns: add one of {_KNOWN_UNITS}")
    elif _seconds_of(comments["unit"][1]) is None:
        i, unit = comments["unit"]
        problems.append(f"line {i + 1}: the unit '{unit}' is not known; known are {_KNOWN_UNITS}")
    if not any(line.strip() == _COLUMNS for line in lines):
        problems.append(f"no line '{_COLUMNS}': put it between the comments and the rows")
    return problems


def _is_length(text: str) -> bool:
    length = _number(text)
    return length is not None and length > 0


def _seconds_of(unit: str) -> float | None:
    """The seconds that a value of this unit counts over; 0 for those of a step, None of an unknown unit."""
    words = unit.lower().replace("/", " per ").split()
    if len(words) == 1 and words[0] in _SHORT:
        return _PER[_SHORT[words[0]]]
    if len(words) != 3 or words[0] not in _COUNTED or words[1] != "per":
        return None
    return 0.0 if words[2] in {"step", "bin"} else _PER.get(_ABBREVIATED.get(words[2], words[2]))


def _rates(lines: list[str]) -> Points:
    """A file without unit and step: rates per second at instants, with straight lines between them."""
    rows = [(i, line.strip()) for i, line in enumerate(lines, 1) if line.strip() and not line.strip().startswith("#")]
    problems = []
    if not rows or rows[0][1] != _COLUMNS:
        problems.append(f"no line '{_COLUMNS}' above the rows")
    else:
        rows = rows[1:]
    if not rows:
        problems.append("no rows")
    points: Points = []
    for i, row in rows:
        first, _, second = row.partition(",")
        seconds, rate = _number(first), _number(second)
        if seconds is None or rate is None:
            problems.append(f"line {i}: '{row}' is not a row of two numbers 'seconds,value'")
        elif rate < 0:
            problems.append(f"line {i}: the value {rate:g} is negative; a load is 0 or more")
        elif points and seconds <= points[-1][0]:
            problems.append(f"line {i}: t_seconds {seconds:g} comes after {points[-1][0]:g}; sort the rows by time")
        else:
            points.append((seconds, rate))
    if problems:
        raise Error("; ".join(_first(problems)), "malformed")
    return points


def _first(problems: list[str], most: int = 10) -> list[str]:
    more = len(problems) - most
    return problems if more <= 0 else [*problems[:most], f"and {more} more"]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
