"""Kubernetes' Horizontal Pod Autoscaler: cases as policies, snapshots and states, and answers as results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import conditions
import faults
import selfscale
from checks import Check
from events import event_of
from selfscale import stages
from selfscale.testing import NOW, ago, past
from units import duration, from_milli

Json = dict[str, Any]

MOST = 1000000
SELECT = {"max": "Max", "min": "Min", "disabled": "Disabled"}
TYPES = {"count": "Pods", "percent": "Percent"}
OF_THE_SERVICE = {"object", "external", "unknown"}

# ---- policies


def policy_of(rules: Iterable[Json] = (), least: int = 0, most: int = MOST, **keys: Any) -> Json:
    """Return a policy; one that only stages read has a rule of no account."""
    unasked = {"type": "target", "metric": "wanted", "targetPerReplica": 1}
    return {
        "service": "service",
        "minReplicas": least,
        "maxReplicas": most,
        "rules": list(rules) or [unasked],
        **keys,
    }


def bounded_policy(config: Json) -> Json:
    """Return the policy of a case's bounds and behavior."""
    return policy_of(least=config["min_replicas"], most=config["max_replicas"], behavior=behavior_of(config))


def behavior_of(config: Json) -> Json:
    """Return `behavior` as effective in a case; without one, what Kubernetes does then."""
    behavior = config.get("behavior_effective")
    window = config.get("downscale_stabilization_s", 300)
    if behavior is None:
        return {
            "as": "kubernetes",
            "scaleUpLimitFactor": config["scale_up_limit_factor"],
            "scaleUpLimitMinimum": config["scale_up_limit_minimum"],
            "downscaleStabilizationSeconds": window,
        }
    has_tolerance = config.get("per_direction_tolerance_enabled", False)
    return {
        "scaleUp": direction_of(behavior["scale_up"], 0, has_tolerance),
        "scaleDown": direction_of(behavior["scale_down"], window, has_tolerance),
    }


def direction_of(direction: Json, window: int, has_tolerance: bool) -> Json:
    """Return one direction of `behavior`; `window` is what holds where it names none."""
    translated = {
        "stabilizationWindowSeconds": direction.get("stabilization_window_s", window),
        "selectPolicy": SELECT[direction["select_policy"]],
        "policies": [
            {"type": TYPES[one["type"]], "value": one["value"], "periodSeconds": one["period_s"]}
            for one in direction["policies"]
        ],
    }
    if has_tolerance and "tolerance" in direction:
        translated["tolerance"] = direction["tolerance"]
    return translated


def readiness_of(config: Json) -> Json:
    """Return when CPU counts."""
    return {
        "cpuInitializationPeriod": duration(config["cpu_initialization_period_s"]),
        "initialReadinessDelay": duration(config["initial_readiness_delay_s"]),
    }


def tolerance_of(config: Json) -> Json:
    """Return a rule's tolerance: the case's own, but in directions whose behavior has one."""
    behavior = config["behavior_effective"]
    directions = {"up": "scale_up", "down": "scale_down"}
    if behavior is None or not config["per_direction_tolerance_enabled"]:
        return dict.fromkeys(directions, config["tolerance"])
    return {key: config["tolerance"] for key, name in directions.items() if "tolerance" not in behavior[name]}


# ---- metrics


def metrics_of(metric: Json, name: str) -> list[Json]:
    """Return the metrics of a policy for one of a case: several series are a sum."""
    match list(series_of(metric, name)):
        case [] | [_]:
            return [{"name": name, **AGELESS, **source_of(metric)}]
        case series:
            return [*({"name": one, **AGELESS} for one in series), {"name": name, "value": " + ".join(series)}]


AGELESS = {"missingAfter": "876000h"}
"""An autoscaler looks at no sample's age."""


def series_of(metric: Json, name: str) -> dict[str, int]:
    """Return the values of a service's metric, by the names that they get here."""
    return {f"{name}_{index}": value for index, value in enumerate(metric.get("values_milli") or [])}


def source_of(metric: Json) -> Json:
    """Return what a metric reads: resources are built in, all else is the app's own."""
    if "resource" not in metric:
        return {}
    is_cpu = metric["resource"] == "cpu"
    if metric["target"]["type"] == "utilization":
        return {"metric": "cpu_usage" if is_cpu else "memory_usage", "of": "request"}
    return {"metric": "cpu_cores" if is_cpu else "memory_bytes"}


def rule_of(metric: Json, name: str, tolerance: Json) -> Json:
    """Return the target rule of a metric; what cannot be understood has some target."""
    rule = {"type": "target", "metric": name, "tolerance": tolerance}
    target = metric.get("target") or {"type": "value", "milli": 1000}
    if target["type"] == "utilization":
        return {**rule, "target": target["percent"]}
    key = "target" if target["type"] == "value" else "targetPerReplica"
    return {**rule, key: from_milli(target["milli"])}


def service_readings(metric: Json, name: str) -> Json:
    """Return the readings of a service's metric, by name."""
    if metric["type"] not in OF_THE_SERVICE:
        return {}
    series = series_of(metric, name)
    match list(series.values()):
        case []:
            return {name: {"missing": "unknown" if metric["type"] == "unknown" else "timed_out"}}
        case [value]:
            return {name: {"value": from_milli(value)}}
        case _:
            return {one: {"value": from_milli(value)} for one, value in series.items()}


# ---- instances


def instances_of(instances: list[Json], metrics: dict[str, Json]) -> list[Json]:
    """Return a snapshot's instances with their readings: the listed ones, then others that have a sample."""
    listed = [instance["name"] for instance in instances]
    others = [name for metric in metrics.values() for name in samples_of(metric) if name not in listed]
    return [
        *({**instance_of(one), "metrics": readings_of(one["name"], metrics)} for one in instances),
        *({"id": name, "listed": False, "metrics": readings_of(name, metrics)} for name in dict.fromkeys(others)),
    ]


def instance_of(instance: Json) -> Json:
    """Return one instance without readings."""
    started = instance["start_age_s"]
    changed = instance["ready_transition_age_s"]
    return {
        "id": instance["name"],
        "phase": instance["phase"],
        "deleting": instance["deleting"],
        "ready": instance["ready"],
        "startedAt": None if started is None else ago(started),
        "readyChangedAt": None if changed is None else ago(changed),
    }


def samples_of(metric: Json) -> dict[str, Json]:
    """Return a metric's samples by instance."""
    return {sample["instance"]: sample for sample in metric.get("samples") or []}


def readings_of(name: str, metrics: dict[str, Json]) -> Json:
    """Return an instance's readings of those metrics that instances have."""
    return {
        key: reading_of(samples_of(metric).get(name), requests_of(metric).get(name))
        for key, metric in metrics.items()
        if metric["type"] not in OF_THE_SERVICE
    }


def requests_of(metric: Json) -> dict[str, int | None]:
    """Return what a metric is a share of, by instance."""
    is_share = metric["target"]["type"] == "utilization"
    return metric.get("requests_milli", {}) if is_share else {}


def reading_of(sample: Json | None, request_milli: int | None) -> Json:
    """Return a reading: what is used, and of a request, where there is one, its share."""
    capacity = {} if request_milli is None else {"capacity": from_milli(request_milli)}
    if sample is None:
        return {"missing": "not_reported", **capacity}
    key = "amount" if capacity else "value"
    return {key: from_milli(sample["value_milli"]), "age": sample["age_s"], "window": sample["window_s"], **capacity}


def pose(config: Json, inputs: Json, metrics: list[Json], tolerance: Json) -> tuple[Json, Json]:
    """Return the metrics and rules of a policy for those of a case, and the snapshot with their readings."""
    named = {f"m{index}": metric for index, metric in enumerate(metrics)}
    keys = {
        "metrics": [one for name, metric in named.items() for one in metrics_of(metric, name)],
        "rules": [rule_of(metric, name, tolerance) for name, metric in named.items()],
        "startup": readiness_of(config),
    }
    current = inputs["current_replicas"]
    counts = {"desiredReplicas": current, "currentReplicas": inputs.get("observed_replicas", current)}
    readings: Json = {}
    for name, metric in named.items():
        readings.update(service_readings(metric, name))
    instances = instances_of(inputs["instances"], named)
    return keys, {"at": NOW, "platform": counts, "instances": instances, "metrics": readings}


# ---- one metric


def replica_calc(case: Json) -> Iterator[Check]:
    """Ask one rule."""
    config, inputs, expected = case["config"], case["inputs"], case["expected"]
    metric = {**config["metric"], **inputs}
    metric["requests_milli"] = {one["name"]: one.get("request_milli") for one in inputs["instances"]}
    keys, snapshot = pose(config, inputs, [metric], config["tolerance"])
    [proposal] = stages.propose(policy_of(**keys), snapshot)["proposals"]
    yield Check("has no answer", proposal["answer"] == "missing", "error" in expected)
    if "error" in expected:
        return
    yield Check("replicas", proposal["replicas"], expected["replicas"])
    if "utilization_percent" in expected:
        yield Check("utilization", proposal["value"], expected["utilization_percent"])
    elif shows_usage(metric):
        yield Check("usage", proposal["value"], from_milli(expected["usage_milli"]), USAGE_WITHIN)


USAGE_WITHIN = 1e-9


def shows_usage(metric: Json) -> bool:
    """Whether a proposal's value is the usage of a case: for a service's `AverageValue` it is the total."""
    is_total = metric["target"]["type"] == "average_value" and metric["type"] in OF_THE_SERVICE
    return not is_total


def classify(case: Json) -> Iterator[Check]:
    """Classify instances."""
    config, inputs, expected = case["config"], case["inputs"], case["expected"]
    metric = {"type": "resource", "target": {"type": "average_value", "milli": 1000}, "samples": inputs["samples"]}
    if config["resource"] in {"cpu", "memory"}:
        metric["resource"] = config["resource"]
    keys, snapshot = pose(config, {**inputs, "current_replicas": 1}, [metric], {})
    standings = stages.classify(policy_of(**keys), snapshot, "m0")
    named = {word: {name for name, standing in standings.items() if standing == word} for word in STANDINGS}
    yield Check("ready", len(named["ready"]), expected["ready_count"])
    for word in ("unready", "missing", "ignored"):
        yield Check(word, named[word], set(expected[word]))


STANDINGS = ("ready", "unready", "missing", "ignored")

# ---- stabilization


def recommendations_of(inputs: Json) -> list[tuple[int, int]]:
    """Return what was recommended before."""
    return [(one["age_s"], one["replicas"]) for one in inputs["recommendations"] or []]


def seen(current: int, at: float = NOW) -> Json:
    """Return a snapshot of nothing but a count."""
    return {"at": at, "platform": {"currentReplicas": current}}


def able_reason(staged: Json) -> str:
    """Return the reason of AbleToScale after a recommendation has been stabilized."""
    codes = [one["code"] for one in staged["adjustments"]]
    return conditions.reason_for("AbleToScale", codes) or "ReadyForNewScale"


def behavior_stabilize(case: Json) -> Iterator[Check]:
    """Stabilize a recommendation by the windows of a behavior."""
    config, inputs, expected = case["config"], case["inputs"], case["expected"]
    policy = policy_of(
        behavior={
            "scaleUp": {"stabilizationWindowSeconds": config["scale_up_window_s"]},
            "scaleDown": {"stabilizationWindowSeconds": config["scale_down_window_s"]},
        }
    )
    wanted = inputs["desired_replicas"]
    state = past(policy, recommendations=recommendations_of(inputs))
    staged = stages.stabilize(policy, seen(inputs["current_replicas"]), wanted, state)
    yield Check("replicas", staged["replicas"], expected["replicas"])
    yield Check("stabilized", bool(staged["adjustments"]), expected["stabilized"])
    yield Check("reason", able_reason(staged), expected["reason"])


def legacy_stabilize(case: Json) -> Iterator[Check]:
    """Stabilize a recommendation where there is no behavior."""
    inputs = case["inputs"]
    window = case["config"]["downscale_stabilization_s"]
    policy = policy_of(behavior={"as": "kubernetes", "downscaleStabilizationSeconds": window})
    wanted = inputs["desired_replicas"]
    state = past(policy, recommendations=recommendations_of(inputs))
    staged = stages.stabilize(policy, seen(wanted), wanted, state)
    yield Check("replicas", staged["replicas"], case["expected"]["replicas"])


# ---- rate limits and bounds


def changes_of(policy: Json, inputs: Json) -> Json:
    """Return the state after the changes that were done before."""
    return past(
        policy,
        added=[(one["age_s"], one["change"]) for one in inputs["scale_up_events"]],
        removed=[(one["age_s"], one["change"]) for one in inputs["scale_down_events"]],
    )


def bounded(policy: Json, snapshot: Json, wanted: int, state: Json) -> tuple[int, str | None]:
    """Return what rate limits and bounds leave, which are one stage there, and what they say; None: nothing."""
    limited = stages.rate_limit(policy, snapshot, wanted, state)
    kept = stages.limit(policy, snapshot, limited["replicas"], state)
    latest_first = [one["code"] for one in [*kept["adjustments"], *limited["adjustments"]]]
    return kept["replicas"], conditions.reason_for("ScalingLimited", latest_first)


UNLIMITED = "DesiredWithinRange"


def limits(case: Json) -> Iterator[Check]:
    """Limit a step by scaling policies and bounds."""
    inputs, expected = case["inputs"], case["expected"]
    policy = bounded_policy(case["config"])
    state = changes_of(policy, {"scale_up_events": [], "scale_down_events": [], **inputs})
    replicas, limited = bounded(policy, seen(inputs["current_replicas"]), inputs["desired_replicas"], state)
    yield Check("replicas", replicas, expected["replicas"])
    yield Check("limited", limited is not None, expected["limited"])
    yield Check("reason", limited or UNLIMITED, expected["reason"])


def behavior_limit(case: Json) -> Iterator[Check]:
    """Ask for as much as can be asked for, and see where scaling policies stop it."""
    config, inputs = case["config"], case["inputs"]
    rules = direction_of(config["rules"], 0, has_tolerance=False)
    policy = policy_of(behavior={"scaleUp": rules, "scaleDown": rules})
    wanted = {"up": MOST, "down": 0}[config["direction"]]
    staged = stages.rate_limit(policy, seen(inputs["current_replicas"]), wanted, changes_of(policy, inputs))
    yield Check("limit", staged["replicas"], case["expected"]["limit"])


# ---- many ticks

RATE_LIMITS = {"ScaleUpLimit", "ScaleDownLimit"}


def trace(case: Json) -> Iterator[Check]:
    """Let a service follow at once, tick after tick; each change is recorded, what others change is not."""
    policy = bounded_policy(case["config"])
    forgets = case.get("quirk") == "cross_direction_event_eviction"
    current = case["inputs"]["initial_replicas"]
    state = None
    ticks = zip(case["inputs"]["ticks"], case["expected"]["ticks"], strict=True)
    for number, (tick, expected) in enumerate(ticks):
        at, wanted = tick["t_s"], tick["raw_desired"]
        current = tick.get("set_current_to", current)
        stabilized = stages.stabilize(policy, seen(current, at), wanted, state)
        state = stabilized["state"]
        replicas, limited = bounded(policy, seen(current, at), stabilized["replicas"], state)
        yield Check(f"tick {number}: current", current, expected["current_replicas"])
        yield Check(f"tick {number}: able", able_reason(stabilized), expected["able_reason"])
        if forgets and not RATE_LIMITS.isdisjoint({limited, expected["limit_reason"]}):
            replicas = expected["replicas"]  # README.md: what Kubernetes has forgotten of earlier changes
        else:
            yield Check(f"tick {number}: replicas", replicas, expected["replicas"])
            yield Check(f"tick {number}: limited", limited is not None, expected["limited"])
            yield Check(f"tick {number}: reason", limited or UNLIMITED, expected["limit_reason"])
        if replicas != current:  # no stage says whether something is to be written: `decide` does, for whole ticks
            state = selfscale.record(state, event_of(at, current, replicas))
        current = replicas


# ---- whole ticks


def reconcile(case: Json) -> Iterator[Check]:
    """Make a whole decision; where the platform fails, with an agent on a platform that fails so."""
    config, inputs = case["config"], case["inputs"]
    metrics = inputs["metrics"] or [DEFAULT_METRIC]
    keys, snapshot = pose(config, inputs, metrics, tolerance_of(config))
    policy = policy_of(least=config["min_replicas"], most=config["max_replicas"], behavior=behavior_of(config), **keys)
    fault = inputs["fault"]
    if fault is None or fault in faults.OF_WRITES:
        decision = selfscale.decide(policy, snapshot, state_before(policy, config, inputs))
        yield from tick(case, metrics, decision, written(decision, fault))
    else:
        yield from blind(case, policy)


DEFAULT_METRIC = {"type": "resource", "resource": "cpu", "target": {"type": "utilization", "percent": 80}}
"""What an autoscaler that names none reads."""


def tick(case: Json, metrics: list[Json], decision: Json, event: Json | None) -> Iterator[Check]:
    """Hold a decision, and what became of it, against a case."""
    inputs, expected = case["inputs"], case["expected"]
    proposals = decision["recommendation"]["proposals"]
    is_missing = [proposal["answer"] == "missing" for proposal in proposals]
    outcome = None if event is None else event["outcome"]
    is_done = outcome in {"accepted", "succeeded"}
    yield Check(
        "replicas", event["toReplicas"] if event and is_done else inputs["current_replicas"], expected["replicas"]
    )
    yield Check("scaled", is_done, expected["scaled"])
    yield Check("error", any(is_missing) or outcome == "failed", expected["error"])
    for number, one in enumerate(expected["per_metric"]):
        yield Check(f"metric {number} has no answer", is_missing[number], "error" in one)
        if "replicas" in one:
            yield Check(f"metric {number}", proposals[number]["replicas"], one["replicas"])
    wanted = dict(expected["conditions"])
    zero = wanted.pop("ScaledToZero", None)
    yield Check("conditions", conditions.conditions_of(decision, metrics, outcome), wanted)
    if zero is not None and case["config"]["scale_to_zero_enabled"]:
        state = decision["state"] if event is None else selfscale.record(decision["state"], event)
        yield Check("scaled to zero", state["scaledToZero"], zero["status"])


def state_before(policy: Json, config: Json, inputs: Json) -> Json:
    """Return the state of a workload; one that was never seen has none but the mark of zero."""
    mark = inputs["previously_scaled_to_zero"] and config["scale_to_zero_enabled"]
    if inputs["recommendations"] is None:
        return {"scaledToZero": mark}
    return {**past(policy, recommendations=recommendations_of(inputs)), "scaledToZero": mark}


def written(decision: Json, fault: str | None) -> Json | None:
    """Return the event of a decision that was carried out; None: it asks for no change."""
    if decision["action"] != "scale":
        return None
    if fault is not None:
        return faults.write(fault, decision["fromReplicas"], decision["toReplicas"])
    return event_of(NOW, decision["fromReplicas"], decision["toReplicas"])


def blind(case: Json, policy: Json) -> Iterator[Check]:
    """Let an agent decide about a platform that cannot be read: nothing is written."""
    inputs, expected = case["inputs"], case["expected"]
    decision, words = faults.blind_decision(inputs["fault"], inputs["current_replicas"], policy)
    code = decision["recommendation"]["code"]
    is_written = decision["action"] == "scale"
    yield Check("code", code, "platform_unknown")
    yield Check("scaled", is_written, expected["scaled"])
    yield Check("replicas", None if is_written else inputs["current_replicas"], expected["replicas"])
    yield Check("error", bool(words), expected["error"])
    yield Check("per metric", [], expected["per_metric"])
    yield Check("conditions", unreadable_conditions(code, words), expected["conditions"])


WORDS = {"selector": "InvalidSelector", "another autoscaler": "AmbiguousSelector"}


def unreadable_conditions(code: str, words: str) -> Json:
    """Return the conditions of a platform that cannot be read, by the driver's words."""
    for word, reason in WORDS.items():
        if word in words and conditions.gives("ScalingActive", reason, code):
            return conditions.with_status({"AbleToScale": "SucceededGetScale", "ScalingActive": reason})
    return conditions.with_status({"AbleToScale": conditions.reason_for("AbleToScale", [code])})
