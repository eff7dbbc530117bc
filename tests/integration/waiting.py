"""Waiting for what somebody else does, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest


def until(condition: Callable[[], Any], what: Callable[[], object] | str, seconds: float = 60.0) -> Any:
    """Wait until a condition holds, and return what it gave; the test fails with `what` where it never does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    pytest.fail(f"not within {seconds:.0f} s: {what if isinstance(what, str) else what()}")
