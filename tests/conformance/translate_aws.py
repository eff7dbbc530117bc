"""Step scaling of Application Auto Scaling: cases as policies, snapshots and states, and decisions as results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import selfscale
from checks import Check
from events import event_of
from selfscale.testing import NOW, ago
from units import duration

Json = dict[str, Any]

ADJUSTMENTS = {"change": "change", "percent_change": "percent", "exact": "exact"}
SIDES = {"above": "greater_than", "below": "less_than"}


def step(case: Json) -> Iterator[Check]:
    """Make a whole decision by a step rule."""
    inputs = case["inputs"]
    policy = policy_of(case["config"])
    snapshot = {
        "at": NOW,
        "platform": {"currentReplicas": inputs["current"]},
        "metrics": {"load": {"value": inputs["metric"]}},
    }
    decision = selfscale.decide(policy, snapshot, state_of(policy, inputs.get("recent_activity")))
    yield Check("capacity", decision["toReplicas"], case["expected"]["capacity"])


def policy_of(config: Json) -> Json:
    """Return the policy of a step-scaling configuration, which has neither behavior nor cooldowns but its own."""
    rule = {
        "type": "step",
        "metric": "load",
        "adjustment": ADJUSTMENTS[config["adjustment_type"]],
        "threshold": config["threshold"],
        "comparison": SIDES[config["alarm_side"]],
        "steps": [{"from": one["lower"], "to": one["upper"], "by": one["adjust"]} for one in config["steps"]],
        "cooldown": duration(config["cooldown_s"]),
    }
    if config["min_adjustment_magnitude"] is not None:
        rule["minAdjustment"] = config["min_adjustment_magnitude"]
    return {
        "service": "service",
        "minReplicas": config["min"],
        "maxReplicas": config["max"],
        "scaleDown": "never",
        "behavior": "none",
        "rules": [rule],
    }


def state_of(policy: Json, activity: Json | None) -> Json | None:
    """Return the state after a change that was done; of its counts only the difference is known, and looked at."""
    if activity is None:
        return None
    counts = {"out": (0, activity["amount"]), "in": (activity["amount"], 0)}
    before, after = counts[activity["direction"]]
    event = event_of(ago(activity["age_s"]), before, after)
    return selfscale.record(selfscale.testing.past(policy), event)
