"""For your tests: a platform in memory, a past, what has been recorded, and a check of a driver of your own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from selfscale import stages
from selfscale._agent import Agent
from selfscale._json import Document, Json
from selfscale.drivers import Counts, Driver, Finding, Findings

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


def check_driver(
    driver: Driver,
    *,
    replicas: int = 2,
    truth: Callable[[], int] | None = None,
    set_truth: Callable[[int], object] | None = None,
    seconds: float = 30.0,
) -> None:
    """Check that a driver of your own keeps its promises. It scales: point it at something made for tests.

    Args:
        driver: an object with the methods of `Driver`.
        replicas: a count, 1 or more; the platform is brought to it, to one more, and back.
        truth: how many replicas the platform was told to have, asked behind the driver's back.
        set_truth: scales as somebody else would, behind the driver's back.
        seconds: how long replicas may take to start and to end.

    Raises:
        AssertionError: with a sentence on the promise that was broken.
    """
    wrong = _wrong(driver.preflight())
    assert not wrong, f"preflight() says that this process may not act: {wrong}"
    for count in (replicas, replicas + 1, replicas):
        for _ in range(2):  # asking twice changes nothing
            driver.scale(count)
            desired = _desired(driver.observe())
            assert desired == count, f"after scale({count}), observe() says that {desired} are asked for"
            if truth is not None:
                told = truth()
                assert told == count, f"scale({count}) had the platform make {told}"
        _settle(driver, count, seconds)
    if set_truth is not None:
        set_truth(replicas + 1)
        desired = _desired(driver.observe())
        assert desired == replicas + 1, f"somebody else asked for {replicas + 1}, and observe() says {desired}"
        _settle(driver, replicas + 1, seconds)


def _settle(driver: Driver, count: int, seconds: float) -> None:
    """Wait until there are so many replicas, and ready ones, as far as the driver tells."""
    deadline = time.monotonic() + seconds
    while True:
        counts = driver.observe()
        found = counts if isinstance(counts, Mapping) else {"currentReplicas": counts}
        seen = {name: found[name] for name in ("currentReplicas", "readyReplicas") if found.get(name) is not None}
        if all(value == count for value in seen.values()):
            return
        assert time.monotonic() < deadline, f"{seconds:g} s after scale({count}), observe() says {seen}"
        time.sleep(0.05)


def _wrong(found: Findings) -> list[str]:
    by_kind = found if isinstance(found, Mapping) else {"wrong": found}
    assert set(by_kind) <= {"wrong", "warnings"}, f"preflight() may have wrong and warnings, not {sorted(by_kind)}"
    sentences: dict[str, list[str]] = {}
    for kind, findings in by_kind.items():
        assert not isinstance(findings, str), f"preflight() returns a list of sentences as {kind}, not one string"
        sentences[kind] = [_sentence(each) for each in findings]
    return sentences.get("wrong", [])


def _sentence(finding: Finding) -> str:
    if isinstance(finding, str):
        return finding
    assert set(finding) <= {"what", "why", "paste"}, f"a finding may have what, why and paste, not {sorted(finding)}"
    assert finding.get("what"), f"a finding without what: {finding}"
    return finding["what"]


def _desired(counts: Counts) -> int:
    if not isinstance(counts, Mapping):
        assert isinstance(counts, int), f"observe() returns an int or a dict, not {type(counts).__name__}"
        return counts
    desired = counts.get("desiredReplicas", counts.get("currentReplicas"))
    assert isinstance(desired, int), "observe() returns a dict with neither desiredReplicas nor currentReplicas"
    return desired
