"""The corpus' units as selfscale's: by text, so that no digit is lost and nothing is computed."""

from __future__ import annotations


def from_milli(thousandths: int) -> float:
    """Return the number that is so many thousandths."""
    return float(f"{thousandths}e-3")


def duration(seconds: float) -> str:
    """Return a duration as policies write it."""
    return f"{seconds}s"
