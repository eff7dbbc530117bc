"""For your tests: a platform in memory, a past, what has been recorded, and a check of a driver of your own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from selfscale import stages
from selfscale._agent import Agent
from selfscale._driver_bench import Fault
from selfscale._driver_checks import DRIVER_CHECKS, CheckedPromise, DriverCheck, DriverReport, check_driver
from selfscale._json import Document, Json
from selfscale.drivers import Capabilities, Counts

__all__ = [
    "DRIVER_CHECKS",
    "NOW",
    "CheckedPromise",
    "Distribution",
    "DriverCheck",
    "DriverReport",
    "Fault",
    "MemoryPlatform",
    "after",
    "ago",
    "check_driver",
    "past",
    "recorded",
]

NOW = 1_999_998_000.0
"""An instant for snapshots: seconds since the epoch."""


def ago(seconds: float, now: float = NOW) -> float:
    """Return the instant so many seconds before another one."""
    return now - seconds


def after(seconds: float) -> float:
    """Return the instant so many seconds after `NOW`."""
    return NOW + seconds


def past(
    policy: Document,
    *,
    recommendations: Iterable[tuple[float, int]] = (),
    added: Iterable[tuple[float, int]] = (),
    removed: Iterable[tuple[float, int]] = (),
) -> Json:
    """Return the state of a service that has a past: pairs (seconds before `NOW`, replicas), in any order.

    Args:
        policy: what `decide` will be called with; of the past it keeps what that policy can still need.
        recommendations: what was wanted, before any limit.
        added: what steps up have added.
        removed: what steps down have taken away.
    """
    state: Json = {"at": 0, "seen": True}
    for age, replicas in sorted(recommendations, key=lambda one: -one[0]):
        snapshot = {"at": ago(age), "platform": {"currentReplicas": replicas}}
        state = stages.stabilize(policy, snapshot, replicas, state)["state"]
    ups = [[ago(age), replicas, 1] for age, replicas in added]
    downs = [[ago(age), -replicas, 1] for age, replicas in removed]
    return {**state, "changes": sorted(ups + downs)}


@dataclass(frozen=True)
class Distribution:
    """How many values a distribution holds, and their sum."""

    count: int
    sum: float


def recorded(agent: Agent) -> dict[str, float | Distribution]:
    """Return what this process has recorded, by name, or by ``name{labels}``."""
    values: dict[str, float | Distribution] = {}
    for metric in json.loads(agent._native.metrics()):
        name = f"{metric['name']}{{{metric['labels']}}}" if metric["labels"] else metric["name"]
        if metric["kind"] == "distribution":
            values[name] = Distribution(metric["count"], metric["sum"])
        else:
            values[name] = metric["count"] if metric["kind"] == "counter" else metric["value"]
    return values


@dataclass
class MemoryPlatform:
    """A driver whose platform is a number: what was asked for is there at once.

    Attributes:
        replicas: how many there are. Set it, and somebody else has scaled.
        asked: every count that was asked for, in order.
        fails: an exception to raise at the next attempts.
    """

    replicas: int = 1
    asked: list[int] = field(default_factory=list)
    fails: Exception | None = None

    def scale(self, replicas: int, /) -> None:
        """Take the count for done."""
        self.asked.append(replicas)
        if self.fails is not None:
            raise self.fails
        self.replicas = replicas

    def observe(self) -> Counts:
        """Return the number."""
        return {
            "desiredReplicas": self.replicas,
            "currentReplicas": self.replicas,
            "readyReplicas": self.replicas,
        }

    def preflight(self) -> list[str]:
        """Nothing is wrong."""
        return []

    def capabilities(self) -> Capabilities:
        """It is a number of this process, which nobody else reaches."""
        return {"scope": "host", "reportsReady": True}
