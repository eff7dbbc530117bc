"""A service under a scripted load: what is decided is carried out at once and recorded, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import selfscale

MIDNIGHT = 1_772_409_600.0  # 2026-03-02, a Monday, 00:00 UTC
YEAR = 365 * 24 * 3600.0

Value = float | None | Callable[[int], float] | Sequence[float] | Mapping[str, float]
"""What is read: a number, None for no reading, what a number of serving replicas makes of it, one number for each
replica in turn, or a reading as a snapshot has it."""


class Phase(NamedTuple):
    """A stretch of time with the same load."""

    seconds: float
    each: Mapping[str, Value] = {}  # what every replica reports
    whole: Mapping[str, Value] = {}  # what is read once for the service
    surge: int | None = None  # a deployment is under way, with so many more than are asked for


def shared(load: float) -> Callable[[int], float]:
    """Return what each replica has of a load that they share."""
    return lambda replicas: load / replicas


def reading(value: float) -> dict[str, Any]:
    """Return a reading of this number; as a percentage, it is one of 1."""
    return {"value": value, "age": 1.0, "window": 60, "amount": value / 100, "capacity": 1.0}


class Service:
    """Replicas from midnight on, which serve `starts_in` seconds after they are asked for, else as if they always had.

    Until then they report what `starting` has, or nothing. Without `scaleToZero`, that there are none is our doing.
    """

    def __init__(
        self,
        policy: Mapping[str, Any],
        replicas: int,
        *,
        every: float = 15,
        known: Mapping[str, Any] | None = None,
        starts_in: float = 0,
        starting: Mapping[str, Value] | None = None,
    ) -> None:
        """Take a policy, the replicas found, the seconds between evaluations, and what else is known."""
        self.policy = policy
        self.replicas = replicas
        self.every = every
        self.known = known or {}
        self.starts_in = starts_in
        self.starting = starting or {}
        self.born = [-YEAR] * replicas
        self.at = 0.0
        self.state: dict[str, Any] = {"version": 2}
        if replicas == 0 and "scaleToZero" not in policy:
            self.record(-24 * 3600.0, 1, 0)

    def run(self, phases: list[Phase]) -> dict[int, int]:
        """Evaluate from now until the phases are over; return each change of the count by its second."""
        changes = {}
        for phase in phases:
            until = self.at + phase.seconds
            while self.at < until:
                at, before = self.at, self.replicas
                self.step(phase)
                if self.replicas != before:
                    changes[round(at)] = self.replicas
        return changes

    def step(self, phase: Phase) -> dict[str, Any]:
        """Decide once, carry it out, and let time pass to the next evaluation."""
        decision = selfscale.decide(self.policy, self._snapshot(phase), self.state)
        self.state = decision["state"]
        if decision["action"] == "scale":
            self.record(self.at, self.replicas, decision["toReplicas"])
            self.replicas = decision["toReplicas"]
            since = self.at if self.starts_in else -YEAR
            self.born = self.born[: self.replicas] + [since] * (self.replicas - len(self.born))
        self.at += self.every
        return decision

    def record(self, at: float, before: int, after: int, outcome: str = "accepted") -> None:
        """Note a change of ours: at this second, with this outcome."""
        event = {
            "version": 1,
            "id": "01J0000000000000000000000A",
            "service": self.policy["service"],
            "policy": self.policy["service"],
            "startedAt": MIDNIGHT + at,
            "acceptedAt": MIDNIGHT + at,
            "fromReplicas": before,
            "toReplicas": after,
            "trigger": "policy",
            "outcome": outcome,
        }
        self.state = selfscale.record(self.state, event)

    @property
    def serving(self) -> int:
        """How many have started."""
        return sum(self._serves(born) for born in self.born)

    def _serves(self, born: float) -> bool:
        return self.at - born >= self.starts_in

    def _snapshot(self, phase: Phase) -> dict[str, Any]:
        born = self.born + [-YEAR] * (phase.surge or 0)
        return {
            "version": 1,
            "at": MIDNIGHT + self.at,
            "wallTime": MIDNIGHT + self.at,
            "service": self.policy["service"],
            "platform": {
                "desiredReplicas": self.replicas,
                "currentReplicas": self.replicas,
                "updating": phase.surge is not None,
            },
            "instances": [self._instance(phase, number, since) for number, since in enumerate(born)],
            "metrics": {name: self._reading(value) for name, value in phase.whole.items()},
            **self.known,
        }

    def _instance(self, phase: Phase, number: int, born: float) -> dict[str, Any]:
        serves = self._serves(born)
        reports = phase.each if serves else self.starting
        return {
            "id": f"replica-{number}",
            "phase": "running",
            "ready": serves,
            "readyChangedAt": MIDNIGHT + born + (self.starts_in if serves else 0),
            "startedAt": MIDNIGHT + born,
            "metrics": {name: self._reading(value, number) for name, value in reports.items()},
        }

    def _reading(self, value: Value, replica: int = 0) -> Mapping[str, Any]:
        if value is None:
            return {"missing": "timed_out"}
        if isinstance(value, Mapping):
            return value
        if callable(value):
            return reading(value(self.serving))
        return reading(value[replica % len(value)] if isinstance(value, Sequence) else value)
