"""The stages of a decision, each for itself, on dicts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import selfscale
from hypothesis import given
from hypothesis import strategies as st
from selfscale import stages
from selfscale.testing import NOW, after, ago, past

POLICY = {
    "service": "backend",
    "minReplicas": 2,
    "maxReplicas": 10,
    "rules": [{"name": "load", "type": "target", "metric": "load", "targetPerReplica": 20, "tolerance": 0}],
    "behavior": {
        "scaleUp": {"policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}]},
        "scaleDown": {"stabilizationWindowSeconds": 60},
    },
}
MET = {"seen": True}


def seen(replicas: int, at: float = NOW, **more: Any) -> dict[str, Any]:
    return {"at": at, "platform": {"currentReplicas": replicas}, **more}


def test_instances_are_classified_as_kubernetes_does() -> None:
    policy = {
        "service": "backend",
        "maxReplicas": 5,
        "rules": [{"type": "target", "metric": "cpu_usage", "target": 60}],
    }
    reading = {"cpu_usage": {"value": 50, "age": 5, "window": 30}}
    instances = [
        {"id": "serves", "startedAt": ago(3600), "readyChangedAt": ago(3600), "metrics": reading},
        {"id": "starts", "startedAt": ago(20), "ready": False, "metrics": reading},
        {"id": "silent", "startedAt": ago(3600)},
        {"id": "goes", "deleting": True, "metrics": reading},
        {"id": "unlisted", "listed": False, "metrics": reading},
    ]
    standings = stages.classify(policy, seen(4, instances=instances), "cpu_usage")
    assert standings == {"serves": "ready", "starts": "unready", "silent": "missing", "goes": "ignored"}


def test_a_metric_that_the_policy_does_not_have_is_refused() -> None:
    with pytest.raises(selfscale.Error, match="no metric cpu; it has load") as refused:
        stages.classify(POLICY, seen(3), "cpu")
    assert refused.value.code == "invalid_argument"


def test_rules_propose_as_in_a_decision() -> None:
    snapshot = seen(3, metrics={"load": {"value": 90}})
    proposed = stages.propose(POLICY, snapshot)
    assert [one["replicas"] for one in proposed["proposals"]] == [5]
    assert proposed["proposals"] == selfscale.decide(POLICY, snapshot)["recommendation"]["proposals"]


def test_what_was_wanted_before_holds_a_step_down() -> None:
    state = past(POLICY, recommendations=[(90, 9), (30, 5), (59, 6)])
    staged = stages.stabilize(POLICY, seen(7), 3, state)
    assert staged["replicas"] == 6
    [adjustment] = staged["adjustments"]
    assert (adjustment["stage"], adjustment["code"]) == ("stabilize", "scale_down_stabilized")
    assert (adjustment["fromReplicas"], adjustment["toReplicas"], adjustment["limit"]) == (3, 6, 60)


def test_the_first_sight_of_a_service_counts_as_a_recommendation() -> None:
    assert stages.stabilize(POLICY, seen(7), 3)["replicas"] == 7
    assert stages.stabilize(POLICY, seen(7), 3, MET)["replicas"] == 3


def test_a_recommendation_is_remembered_as_it_came() -> None:
    state = stages.stabilize(POLICY, seen(2, ago(30)), 8, MET)["state"]
    assert stages.stabilize(POLICY, seen(2), 2, state)["replicas"] == 2, "up to 8 it was not held"
    assert stages.stabilize(POLICY, seen(9), 2, state)["replicas"] == 8


def test_what_was_added_lately_counts_towards_the_limit() -> None:
    assert stages.rate_limit(POLICY, seen(5), 9, MET)["replicas"] == 7
    state = past(POLICY, added=[(30, 1)], removed=[(61, 3)])
    staged = stages.rate_limit(POLICY, seen(5), 9, state)
    assert staged["replicas"] == 6
    assert [one["code"] for one in staged["adjustments"]] == ["scale_up_rate"]


def test_bounds_and_guardrails_limit_a_number() -> None:
    policy = {**POLICY, "guardrails": {"maxTotalReplicas": 12}}
    staged = stages.limit(policy, seen(5, shared={"otherReplicas": 4}), 11)
    assert staged["replicas"] == 8
    assert [one["stage"] for one in staged["adjustments"]] == ["limits", "guardrails"]
    assert stages.limit(policy, seen(5), 1)["replicas"] == 2
    assert stages.limit(policy, seen(5), 7)["adjustments"] == []


def test_a_load_is_averaged_over_the_buckets_that_were_recorded() -> None:
    loads = [(ago(4), 2.0), (ago(4), 1.0), (ago(2), 6.0)]
    assert stages.window(loads, window=10, at=NOW) == (3.0, False), "9 in three seconds"
    assert stages.window(loads, window=10, at=after(9)).is_empty
    assert stages.window([], window=10, at=NOW) == (0.0, True)
    assert stages.window(loads, window=10, at=ago(2), weighted=True).value > 3.0


def test_the_largest_of_the_last_numbers_counts_by_buckets() -> None:
    numbers = [(ago(7), 9), (ago(5), 4), (ago(1), 2)]
    assert stages.window_maximum(numbers, window=10) == 9
    assert stages.window_maximum(numbers, window=4) == 2
    assert stages.window_maximum([], window=4) == 0


def test_a_window_without_a_bucket_is_refused() -> None:
    with pytest.raises(selfscale.Error, match="must have 1 to 100000") as refused:
        stages.window([], window=1, bucket=2, at=NOW)
    assert refused.value.code == "invalid_argument"


def test_a_service_without_work_goes_to_none_and_comes_back() -> None:
    policy = {
        "service": "worker",
        "minReplicas": 0,
        "maxReplicas": 5,
        "scaleToZero": {"cooldown": "60s"},
        "rules": [{"type": "target", "metric": "due", "targetPerReplica": 10}],
    }
    empty, full = ({"due": {"value": value}} for value in (0, 3))
    held = stages.activate(policy, seen(2, ago(61), metrics=empty), 0)
    assert held["replicas"] == 1
    assert held["adjustments"][0]["code"] == "idle_not_long"
    assert stages.activate(policy, seen(2, metrics=empty), 1, held["state"])["replicas"] == 0
    assert stages.activate(policy, seen(0, metrics=full), 0, MET)["adjustments"][0]["code"] == "activated"


def test_the_gate_lets_the_last_replica_go_once_requests_are_buffered() -> None:
    gate = stages.Gate(stable_window=60, grace_period=30)
    active = stages.GateInput(wanted=0, current=1, active_for=59)
    assert stages.gate(gate, active) == stages.Gated(1, applies=True, writes=False)
    assert stages.gate(gate, replace(active, active_for=60)) == stages.Gated(0, applies=False, writes=False)
    idle = stages.GateInput(wanted=0, current=1, activity="inactive", inactive_for=30)
    assert stages.gate(gate, idle) == stages.Gated(0, applies=False, writes=False)
    assert stages.gate(gate, replace(idle, buffered=True)) == stages.Gated(0, applies=True, writes=True)
    assert stages.gate(gate, stages.GateInput(wanted=None, current=1)).replicas is None
    with pytest.raises(selfscale.Error, match="there are activating, active, inactive"):
        stages.gate(gate, replace(idle, activity="asleep"))


def test_a_state_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(selfscale.Error, match="/seen"):
        stages.limit(POLICY, seen(5), 7, {"seen": "yes"})


pairs = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 20)), max_size=12)


@given(pairs, st.randoms())
def test_a_past_may_be_told_in_any_order(recommendations: list[tuple[int, int]], random: Any) -> None:
    other = list(recommendations)
    random.shuffle(other)

    def wanted(told: list[tuple[int, int]]) -> list[int]:
        state = past(POLICY, recommendations=told)
        return [stages.stabilize(POLICY, seen(current), 5, state)["replicas"] for current in (2, 5, 9)]

    assert wanted(other) == wanted(recommendations)
    young = [replicas for age, replicas in recommendations if age < 60]
    assert wanted(recommendations)[2] == max([5, *young]) if max([5, *young]) < 9 else 9


def test_a_past_of_changes_knows_those_of_one_instant() -> None:
    state = past(POLICY, added=[(30, 1), (10, 2)], removed=[(30, 4)])
    assert state["changes"] == [[ago(30), -4, 1], [ago(30), 1, 1], [ago(10), 2, 1]]
    assert state["seen"] is True
