"""What holds for any history, through Python: bounds, direction, silence, guardrails, JSON.

Each history has its own seed, so that a failure names the one that shows it. `SELFSCALE_HISTORIES=100000` runs as many.
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

import selfscale

HISTORIES = int(os.environ.get("SELFSCALE_HISTORIES", "300"))
METRICS = ("cpu_usage", "requests_per_second", "in_flight", "queue_length")
ON_INSTANCES = "in_flight"

DAMPING = {
    "scaleUp": {"stabilizationWindowSeconds": 20, "cooldown": "15s", "policies": []},
    "scaleDown": {"stabilizationWindowSeconds": 60, "cooldown": "30s"},
}
RULES: list[dict[str, Any]] = [
    {"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30, "scaleUpFor": "20s"},
    {"type": "target", "metric": "requests_per_second", "targetPerReplica": 20},
    {"type": "target", "metric": "cpu_usage", "target": 60},
    {"type": "concurrency", "metric": "in_flight", "targetPerReplica": 12, "maxScaleDownRate": 100},
    {"type": "backlog", "metric": "queue_length", "targetLatency": "30s", "throughputPerReplica": 2},
    {
        "type": "step",
        "metric": "in_flight",
        "threshold": 40,
        "cooldown": "20s",
        "steps": [{"to": -30, "by": -1}, {"from": 0, "to": 40, "by": 1}, {"from": 40, "by": 3}],
    },
    {"type": "target", "as": "ecs", "metric": "cpu_usage", "target": 50, "scaleOutCooldown": "30s"},
    {
        "type": "threshold",
        "metric": "requests_per_second",
        "comparison": "percentage_change",
        "scaleUp": 60,
        "scaleDown": -60,
    },
]


def policy_of(rules: list[dict[str, Any]]) -> str:
    """A policy of these rules, in normal form."""
    document = {"service": "backend", "minReplicas": 2, "maxReplicas": 10, "rules": rules, "behavior": DAMPING}
    guardrails = {"maxTotalReplicas": 30, "minAvailableMemoryMb": 100}
    return json.dumps(selfscale.load_policies({"guardrails": guardrails, "policies": [document]})[0])


POLICIES = [policy_of([rule]) for rule in RULES] + [policy_of(RULES)]


def reading(value: float | None, previous: float | None = None) -> dict[str, Any]:
    """What JSON has for a reading; none is one that timed out."""
    if value is None:
        return {"missing": "timed_out"}
    return {"value": value, "age": 1.0, "window": 60, "previous": previous}


class History:
    """A service whose load, replicas and silences are made from one seed."""

    def __init__(self, seed: int) -> None:
        """Begin with three replicas."""
        self.random = random.Random(seed)
        self.policy = self.random.choice(POLICIES)
        self.at = 1_732_272_000.0
        self.replicas = 3
        self.serving = [True] * 3
        self.previous = self.random.randrange(0, 1600) / 8
        self.state: dict[str, Any] | None = None

    def value(self) -> float | None:
        """A reading, or none."""
        return None if self.random.random() < 0.15 else self.random.randrange(0, 1600) / 8

    def snapshot(self, values: dict[str, float | None], shared: dict[str, Any] | None = None) -> dict[str, Any]:
        """What is seen now."""
        counts = dict.fromkeys(("desiredReplicas", "currentReplicas", "readyReplicas"), self.replicas)
        return {
            "version": 1,
            "at": self.at,
            "wallTime": self.at,
            "service": "backend",
            "platform": {**counts, "updating": False, "error": None},
            "instances": [
                {"id": str(number), "ready": ready, "metrics": {ON_INSTANCES: reading(values[ON_INSTANCES])}}
                for number, ready in enumerate(self.serving)
            ],
            "metrics": {name: reading(value, self.previous) for name, value in values.items() if name != ON_INSTANCES},
            "shared": shared or {},
            "estimates": {},
        }

    def decide(self, values: dict[str, float | None], shared: dict[str, Any] | None = None) -> dict[str, Any]:
        """A decision on it, which changes nothing."""
        return selfscale.decide(self.policy, self.snapshot(values, shared), self.state)

    def step(self) -> dict[str, float | None]:
        """Time goes on; what is decided happens, mostly. Returns the readings of the next step."""
        self.at += self.random.randrange(1, 30_000) / 1000
        if self.random.random() < 0.05:
            self.replicas = self.random.randrange(1, 13)
        self.serving = [self.random.random() < 0.85 for _ in range(self.replicas)]
        self.previous = self.random.randrange(0, 1600) / 8
        return {name: self.value() for name in METRICS}

    def live(self, steps: int) -> None:
        """So many steps."""
        for _ in range(steps):
            decision = self.decide(self.step())
            self.state = json.loads(json.dumps(decision["state"]))
            if decision["action"] == "scale" and self.random.random() < 0.8:
                self.record(decision["toReplicas"])

    def record(self, replicas: int) -> None:
        """The platform has done it."""
        event = selfscale.ScalingEvent(
            id="01J0000000000000000000000A",
            service="backend",
            policy="backend",
            decision=None,
            started_at=self.at,
            accepted_at=self.at,
            duration=None,
            from_replicas=self.replicas,
            to_replicas=replicas,
            ready_replicas=None,
            trigger="policy",
            reason="",
            metrics={},
            outcome="accepted",
            error=None,
            leader="host/1",
            token=1,
        )
        assert self.state is not None
        self.state = selfscale.record(self.state, event)
        self.replicas = replicas


def check(seed: int) -> None:
    """Everything that holds for the history of this seed."""
    history = History(seed)
    history.live(history.random.randrange(0, 7))
    values = history.step()
    decision = history.decide(values)
    to = decision["toReplicas"]

    assert 2 <= to <= 10
    assert decision["fromReplicas"] == history.replicas
    assert (decision["action"] == "scale") == (to != history.replicas)
    assert 0 <= decision["recommendation"]["confidence"] <= 1
    assert decision["recommendation"]["reason"]
    assert len(json.dumps(decision["state"])) < 8192

    name = history.random.choice(METRICS)
    value = values[name]
    if value is not None:
        more = history.decide({**values, name: value + history.random.randrange(0, 800) / 8})
        assert more["toReplicas"] >= to, f"a larger {name} gives fewer"
    silent = history.decide(dict.fromkeys(METRICS))
    assert silent["toReplicas"] >= min(history.replicas, 10), "missing data lowers"
    tight = {"otherReplicas": history.random.randrange(0, 40), "availableMemoryMb": history.random.randrange(0, 200)}
    assert min(to, history.replicas) <= history.decide(values, tight)["toReplicas"] <= max(to, history.replicas)


def test_any_history() -> None:
    for seed in range(HISTORIES):
        try:
            check(seed)
        except AssertionError as failure:
            raise AssertionError(f"the history of seed {seed}: {failure}") from failure
