"""Drivers made in Python: your own functions act on your platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

__all__ = ["CallbackDriver", "Counts", "Driver", "Findings"]

Counts: TypeAlias = "int | Mapping[str, int | None]"
"""Replicas: one number, or ``desiredReplicas``, ``currentReplicas`` and, where known, ``readyReplicas``."""

Findings: TypeAlias = "Sequence[str] | Mapping[str, Sequence[str]]"
"""What is wrong, in sentences; or a dict with ``wrong`` and ``warnings``: what acting costs, and forbids nothing."""


@runtime_checkable
class Driver(Protocol):
    """What scales a service: a class of yours with these methods will do."""

    def scale(self, replicas: int, /) -> None:
        """Ask the platform for exactly so many replicas; an exception is a failed attempt."""
        ...

    def observe(self) -> Counts:
        """Return what the platform has now."""
        ...

    def preflight(self) -> Findings:
        """Return what is wrong, in sentences; nothing: this process may act. In a dict, also what acting costs."""
        ...


@dataclass(frozen=True)
class CallbackDriver:
    """A driver made of functions. They run on one thread that Python owns, one call at a time.

    Attributes:
        scale: asks the platform for exactly so many replicas.
        observe: what the platform has now; without it the count last asked for is taken for true.
        preflight: what is wrong, in sentences; in a dict, also what to warn of.
    """

    scale: Callable[[int], None]
    observe: Callable[[], Counts] | None = None
    preflight: Callable[[], Findings] | None = None
