"""Durations of policies and options, in seconds."""

from __future__ import annotations

import pytest
from selfscale.cli.durations import seconds


@pytest.mark.parametrize(
    ("duration", "length"), [("250ms", 0.25), ("1h30m", 5400.0), (".5s", 0.5), ("1.s", 1.0), ("2d", 172800.0), (3, 3.0)]
)
def test_a_duration_is_read_as_policies_are(duration: str | float, length: float) -> None:
    assert seconds(duration) == length


@pytest.mark.parametrize("duration", ["", "soon", "5", "-5m", "5m later", ".s"])
def test_what_is_no_duration_is_refused(duration: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        seconds(duration)
