"""Durations as policies write them."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = r"(\d+\.?\d*|\.\d+)(ms|[smhd])"


def seconds(duration: str | float) -> float:
    """Return a duration ("250ms", "1h30m", or a number of seconds) in seconds. ValueError: it is none."""
    if not isinstance(duration, str):
        return float(duration)
    if not re.fullmatch(f"(?:{_PART})+", duration):
        raise ValueError(f'"{duration}" is no duration such as "30m" or "1h30m"')
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, duration))
