"""decide, record, explain and replay on dicts."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import selfscale
from hypothesis import given, settings
from hypothesis import strategies as st

POLICY = {
    "service": "backend",
    "minReplicas": 2,
    "maxReplicas": 10,
    "rules": [
        {"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30},
        {"name": "load", "type": "target", "metric": "requests_per_second", "targetPerReplica": 20},
    ],
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60, "cooldown": "30s"}},
}


def snapshot(at: float, replicas: int, cpu: float | None, rps: float | None) -> dict[str, Any]:
    def reading(value: float | None) -> dict[str, Any]:
        return {"missing": "timed_out"} if value is None else {"value": value, "age": 1.0, "window": 60}

    return {
        "version": 1,
        "at": at,
        "wallTime": at,
        "service": "backend",
        "platform": {
            "desiredReplicas": replicas,
            "currentReplicas": replicas,
            "readyReplicas": replicas,
            "updating": False,
            "error": None,
        },
        "instances": [],
        "metrics": {"cpu_usage": reading(cpu), "requests_per_second": reading(rps)},
        "shared": {},
        "estimates": {},
    }


def test_a_busy_service_is_given_more() -> None:
    decision = selfscale.decide(POLICY, snapshot(1000.0, 3, cpu=90.0, rps=30.0))
    assert decision["action"] == "scale"
    assert (decision["fromReplicas"], decision["toReplicas"]) == (3, 4)
    assert decision["recommendation"]["proposals"][0]["code"] == "above_threshold"
    assert decision["state"]["version"] == 2


def test_policy_snapshot_and_state_may_be_text() -> None:
    seen = snapshot(1000.0, 3, cpu=90.0, rps=30.0)
    first = selfscale.decide(POLICY, seen)
    assert selfscale.decide(json.dumps(POLICY), json.dumps(seen), None) == first
    again = selfscale.decide(POLICY, seen, first["state"])
    assert selfscale.decide(POLICY, seen, json.dumps(first["state"])) == again


def test_what_load_policies_returned_can_be_decided_by() -> None:
    [policy] = selfscale.load_policies({"guardrails": {"maxTotalReplicas": 3}, "policies": [POLICY]})
    decision = selfscale.decide(policy, {**snapshot(1000.0, 3, cpu=90.0, rps=30.0), "shared": {"otherReplicas": 0}})
    assert decision["toReplicas"] == 3, "the document's guardrail came along"


def test_record_starts_a_cooldown() -> None:
    decision = selfscale.decide(POLICY, snapshot(1000.0, 3, cpu=90.0, rps=30.0))
    state = selfscale.record(decision["state"], event(1000.0, 3, 4))
    assert state != decision["state"]
    calm = snapshot(1020.0, 4, cpu=10.0, rps=1.0)
    assert selfscale.decide(POLICY, calm, state)["toReplicas"] == 4


def event(at: float, before: int, after: int) -> dict[str, Any]:
    return selfscale.ScalingEvent(
        id="01J0000000000000000000000A",
        service="backend",
        policy="backend",
        decision=None,
        started_at=at,
        accepted_at=at,
        duration=None,
        from_replicas=before,
        to_replicas=after,
        ready_replicas=None,
        trigger="policy",
        reason="cpu_usage",
        metrics={"cpu_usage": 90.0},
        outcome="accepted",
        error=None,
        leader="host/1",
        token=1,
    ).to_dict()


def test_an_event_goes_from_its_class_to_json_and_back() -> None:
    as_dict = event(1000.0, 3, 4)
    assert as_dict["fromReplicas"] == 3
    made = selfscale.ScalingEvent.from_dict(as_dict)
    assert made.to_dict() == as_dict
    state = selfscale.decide(POLICY, snapshot(1000.0, 3, 90.0, 30.0))["state"]
    assert selfscale.record(state, made) == selfscale.record(state, as_dict)


def test_explain_has_every_rule() -> None:
    decision = selfscale.decide(POLICY, snapshot(1000.0, 3, cpu=90.0, rps=None))
    words = selfscale.explain(POLICY, decision)
    assert "cpu_usage" in words
    assert "requests_per_second" in words
    assert "\n" in words


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_reading_that_is_no_number_is_missing(value: float) -> None:
    decision = selfscale.decide(POLICY, snapshot(1000.0, 3, cpu=value, rps=30.0))
    assert decision["recommendation"]["proposals"][0]["answer"] == "missing"
    assert "was refused" in selfscale.explain(POLICY, decision)
    assert decision["toReplicas"] >= 3


@pytest.mark.parametrize(
    ("broken", "pointer"),
    [({"platform": {"currentReplicas": "three"}}, "/platform"), ({"at": "now"}, "/at")],
)
def test_a_broken_snapshot_is_pointed_at(broken: dict[str, Any], pointer: str) -> None:
    with pytest.raises(selfscale.Error, match=pointer) as caught:
        selfscale.decide(POLICY, {**snapshot(1000.0, 3, 1.0, 1.0), **broken})
    assert caught.value.code == "malformed"


def test_a_document_with_several_policies_is_no_policy() -> None:
    document = {"policies": [POLICY, {**POLICY, "service": "worker"}]}
    with pytest.raises(selfscale.PolicyError, match="backend, worker"):
        selfscale.decide(document, snapshot(1000.0, 3, 1.0, 1.0))


def record_of(seen: dict[str, Any], before: dict[str, Any] | None, decision: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in decision.items() if key != "state"}
    return {"version": 1, "snapshot": seen, "stateBefore": before or {}, "decision": kept}


def test_a_snapshot_of_another_service_is_refused() -> None:
    seen = {**snapshot(1000.0, 3, cpu=90.0, rps=30.0), "service": "worker"}
    with pytest.raises(selfscale.Error, match="the policy is for the service backend, not for worker") as caught:
        selfscale.decide(POLICY, seen)
    assert caught.value.code == "malformed"


def test_replay_is_the_same_and_a_changed_reading_differs() -> None:
    seen = snapshot(1000.0, 3, cpu=90.0, rps=30.0)
    record = record_of(seen, None, selfscale.decide(POLICY, seen))
    assert selfscale.replay(record, POLICY).same
    moved = {**record, "snapshot": snapshot(1000.0, 3, cpu=50.0, rps=30.0)}
    assert not selfscale.replay(moved, POLICY).same


steps = st.tuples(
    st.floats(0, 120),
    st.none() | st.floats(0, 200, allow_nan=False),
    st.none() | st.floats(0, 1000, allow_nan=False),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, min_size=1, max_size=12))
def test_any_history_stays_in_bounds_and_survives_json(history: list[tuple[float, float | None, float | None]]) -> None:
    at, replicas, state = 1_732_272_000.0, 3, None
    for pause, cpu, rps in history:
        at += round(pause, 3)
        seen = snapshot(at, replicas, cpu, rps)
        decision = selfscale.decide(POLICY, seen, state)
        assert decision == selfscale.decide(POLICY, seen, state), "the same input gives the same answer"
        assert 2 <= decision["toReplicas"] <= 10
        if cpu is None and rps is None:
            assert decision["toReplicas"] >= replicas
        state = json.loads(json.dumps(decision["state"]))
        if decision["action"] == "scale":
            state = selfscale.record(state, event(at, replicas, decision["toReplicas"]))
            replicas = decision["toReplicas"]
