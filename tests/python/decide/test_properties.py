"""What holds for any policy and expression, through Python; `SELFSCALE_HISTORIES=100000` tries as many of each."""

from __future__ import annotations

import json
import math
import os
from typing import Any

import pytest
import selfscale
from hypothesis import given, settings
from hypothesis import strategies as st

many = settings(max_examples=int(os.environ.get("SELFSCALE_HISTORIES", "100")), deadline=None)

NAMES = ("queue_length", "busy_workers", "carts")
# No quotient of a few of these is without end: what is so in the middle of an expression makes it missing.
NUMBERS = st.one_of(st.floats(1e-9, 1e12), st.integers(0, 10**6)).map(float)

thresholds = st.fixed_dictionaries(
    {
        "type": st.just("threshold"),
        "metric": st.sampled_from(NAMES),
        "scaleUp": st.integers(50, 99),
        "scaleDown": st.integers(1, 40),
    },
    optional={
        "scaleUpBy": st.integers(1, 5),
        "scaleUpFor": st.sampled_from(["20s", "2m"]),
    },
)
targets = st.fixed_dictionaries(
    {"type": st.just("target"), "metric": st.sampled_from(NAMES), "targetPerReplica": st.integers(1, 99)},
    optional={"tolerance": st.floats(0, 0.9), "activation": st.integers(0, 9)},
)
backlogs = st.fixed_dictionaries(
    {"type": st.just("backlog"), "metric": st.just("queue_length"), "targetLatency": st.sampled_from(["500ms", "30s"])},
    optional={"throughputPerReplica": st.floats(0.1, 99), "running": st.just("busy_workers")},
)
tracking = st.fixed_dictionaries(
    {
        "type": st.just("target"),
        "as": st.just("ecs"),
        "metric": st.sampled_from(NAMES),
        "target": st.integers(1, 99),
    },
    optional={
        "scaleOutCooldown": st.sampled_from(["0s", "90s"]),
        "scaleInCooldown": st.sampled_from(["0s", "10m"]),
    },
)
steps = st.fixed_dictionaries(
    {
        "type": st.just("step"),
        "metric": st.sampled_from(NAMES),
        "adjustment": st.sampled_from(["change", "percent"]),
        "steps": st.integers(1, 30).map(
            lambda edge: [{"to": -edge, "by": -5}, {"from": edge, "to": 99, "by": 10}, {"from": 99, "by": 50}]
        ),
        "threshold": st.integers(31, 99),
    },
    optional={"cooldown": st.sampled_from(["0s", "1m"])},
)
concurrencies = st.fixed_dictionaries(
    {"type": st.just("concurrency"), "metric": st.just("carts"), "targetPerReplica": st.integers(1, 99)},
    optional={
        "maxScaleUpRate": st.floats(1.5, 100),
        "scaleDownDelay": st.sampled_from(["0s", "2m"]),
        "initialScale": st.integers(1, 5),
    },
)
policies = st.fixed_dictionaries(
    {
        "service": st.just("backend"),
        "minReplicas": st.just(0),
        "maxReplicas": st.integers(1, 99),
        "scaleToZero": st.fixed_dictionaries({}, optional={"cooldown": st.sampled_from(["0s", "5m"])}),
        "rules": st.lists(
            st.one_of(thresholds, targets, tracking, steps, backlogs, concurrencies), min_size=1, max_size=4
        ),
    },
    optional={
        "behavior": st.sampled_from(["none", "kubernetes", {"scaleUp": {"cooldown": "60s"}}]),
        "combine": st.just({"up": "all", "down": "any"}),
        "schedules": st.just([{"cron": "0 8 * * mon-fri", "duration": "2h", "minReplicas": 2}]),
    },
)

operands = st.one_of(st.sampled_from(NAMES), NUMBERS.map(repr))
expressions = st.recursive(
    operands,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("{}({}, {})".format, st.sampled_from(["min", "max"]), inner, inner),
        inner.map("-{}".format),
    ),
    max_leaves=12,
)


def snapshot(metrics: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Three replicas, and what is read of the service."""
    counts = dict.fromkeys(("desiredReplicas", "currentReplicas", "readyReplicas"), 3)
    return {
        "version": 1,
        "at": 1_732_272_000.0,
        "wallTime": 1_732_272_000.0,
        "service": "backend",
        "platform": {**counts, "updating": False, "error": None},
        "instances": [],
        "metrics": metrics,
        "shared": {},
        "estimates": {},
    }


def worked_out(expression: str, values: dict[str, float]) -> float | None:
    """What Python makes of it; None where something is divided by zero, is below zero or has no end."""
    try:
        value = float(eval(expression, {"__builtins__": {}, "min": min, "max": max}, values))
    except ZeroDivisionError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


@many
@given(policies)
def test_a_policy_reads_back_as_what_was_written(policy: dict[str, Any]) -> None:
    written = selfscale.load_policies(policy)[0]
    assert selfscale.load_policies(written)[0] == written


@many
@given(expressions, st.lists(NUMBERS, min_size=3, max_size=3))
def test_an_expression_gives_a_value_or_is_missing(expression: str, values: list[float]) -> None:
    metrics = [{"name": name} for name in NAMES]
    rule = {"type": "target", "metric": "load", "target": 10}
    document = {
        "service": "backend",
        "maxReplicas": 9,
        "metrics": [*metrics, {"name": "load", "value": expression}],
        "rules": [rule],
    }
    policy = json.dumps(selfscale.load_policies(document)[0])
    seen = snapshot({name: {"value": value} for name, value in zip(NAMES, values, strict=True)})
    proposal = selfscale.decide(policy, seen)["recommendation"]["proposals"][0]
    expected = worked_out(expression, dict(zip(NAMES, map(float, values), strict=True)))
    if expected is None:
        assert proposal["answer"] == "missing"
    else:
        assert proposal["value"] == pytest.approx(expected)


@many
@given(st.integers(71, 1000), st.integers(0, 1000))
def test_confidence_never_falls_with_the_distance(load: int, more: int) -> None:
    rules = [{"type": "threshold", "metric": "carts", "scaleUp": 70, "scaleDown": 30}]
    policy = json.dumps(selfscale.load_policies({"service": "backend", "maxReplicas": 9, "rules": rules})[0])

    def confidence(value: int) -> float:
        decision = selfscale.decide(policy, snapshot({"carts": {"value": value}}))
        return float(decision["recommendation"]["confidence"])

    assert confidence(load) <= confidence(load + more)


@many
@given(st.integers(0, 60), st.integers(0, 60))
def test_confidence_never_falls_the_further_a_total_is_below_what_all_could_carry(load: int, less: int) -> None:
    rules = [{"type": "target", "metric": "carts", "targetPerReplica": 50}]
    document = {"service": "backend", "maxReplicas": 9, "behavior": "none", "rules": rules}
    policy = json.dumps(selfscale.load_policies(document)[0])

    def decision(value: int) -> dict[str, Any]:
        return selfscale.decide(policy, snapshot({"carts": {"value": value}}))

    near, far = decision(load), decision(max(0, load - less))
    assert near["action"] == far["action"] == "scale"
    assert near["recommendation"]["confidence"] <= far["recommendation"]["confidence"]
