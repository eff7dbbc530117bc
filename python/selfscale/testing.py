"""For your tests: a platform in memory, a past, what has been recorded, and a check of a driver of your own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from selfscale import stages
from selfscale._agent import Agent
from selfscale._json import Document, Json
from selfscale.drivers import Counts, Driver, Findings

__all__ = ["NOW", "Distribution", "MemoryPlatform", "after", "ago", "check_driver", "past", "recorded"]

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


def check_driver(driver: Driver, *, replicas: int = 2) -> None:
    """Check that a driver of your own keeps its promises. It scales: point it at something made for tests.

    Raises:
        AssertionError: with a sentence on the promise that was broken.
    """
    wrong = _wrong(driver.preflight())
    assert not wrong, f"preflight() says that this process may not act: {wrong}"
    for _ in range(2):  # asking twice changes nothing
        driver.scale(replicas)
        desired = _desired(driver.observe())
        assert desired == replicas, f"after scale({replicas}), observe() says that {desired} are asked for"


def _wrong(found: Findings) -> list[str]:
    by_kind = found if isinstance(found, Mapping) else {"wrong": found}
    assert set(by_kind) <= {"wrong", "warnings"}, f"preflight() may have wrong and warnings, not {sorted(by_kind)}"
    for kind, sentences in by_kind.items():
        assert not isinstance(sentences, str), f"preflight() returns a list of sentences as {kind}, not one string"
    return list(by_kind.get("wrong", []))


def _desired(counts: Counts) -> int:
    if not isinstance(counts, Mapping):
        assert isinstance(counts, int), f"observe() returns an int or a dict, not {type(counts).__name__}"
        return counts
    desired = counts.get("desiredReplicas", counts.get("currentReplicas"))
    assert isinstance(desired, int), "observe() returns a dict with neither desiredReplicas nor currentReplicas"
    return desired
