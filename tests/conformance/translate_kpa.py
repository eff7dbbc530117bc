"""Knative's autoscaler: cases as policies, snapshots and states, and answers as results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checks import Check
from selfscale import stages
from selfscale.testing import after, ago
from units import duration

Json = dict[str, Any]

UNKNOWN = -1
"""How the corpus writes a number that is not known."""

# ---- loads over time

AVERAGE_WITHIN = 1e-5


def window(case: Json) -> Iterator[Check]:
    """Aggregate what was recorded up to each query, or up to each record."""
    kind = case["config"]["kind"]
    yield from maxima(case) if kind == "max" else averages(case, kind == "weighted_exponential")


def averages(case: Json, weighted: bool) -> Iterator[Check]:
    """Ask for the average at each query."""
    config = case["config"]
    expected = iter(case["expected"]["results"])
    recorded: list[tuple[float, float]] = []
    for number, op in enumerate(case["inputs"]["ops"]):
        if op["op"] == "record":
            recorded.append((after(op["t_s"]), op["value"]))
            continue
        found = stages.window(
            recorded,
            window=config["window_s"],
            bucket=config["granularity_s"],
            at=after(op["t_s"]),
            weighted=weighted,
        )
        wanted = next(expected)
        yield Check(f"operation {number}: average", found.value, wanted["average"], AVERAGE_WITHIN)
        yield Check(f"operation {number}: empty", found.is_empty, wanted["empty"])


def maxima(case: Json) -> Iterator[Check]:
    """Ask for the maximum after each record, or after the last one alone."""
    config, expected = case["config"], case["expected"]
    recorded: list[tuple[float, int]] = []
    found = []
    for op in case["inputs"]["ops"]:
        recorded.append((after(op["t_s"]), op["value"]))
        found.append(stages.window_maximum(recorded, window=config["window_s"], bucket=config["granularity_s"]))
    if "results" in expected:
        yield Check("maxima", found, [one["current_max"] for one in expected["results"]])
    if "final_max" in expected:
        *_, last = found
        yield Check("last maximum", last, expected["final_max"])


# ---- the autoscaler

BURST_WITHIN = 1.0


def scale(case: Json) -> Iterator[Check]:
    """Ask a concurrency rule, step after step."""
    config, inputs = case["config"], case["inputs"]
    memory = memory_of(inputs)
    for number, (step, expected) in enumerate(zip(inputs["steps"], case["expected"]["steps"], strict=True)):
        config = {**config, **step.get("config_update", {})}
        policy, snapshot = policy_of(config), snapshot_of(config, step)
        proposed = stages.propose(policy, snapshot, state_of(policy, memory, snapshot["at"]))
        [proposal] = proposed["proposals"]
        memory = proposed["state"]["rules"][RULE]
        yield Check(f"step {number}: valid", proposal["answer"] != "missing", expected["valid"])
        yield Check(f"step {number}: panic", "panicSince" in memory, expected["panic_mode_after"])
        yield Check(f"step {number}: peak", memory.get("peak", 0), expected["max_panic_replicas_after"])
        if expected["valid"]:
            burst, wanted = proposal["excessBurstCapacity"], expected["excess_burst_capacity"]
            yield Check(f"step {number}: replicas", proposal["replicas"], expected["replicas"])
            yield Check(f"step {number}: burst", burst, wanted, BURST_WITHIN)


RULE = "load"


def policy_of(config: Json) -> Json:
    """Return the policy of an autoscaler; initial scale is not its business. A window of 0 is none given."""
    window = {"window": duration(config["stable_window_s"])} if config["stable_window_s"] else {}
    rule = {
        "name": RULE,
        "type": "concurrency",
        "metric": "load",
        "targetPerReplica": config["target_value"],
        "capacityPerReplica": config["total_value"],
        "targetBurstCapacity": config["target_burst_capacity"],
        "panicThreshold": config["panic_threshold"],
        "maxScaleUpRate": config["max_scale_up_rate"],
        "maxScaleDownRate": config["max_scale_down_rate"],
        "scaleDownDelay": duration(config["scale_down_delay_s"]),
        "activationScale": config["activation_scale"],
        "initialScale": 0,
        **window,
    }
    return {"service": "service", "minReplicas": 0, "maxReplicas": 1000000, "rules": [rule]}


def snapshot_of(config: Json, step: Json) -> Json:
    """Return what the autoscaler sees in a step."""
    ready = step["ready_replicas"]
    platform = {"currentReplicas": ready, "readyReplicas": ready}
    if step.get("ready_error"):
        platform["error"] = "the platform does not answer"
    reading = {"value": step.get("stable"), "short": step.get("panic")}
    return {
        "at": after(step["t_s"]),
        "reachable": config["reachable"],
        "platform": platform,
        "metrics": {"load": {"missing": "timed_out"} if step.get("metric_error") else reading},
    }


def memory_of(inputs: Json) -> Json:
    """Return what the rule remembers before the first step: it has met the service."""
    initial = inputs["initial_state"]
    memory = {"met": True, "peak": initial["max_panic_replicas"]}
    if initial["panic_mode"]:
        first = next(after(step["t_s"]) for step in inputs["steps"])
        memory["panicSince"] = ago(initial.get("panic_age_s", 0), first)
    return memory


def state_of(policy: Json, memory: Json, at: float) -> Json:
    """Return a state with what the rule remembers, as this policy's rule would have it, in a step that may go back."""
    unmet = {"at": at, "platform": {"currentReplicas": 0}, "metrics": {"load": {"value": 0}}}
    state = stages.propose(policy, unmet)["state"]
    definition = state["rules"][RULE]["definition"]
    return {**state, "rules": {RULE: {**memory, "definition": definition}}}


# ---- bounds and zero


def apply(case: Json) -> Iterator[Check]:
    """Pass the gate."""
    config, inputs, expected = case["config"], case["inputs"], case["expected"]
    gate = stages.Gate(
        min_replicas=config["min"],
        max_replicas=config["max"],
        initial_scale=config["initial_scale"],
        scale_to_zero=config["scale_to_zero_enabled"],
        stable_window=config["stable_window_s"],
        grace_period=config["grace_s"],
        retention=config["last_instance_retention_s"],
        always_buffered=config["buffer_always_in_path"],
    )
    seen = stages.GateInput(
        wanted=None if inputs["desired"] == UNKNOWN else inputs["desired"],
        current=inputs["current"],
        activity=inputs["state"],
        active_for=inputs["active_for_s"],
        inactive_for=inputs["inactive_for_s"],
        buffered_for=inputs["buffered_for_s"],
        buffered=inputs["buffer_probe_ok"],
        activation_deadline_passed=inputs["activation_deadline_passed"],
        initialized=inputs["initialized"],
        reachable=not inputs["unreachable"],
    )
    gated = stages.gate(gate, seen)
    yield Check("desired", UNKNOWN if gated.replicas is None else gated.replicas, expected["desired"])
    yield Check("apply", gated.applies, expected["apply"])
    yield Check("writes", gated.writes, expected["writes"])
