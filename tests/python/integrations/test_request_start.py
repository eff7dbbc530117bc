"""When a request reached the first proxy, in the forms that proxies write."""

from __future__ import annotations

import pytest
from selfscale import _core

NOW = 1_732_272_001.0

FORMS = {
    "heroku, integer milliseconds": b"1732272000500",
    "nginx, seconds.milliseconds": b"t=1732272000.500",
    "apache, microseconds": b"t=1732272000500000",
    "new relic, microseconds": b"t=1732272000500000",
    "render, nanoseconds": b"1732272000500000000",
    "haproxy, microseconds": b"t=1732272000500000",
    "scalingo, seconds": b"1732272000.5",
    "caddy, milliseconds": b"1732272000500",
    "fractional milliseconds": b"1732272000500.0",
    "blanks around": b"  t= 1732272000.5\t",
    "two, the earlier counts": b"t=1732272000.9, t=1732272000.5",
}


@pytest.mark.parametrize("value", FORMS.values(), ids=FORMS.keys())
def test_every_form_is_read(value: bytes) -> None:
    waited, refused = _core.read_request_start(value, NOW)
    assert waited == pytest.approx(0.5, abs=1e-3)
    assert not refused


REFUSED = {
    "in the future": b"t=1732272002",
    "older than ten minutes": b"t=1732271000",
    "words": b"yesterday",
    "trailing words": b"1732272000.5s",
    "negative": b"-1732272000",
    "not a number": b"nan",
    "infinite": b"inf",
    "hexadecimal": b"0x673fd4c0",
    "an exponent": b"1.7e9",
    "zero": b"0",
}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_recent_time_is_refused(value: bytes) -> None:
    assert _core.read_request_start(value, NOW) == (None, True)


def test_a_clock_slightly_ahead_counts_as_no_wait() -> None:
    assert _core.read_request_start(b"t=1732272001.05", NOW) == (0.0, False)


def test_one_valid_start_among_wrong_ones_counts() -> None:
    waited, refused = _core.read_request_start(b"t=1732272000.5, soon", NOW)
    assert waited == pytest.approx(0.5, abs=1e-3)
    assert refused


@pytest.mark.parametrize("value", [b"", b"  ", b"t=", b","])
def test_nothing_is_nothing(value: bytes) -> None:
    assert _core.read_request_start(value, NOW) == (None, False)
