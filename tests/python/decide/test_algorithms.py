"""What other autoscalers are known to do, sentence by sentence, as policies do it.

Application Auto Scaling (target tracking, step scaling, scheduled scaling), KEDA, Celery's worker autoscaler, sizing by
backlog. Every number expected is worked out by hand from its sentence. What no policy expresses, and why:

- Target tracking has alarms of its own, one datapoint of them for capacity providers, and CloudWatch's delay: there are
  no alarms here. Its cooldowns are 0 for DynamoDB: `as: ecs` is ECS.
- Step scaling, no gaps: steps may leave one, and a value in it asks for nothing.
- Scheduled, rate expressions: a cron says the same, without a moment from which it counts.
- KEDA, idleReplicaCount, and a first step to a minReplicaCount above 1: `scaleToZero` goes with a `minReplicas` of 0.
- KEDA, creation: an initialCooldown counts from the first evaluation that looked; without one, the cooldown does.
- KEDA, fallback static and currentReplicasIfLower: what is not known never takes replicas away.
- KEDA, a fallback reports target x R, for Value divided by the ready replicas, and not for CPU and memory: a floor is a
  number of replicas here, whatever the target, and may be asked for on any metric.
- KEDA, a composite is cut to thousandths; `??`: an expression is a double; what lacks a part is missing.
- KEDA, paused, paused-replicas, force activation: what a person does at run time.
- KEDA, the end of a cron acts after the cooldown or the window: a schedule moves bounds, and proposes nothing
  that could be held.
- KEDA, ScaledJob: jobs that end are no replicas.
- Celery, without any activity yet nothing shrinks: a cooldown runs from an event.
- Celery, a shrink is no activity: a cooldown of steps down runs from those too.
- Celery, a shrink that finds all processes busy does nothing: which replicas end, and when, is the driver's.
- Celery, evaluated on each message; the prefetch count moves along: the agent's clock, and the worker's own number.
- Known complaints and the trouble that they name are not rules.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import selfscale
from scripted import Phase, Service, shared

Json = dict[str, Any]


def policy(*rules: Json, **keys: Any) -> Json:
    """Return a policy of these rules that nothing damps, if its keys do not say so."""
    return {"service": "web", "minReplicas": 1, "maxReplicas": 1000, "behavior": "none", "rules": list(rules), **keys}


class Row(NamedTuple):
    """A sentence, and what a policy makes of a load: each change of the count by its second."""

    says: str
    policy: Json
    replicas: int
    load: list[Phase]
    changes: dict[int, int]
    every: float = 60


def cpu(seconds: float, value: Any) -> Phase:
    """Return a phase in which every replica reports this CPU."""
    return Phase(seconds, each={"cpu_usage": value})


def cpu_and_memory(seconds: float, cpu: float, memory: float) -> Phase:
    """Return a phase in which every replica reports both."""
    return Phase(seconds, each={"cpu_usage": cpu, "memory_usage": memory})


def read(seconds: float, **values: Any) -> Phase:
    """Return a phase in which these are read once for the service."""
    return Phase(seconds, whole=values)


def workers(replicas: int) -> float:
    """Return the number of replicas as a reading."""
    return float(replicas)


# ---- Application Auto Scaling: target tracking

CPU = {"type": "target", "as": "ecs", "metric": "cpu_usage", "target": 60}
MEMORY = {"type": "target", "as": "ecs", "metric": "memory_usage", "target": 80}
HIGH = "High: metric > target, 3 of 3 one-minute datapoints."
LOW = "Low: metric < ~90 % of target, 15 of 15 one-minute datapoints"
PROPORTIONAL = "ceil(current * metric/target) is the usual reading"
GRADUAL = "In: more gradual, capacity removed only when the rest would stay under target"
NO_DATA = "Insufficient data: no scaling in either direction."
EXTRA = (
    "Cooldown out: capacity added by the previous out counts as part of the next (only the extra is added); "
    "a larger out may start at once."
)
IN_COOLDOWN = "Cooldown in: blocks further in; an out during it happens immediately and ends it."
SEVERAL = "Several policies: out if ANY wants out, largest wins; in only if ALL policies with scale-in enabled want in."
AT_NONE = "At capacity 0 with a per-instance metric: division by zero -> never wakes; needs a step policy"
PER_WORKER = {"metrics": [{"name": "due_each", "value": "queue_length / workers"}], "minReplicas": 0}
TREATED = {"metrics": [{"name": "due_each", "value": "queue_length / max(workers, 1)"}], "minReplicas": 0}

TARGET_TRACKING = [
    Row(HIGH, policy(CPU), 4, [cpu(120, 60), cpu(240, 75)], {240: 5}),
    Row(HIGH, policy(CPU), 4, [cpu(120, 75), cpu(60, 60), cpu(120, 75), cpu(60, 60)], {}),
    Row(HIGH, policy(CPU), 4, [cpu(3600, 60)], {}),
    Row(LOW, policy(CPU), 10, [cpu(960, 53.9)], {840: 9}),
    Row(LOW, policy(CPU), 10, [cpu(3600, 54)], {}),
    Row(LOW, policy(CPU), 10, [cpu(840, 30), cpu(60, 57), cpu(840, 30)], {}),
    Row(PROPORTIONAL, policy(CPU), 4, [cpu(240, 90)], {120: 6}),
    Row(PROPORTIONAL, policy(CPU), 5, [cpu(240, 61)], {120: 6}),
    Row(GRADUAL, policy(CPU), 3, [cpu(3600, 45)], {}),
    Row(GRADUAL, policy(CPU), 10, [cpu(3600, shared(300))], {840: 5}),
    Row(NO_DATA, policy(CPU), 4, [cpu(120, 90), cpu(3600, None)], {}),
    Row(NO_DATA, policy(CPU), 4, [cpu(840, 30), cpu(3600, None)], {}),
    Row(NO_DATA, policy(CPU, MEMORY), 10, [Phase(3600, {"cpu_usage": 30, "memory_usage": None})], {}),
    Row(NO_DATA, policy(CPU, MEMORY), 4, [Phase(240, {"cpu_usage": 90, "memory_usage": None})], {120: 6}),
    Row(EXTRA, policy(CPU), 5, [cpu(300, 90), cpu(60, 120)], {120: 8, 300: 10}),
    Row(IN_COOLDOWN, policy(CPU), 10, [cpu(960, 30), cpu(360, 45)], {840: 5, 1140: 4}),
    Row(IN_COOLDOWN, policy(CPU), 10, [cpu(960, 30), cpu(240, 90)], {840: 5, 1080: 8}),
    Row(
        IN_COOLDOWN,
        policy(CPU | {"scaleInCooldown": "1h"}),
        10,
        [cpu(960, 30), cpu(240, 90), cpu(960, 30)],
        {840: 5, 1080: 8, 2040: 4},
    ),
    Row(IN_COOLDOWN, policy(CPU | {"scaleInCooldown": "1h"}), 10, [cpu(960, 30), cpu(1200, 45)], {840: 5}),
    Row(SEVERAL, policy(CPU, MEMORY), 4, [cpu_and_memory(240, 90, 40)], {120: 6}),
    Row(SEVERAL, policy(CPU, MEMORY), 4, [cpu_and_memory(240, 75, 120)], {120: 6}),
    Row(SEVERAL, policy(CPU, MEMORY), 10, [cpu_and_memory(3600, 30, 76)], {}),
    Row(SEVERAL, policy(CPU, MEMORY), 10, [cpu_and_memory(960, 30, 56)], {840: 7}),
    Row(
        "`DisableScaleIn` per policy.",
        policy(CPU, MEMORY | {"disableScaleIn": True}),
        10,
        [cpu_and_memory(960, 30, 80)],
        {840: 5},
    ),
    Row(
        AT_NONE,
        policy({"type": "target", "as": "ecs", "metric": "due_each", "target": 100}, **PER_WORKER),
        0,
        [read(3600, queue_length=5000, workers=workers)],
        {},
    ),
    Row(
        AT_NONE + ' or "treat as 1"',
        policy({"type": "target", "as": "ecs", "metric": "due_each", "target": 100}, **TREATED),
        0,
        [read(240, queue_length=1500, workers=workers)],
        {120: 15},
    ),
    Row(
        AT_NONE,
        policy({"type": "step", "metric": "queue_length", "steps": [{"to": 0, "by": -1}, {"from": 1, "by": 1}]})
        | {"minReplicas": 0},
        0,
        [read(60, queue_length=5000)],
        {0: 1},
    ),
]

# ---- Application Auto Scaling: step scaling


def step(threshold: float, *steps: Json, **keys: Any) -> Json:
    """Return a step rule on CPU."""
    return {"type": "step", "metric": "cpu_usage", "threshold": threshold, "steps": list(steps), **keys}


BUSY = step(70, {"from": 0, "to": 15, "by": 1}, {"from": 15, "by": 3})
IDLE = step(30, {"from": -10, "to": 0, "by": -1}, {"to": -10, "by": -2})
BOTH = policy(BUSY, IDLE)


def percent(by: int, **keys: Any) -> Json:
    """Return the policy that changes by a share of the count past 70 % or below 30 %."""
    bounds = {"from": 0} if by > 0 else {"to": 0}
    return policy(step(70 if by > 0 else 30, bounds | {"by": by}, adjustment="percent", **keys), scaleDown="never")


BREACH = "Steps are on breach size = metric - threshold."
ABOVE = "Above threshold: lower bound inclusive, upper exclusive."
BELOW = "Below threshold: lower exclusive, upper inclusive."
OPEN = "null = infinite"
EXACT = "ExactCapacity: n."
PERCENT = (
    "PercentChangeInCapacity: current*(1+n/100), change rounded toward zero but at least 1 in magnitude: "
    "12.7->12, 0.67->1, -0.58->-1, -6.67->-6"
)
CLAMP = "Then clamp to [min,max]."
AGGREGATION = "MetricAggregationType Average(default)/Minimum/Maximum."
BLOCKED = "In cooldown: blocked; an out breaks it."

STEP_SCALING = [
    Row(BREACH, BOTH, 5, [cpu(60, 80)], {0: 6}),
    Row(BREACH, BOTH, 5, [cpu(60, 90)], {0: 8}),
    Row(ABOVE, BOTH, 5, [cpu(600, 69.9)], {}),
    Row(ABOVE, BOTH, 5, [cpu(60, 70)], {0: 6}),
    Row(ABOVE, BOTH, 5, [cpu(60, 84.9)], {0: 6}),
    Row(ABOVE, BOTH, 5, [cpu(60, 85)], {0: 8}),
    Row(BELOW, BOTH, 5, [cpu(600, 30.1)], {}),
    Row(BELOW, BOTH, 5, [cpu(60, 30)], {0: 4}),
    Row(BELOW, BOTH, 5, [cpu(60, 20.1)], {0: 4}),
    Row(BELOW, BOTH, 5, [cpu(60, 20)], {0: 3}),
    Row(OPEN, BOTH, 5, [cpu(60, 1e9)], {0: 8}),
    Row(OPEN, BOTH, 5, [cpu(60, 0)], {0: 3}),
    Row("ChangeInCapacity: current + n.", BOTH, 9, [cpu(60, 90)], {0: 12}),
    Row(EXACT, policy(step(70, {"from": 0, "by": 7}, adjustment="exact")), 5, [cpu(60, 90)], {0: 7}),
    Row(EXACT, policy(step(70, {"from": 0, "by": 7}, adjustment="exact")), 9, [cpu(60, 90)], {0: 7}),
    Row(PERCENT, percent(10), 127, [cpu(60, 90)], {0: 139}),
    Row(PERCENT, percent(1), 67, [cpu(60, 90)], {0: 68}),
    Row(PERCENT, percent(-1) | {"scaleDown": None}, 58, [cpu(60, 10)], {0: 57}),
    Row(PERCENT, percent(-1) | {"scaleDown": None}, 667, [cpu(60, 10)], {0: 661}),
    Row(
        "MinAdjustmentMagnitude (percent only): change magnitude at least that (25 % of 4 = 1, with magnitude 2 -> 2).",
        percent(25, minAdjustment=2),
        4,
        [cpu(60, 90)],
        {0: 6},
    ),
    Row(
        "MinAdjustmentMagnitude (percent only): change magnitude at least that",
        percent(-25, minAdjustment=2) | {"scaleDown": None},
        4,
        [cpu(60, 10)],
        {0: 2},
    ),
    Row(
        "MinAdjustmentMagnitude (percent only): change magnitude at least that",
        percent(25, minAdjustment=2),
        20,
        [cpu(60, 90)],
        {0: 25},
    ),
    Row(CLAMP, policy(BUSY, IDLE, maxReplicas=6), 5, [cpu(60, 90)], {0: 6}),
    Row(CLAMP, policy(BUSY, IDLE, minReplicas=4), 5, [cpu(60, 10)], {0: 4}),
    Row(CLAMP, policy(step(70, {"from": 0, "by": 7}, adjustment="exact"), maxReplicas=6), 5, [cpu(60, 90)], {0: 6}),
    Row(CLAMP, percent(50) | {"maxReplicas": 12}, 10, [cpu(60, 90)], {0: 12}),
    Row(AGGREGATION, BOTH, 4, [cpu(60, [60, 100])], {0: 5}),
    Row(AGGREGATION, BOTH | {"metrics": [{"name": "cpu_usage", "across": "min"}]}, 4, [cpu(600, [60, 100])], {}),
    Row(AGGREGATION, BOTH | {"metrics": [{"name": "cpu_usage", "across": "max"}]}, 4, [cpu(60, [60, 100])], {0: 7}),
    Row(
        "Repeats while the alarm stays in ALARM, subject to cooldown (default 300 s).",
        BOTH,
        5,
        [cpu(660, 80)],
        {0: 6, 300: 7, 600: 8},
    ),
    Row(
        "Out cooldown: alarm re-fires with a step of +3 after +2 within the cooldown -> only +1 more.",
        policy(step(70, {"from": 0, "to": 15, "by": 2}, {"from": 15, "by": 3}), IDLE),
        5,
        [cpu(60, 80), cpu(60, 90)],
        {0: 7, 60: 8},
    ),
    Row(
        "Out cooldown: capacity added counts as part of the next",
        policy(step(70, {"from": 0, "to": 15, "by": 2}, {"from": 15, "by": 3}), IDLE),
        5,
        [cpu(60, 90), cpu(300, 80)],
        {0: 8, 300: 10},
    ),
    Row(BLOCKED, BOTH, 5, [cpu(360, 25)], {0: 4, 300: 3}),
    Row(BLOCKED, BOTH, 5, [cpu(60, 25), cpu(60, 80), cpu(60, 25)], {0: 4, 60: 5, 120: 4}),
]

# ---- Application Auto Scaling: scheduled scaling; it is midnight, UTC

LOAD = {"type": "target", "metric": "due", "targetPerReplica": 1}
HOUR = 3600
REPLACED = "At the time given (at/rate/cron, with time zone) MinCapacity and/or MaxCapacity are REPLACED"
MOVED = "if current < new min -> min, if current > new max -> max; otherwise nothing."
STAYS = "They stay until something changes them; a pair of actions is needed to end a period."
INSIDE = "Dynamic policies go on inside the new bounds."


def scheduled(*schedules: Json, **keys: Any) -> Json:
    """Return a policy that sizes by what is due between these bounds; their times are those of Lagos, UTC + 1."""
    return policy(LOAD, timezone="Africa/Lagos", schedules=list(schedules), **keys)


SIX = "2026-03-02T06:00"
NOON = "2026-03-02T12:00"

SCHEDULED = [
    Row(REPLACED, scheduled({"at": SIX, "minReplicas": 5}), 1, [read(8 * HOUR, due=1)], {5 * HOUR: 5}, HOUR),
    Row(
        REPLACED,
        scheduled({"cron": "0 18 * * *", "minReplicas": 5}, {"cron": "0 0 * * *", "minReplicas": 2}),
        2,
        [read(48 * HOUR, due=1)],
        {17 * HOUR: 5, 23 * HOUR: 2, 41 * HOUR: 5, 47 * HOUR: 2},
        HOUR,
    ),
    Row(
        REPLACED,
        scheduled({"at": SIX, "maxReplicas": 8}, maxReplicas=4),
        1,
        [read(8 * HOUR, due=9)],
        {0: 4, 5 * HOUR: 8},
        HOUR,
    ),
    Row(
        REPLACED,
        scheduled({"at": SIX, "minReplicas": 5}, maxReplicas=6),
        1,
        [read(8 * HOUR, due=9)],
        {0: 6},
        HOUR,
    ),
    Row(
        REPLACED,
        scheduled({"at": SIX, "minReplicas": 3, "maxReplicas": 6}, minReplicas=2, maxReplicas=4),
        2,
        [read(5 * HOUR, due=9), read(2 * HOUR, due=8), read(HOUR, due=1)],
        {0: 4, 5 * HOUR: 6, 7 * HOUR: 3},
        HOUR,
    ),
    Row(MOVED, scheduled({"at": SIX, "maxReplicas": 3}), 5, [read(8 * HOUR, due=5)], {5 * HOUR: 3}, HOUR),
    Row(MOVED, scheduled({"at": SIX, "minReplicas": 2, "maxReplicas": 8}), 5, [read(8 * HOUR, due=5)], {}, HOUR),
    Row(STAYS, scheduled({"at": SIX, "minReplicas": 5}), 1, [read(240 * HOUR, due=1)], {5 * HOUR: 5}, HOUR),
    Row(
        STAYS,
        scheduled({"at": SIX, "minReplicas": 5}, {"at": NOON, "minReplicas": 1}),
        1,
        [read(24 * HOUR, due=1)],
        {5 * HOUR: 5, 11 * HOUR: 1},
        HOUR,
    ),
    Row(
        INSIDE,
        scheduled({"at": SIX, "minReplicas": 3, "maxReplicas": 6}),
        4,
        [read(6 * HOUR, due=4), read(HOUR, due=8), read(HOUR, due=5), read(HOUR, due=1)],
        {6 * HOUR: 6, 7 * HOUR: 5, 8 * HOUR: 3},
        HOUR,
    ),
]

# ---- KEDA

QUEUE = {"type": "target", "metric": "queue_length", "targetPerReplica": 10}
MAIL = {"type": "target", "metric": "mail", "targetPerReplica": 10}


def keda(*rules: Json, cooldown: str = "300s", initial: str | None = None, **keys: Any) -> Json:
    """Return a scaled object: 0 to 100 replicas, between 1 and 100 an HPA without behavior."""
    bounds = {"minReplicas": 0, "maxReplicas": 100, "evaluationInterval": "30s"}
    idle = {"cooldown": cooldown} | ({} if initial is None else {"initialCooldown": initial})
    return policy(*rules, **bounds, behavior="kubernetes", scaleToZero=idle, **keys)


def fallback(*rules: Json, replicas: int) -> Json:
    """Return the policy with a fallback of so many replicas for the queue, after KEDA's threshold of 3."""
    return policy(
        *rules,
        evaluationInterval="30s",
        metrics=[{"name": "queue_length", "missing": {"atLeastReplicas": replicas}}],
    )


PLAIN_HPA = (
    "1..N is a plain HPA fed with external metrics (default metric type AverageValue, target = trigger threshold)"
)
ACTIVATION = "trigger is active iff value > activationThreshold (strict; default 0)."
IDLE_LONG = "Else if current > idle, or current > 0 and min == 0: go to idle/min when last_active + cooldown < now"
NEVER_ACTIVE = "or, if never active, creation + initialCooldown < now."
OUTAGE = "without fallback report and do nothing (so an outage never scales to 0)."
COUNTER = (
    "per-metric counter of consecutive failures, reset by a success; when counter > threshold (strict) the metric "
    "value target*R is reported"
)
COMPOSITE = "expression over trigger names -> one composite metric replaces all"
COMPOSED = {"metrics": [{"name": "work", "value": "queue_length / 2 + mail"}]}
WORK = {"type": "target", "metric": "work", "targetPerReplica": 10}
ONE_DIRECTION = "paused-scale-in / paused-scale-out block one direction (0<->1 path and HPA selectPolicy Disabled)."
FLOOR = "It is a floor by max with other triggers, not a setter"

KEDA = [
    Row(PLAIN_HPA, keda(QUEUE), 0, [read(90, queue_length=40)], {0: 1, 30: 4}, 30),
    Row(
        PLAIN_HPA,
        keda(QUEUE),
        0,
        [read(300, queue_length=900)],
        {0: 1, 30: 4, 60: 8, 90: 16, 120: 32, 150: 64, 180: 90},
        30,
    ),
    Row(PLAIN_HPA, keda(QUEUE), 4, [read(60, queue_length=44), read(30, queue_length=45)], {60: 5}, 30),
    Row(PLAIN_HPA, keda(QUEUE), 4, [read(600, queue_length=36)], {}, 30),
    Row("min 0; max 100", keda(QUEUE), 64, [read(30, queue_length=2000)], {0: 100}, 30),
    Row(ACTIVATION, keda(QUEUE), 0, [read(600, queue_length=0)], {}, 30),
    Row(ACTIVATION, keda(QUEUE), 0, [read(30, queue_length=1)], {0: 1}, 30),
    Row(ACTIVATION, keda(QUEUE | {"activation": 50}), 0, [read(600, queue_length=50)], {}, 30),
    Row(ACTIVATION, keda(QUEUE | {"activation": 50}), 0, [read(30, queue_length=51)], {0: 1}, 30),
    Row(
        "Threshold and activation are independent: activation 50 and threshold 10 with 40 messages -> stays 0.",
        keda(QUEUE | {"activation": 50}),
        0,
        [read(600, queue_length=40)],
        {},
        30,
    ),
    Row("Any active trigger activates.", keda(QUEUE, MAIL), 0, [read(30, queue_length=0, mail=3)], {0: 1}, 30),
    Row("Any active trigger activates.", keda(QUEUE, MAIL), 1, [read(3600, queue_length=0, mail=3)], {}, 30),
    Row(
        "Active: current 0 (or idle set and current < min) -> jump to max(min,1)",
        keda(QUEUE),
        0,
        [read(30, queue_length=900)],
        {0: 1},
        30,
    ),
    Row(
        "else note last_active = now.",
        keda(QUEUE),
        1,
        [read(600, queue_length=5), read(600, queue_length=0)],
        {900: 0},
        30,
    ),
    Row(
        ACTIVATION,
        keda(QUEUE | {"activation": 50}),
        6,
        [read(30, queue_length=51), read(600, queue_length=50)],
        {330: 0},
        30,
    ),
    Row(IDLE_LONG, keda(QUEUE), 1, [read(30, queue_length=5), read(600, queue_length=0)], {330: 0}, 30),
    Row(NEVER_ACTIVE, keda(QUEUE, initial="60s"), 1, [read(600, queue_length=0)], {90: 0}, 30),
    Row(NEVER_ACTIVE, keda(QUEUE, initial="0s"), 1, [read(600, queue_length=0)], {30: 0}, 30),
    Row(NEVER_ACTIVE, keda(QUEUE, initial="1h"), 1, [read(7200, queue_length=0)], {3630: 0}, 30),
    Row(
        NEVER_ACTIVE,
        keda(QUEUE, initial="0s"),
        1,
        [read(30, queue_length=5), read(600, queue_length=0)],
        {330: 0},
        30,
    ),
    Row(
        "From ANY N, not only from 1",
        keda(QUEUE, cooldown="60s"),
        7,
        [read(60, queue_length=70), read(300, queue_length=0)],
        {120: 0},
        30,
    ),
    Row(
        "Cooldown thus applies only to the step to 0/idle; N->1 speed is the HPA's 300 s window",
        keda(QUEUE, cooldown="1h"),
        7,
        [read(60, queue_length=70), read(7200, queue_length=0)],
        {360: 1, 3660: 0},
        30,
    ),
    Row(
        "cooldown 300 s",
        keda(QUEUE) | {"scaleToZero": {}},
        1,
        [read(30, queue_length=5), read(600, queue_length=0)],
        {330: 0},
        30,
    ),
    Row(OUTAGE, keda(QUEUE), 4, [read(7200, queue_length=None)], {}, 30),
    Row(OUTAGE, keda(QUEUE, MAIL), 4, [read(7200, queue_length=None, mail=0)], {}, 30),
    Row(
        "Inactive: if some trigger errors: with fallback.replicas != 0 do nothing",
        keda(QUEUE, metrics=[{"name": "queue_length", "missing": {"atLeastReplicas": 3}}]),
        4,
        [read(7200, queue_length=None)],
        {},
        30,
    ),
    Row(
        "If no idle and current < min -> min.",
        policy(QUEUE, minReplicas=2),
        1,
        [read(30, queue_length=0)],
        {0: 2},
        30,
    ),
    Row(
        COUNTER,
        fallback(QUEUE, replicas=6),
        4,
        [read(60, queue_length=40), read(600, queue_length=None)],
        {150: 6},
        30,
    ),
    Row(
        COUNTER,
        fallback(QUEUE, replicas=6),
        4,
        [read(90, queue_length=None), read(30, queue_length=40), read(90, queue_length=None)],
        {},
        30,
    ),
    Row(
        "currentReplicasIfHigher: max(current, replicas)",
        fallback(QUEUE, replicas=6),
        8,
        [read(60, queue_length=80), read(600, queue_length=None)],
        {},
        30,
    ),
    Row(
        "currentReplicas",
        policy(QUEUE),
        8,
        [read(60, queue_length=80), read(600, queue_length=None)],
        {},
        30,
    ),
    Row(
        "Until then the error goes to the HPA (= no scale-down).",
        fallback(QUEUE, MAIL, replicas=2),
        8,
        [read(60, queue_length=80, mail=80), read(90, queue_length=None, mail=1)],
        {},
        30,
    ),
    Row(COMPOSITE, policy(WORK, **COMPOSED), 1, [read(30, queue_length=60, mail=10)], {0: 4}, 30),
    Row(
        "metricType: Value divided by the target, times the ready ones",
        policy({"type": "target", "metric": "work", "target": 10}, **COMPOSED),
        2,
        [read(30, queue_length=40, mail=10)],
        {0: 6},
        30,
    ),
    Row(
        "any trigger error -> not active/ error",
        policy(WORK, **COMPOSED),
        4,
        [read(600, queue_length=0, mail=None)],
        {},
        30,
    ),
    Row(
        "any trigger error -> not active/ error",
        keda(WORK, **COMPOSED),
        0,
        [read(600, queue_length=100, mail=None)],
        {},
        30,
    ),
    Row(
        "active iff composite > activationTarget (default 0)",
        keda(WORK | {"activation": 5}, **COMPOSED),
        0,
        [read(600, queue_length=4, mail=3), read(30, queue_length=5, mail=3)],
        {600: 1},
        30,
    ),
    Row(
        ONE_DIRECTION,
        policy(QUEUE, behavior={"scaleDown": {"selectPolicy": "Disabled"}}),
        4,
        [read(3600, queue_length=10), read(30, queue_length=80)],
        {3600: 8},
        30,
    ),
    Row(
        ONE_DIRECTION,
        policy(QUEUE, behavior={"scaleUp": {"selectPolicy": "Disabled"}}),
        4,
        [read(3600, queue_length=80), read(600, queue_length=20)],
        {3870: 2},
        30,
    ),
    Row(
        FLOOR,
        policy(QUEUE, schedules=[{"from": "01:00", "to": "05:00", "minReplicas": 5}]),
        1,
        [read(2 * HOUR, queue_length=10), read(HOUR, queue_length=80), read(HOUR, queue_length=10)],
        {HOUR: 5, 2 * HOUR: 8, 3 * HOUR: 5},
        30,
    ),
    Row(
        FLOOR,
        keda(QUEUE, schedules=[{"from": "01:00", "to": "05:00", "minReplicas": 3}]),
        0,
        [read(6 * HOUR, queue_length=0)],
        {HOUR: 3, 5 * HOUR: 0},
        30,
    ),
    Row(
        "desiredReplicas 0 cannot force zero",
        policy(QUEUE, minReplicas=0, schedules=[{"from": "01:00", "to": "05:00", "minReplicas": 0}]),
        3,
        [read(4 * HOUR, queue_length=30)],
        {},
        30,
    ),
]

# ---- Celery's worker autoscaler: 2 to 10 processes, a keepalive of 30 s, of which more must have passed

RESERVED = {"type": "target", "metric": "reserved", "targetPerReplica": 1, "tolerance": 0}
QUIET = {"type": "threshold", "metric": "messages", "scaleDown": 1, "scaleDownFor": "30001ms", "scaleDownBy": 100}
POOL = {"minReplicas": 2, "maxReplicas": 10, "cooldown": {"down": "30001ms"}}
WHOLE = "up = min(qty,max); if up > procs grow by the whole difference at once."
SHRINK = "Else down = max(qty,min); if down < procs, shrink to it only if the last activity is MORE than keepalive ago."

CELERY = [
    Row(WHOLE, policy(RESERVED, **POOL), 2, [read(15, reserved=7)], {0: 7}, 15),
    Row(WHOLE, policy(RESERVED, **POOL), 2, [read(15, reserved=15)], {0: 10}, 15),
    Row(SHRINK, policy(RESERVED, **POOL), 2, [read(15, reserved=7), read(60, reserved=4)], {0: 7, 45: 4}, 15),
    Row(SHRINK, policy(RESERVED, **POOL), 2, [read(15, reserved=7), read(60, reserved=1)], {0: 7, 45: 2}, 15),
    Row(
        "<= 5.6: only the last growth, so a busy worker with short tasks did shrink",
        policy(RESERVED, **POOL),
        2,
        [read(15, reserved=7, messages=3), read(60, reserved=1, messages=3)],
        {0: 7, 45: 2},
        15,
    ),
    Row(
        "Activity = last growth; since 5.7.0 also the last message received",
        policy(RESERVED, QUIET, **POOL),
        2,
        [
            read(15, reserved=7, messages=3),
            read(60, reserved=1, messages=3),
            read(60, reserved=1, messages=0),
        ],
        {0: 7, 120: 2},
        15,
    ),
    Row(
        "min/max can be changed at run time: applied at once",
        policy(
            RESERVED, **POOL | {"cooldown": {"down": "1h"}}, schedules=[{"at": "2026-03-02T00:01", "maxReplicas": 4}]
        ),
        2,
        [read(120, reserved=7)],
        {0: 7, 60: 4},
        15,
    ),
    Row(
        "min/max can be changed at run time: applied at once",
        policy(RESERVED, **POOL, schedules=[{"at": "2026-03-02T00:01", "minReplicas": 5}]),
        2,
        [read(120, reserved=1)],
        {60: 5},
        15,
    ),
    Row("up = min(qty,max); if up > procs", policy(RESERVED, **POOL), 7, [read(600, reserved=7)], {}, 15),
    Row(
        "With prefetch multiplier 1 and late acks, qty can never exceed procs -> never grows",
        policy(RESERVED, **POOL),
        2,
        [read(3600, reserved=workers)],
        {},
        15,
    ),
]

# ---- backlog per instance, Little's law

SLOTS = {"metrics": [{"name": "slots", "value": "arrivals * service_time"}]}
LITTLE = "instances = ceil(lambda*S/(slots_per_instance*target_utilization))"
FOUR_SLOTS = {"type": "target", "metric": "slots", "targetPerReplica": 3, "tolerance": 0}  # 4 slots, 75 % busy
EXAMPLE = "1500 messages, 10 instances, 10 s latency, 0.1 s each -> acceptable 100, actual 150 -> 15 instances."
DRAIN = {"type": "backlog", "metric": "due", "targetLatency": "10s", "throughputPerReplica": 10}
IN_FLIGHT = "use visible + in-flight for scale-in, visible for scale-out."
AT_ZERO = "At 0 instances use max(1, n) as divisor, and wake on backlog > 0."

BACKLOG = [
    Row(
        "Slots needed = arrival rate * mean service time",
        policy(FOUR_SLOTS | {"targetPerReplica": 1}, **SLOTS),
        1,
        [read(60, arrivals=60, service_time=0.2)],
        {0: 12},
    ),
    Row(LITTLE, policy(FOUR_SLOTS, **SLOTS), 1, [read(60, arrivals=60, service_time=0.2)], {0: 4}),
    Row(LITTLE, policy(FOUR_SLOTS, **SLOTS), 1, [read(60, arrivals=61, service_time=0.2)], {0: 5}),
    Row(EXAMPLE, policy(DRAIN), 10, [read(60, due=1500)], {0: 15}),
    Row(
        "metric = visible messages / running instances; track it. " + EXAMPLE,
        policy(
            {"type": "target", "as": "ecs", "metric": "due_each", "target": 100},
            metrics=[{"name": "due_each", "value": "due / workers"}],
        ),
        10,
        [read(3600, due=1500, workers=workers)],
        {120: 15},
    ),
    Row(
        "Drain form: n = ceil(lambda*S/c + backlog*S/(c*drain_time))",
        policy(
            {"type": "target", "metric": "busy", "targetPerReplica": 4},
            metrics=[{"name": "busy", "value": "arrivals * service_time + due * service_time / 60"}],
        ),
        1,
        [read(60, arrivals=20, service_time=0.5, due=600)],  # 10 slots, and 5 more for a minute; 15 / 4
        {0: 4},
    ),
    Row(
        "backlog alone ... ignores in-flight work",
        policy(DRAIN),
        20,
        [read(60, due=300, hand=900)],
        {0: 3},
    ),
    Row(IN_FLIGHT, policy(DRAIN | {"running": "hand"}), 10, [read(60, due=1500, hand=500)], {0: 15}),
    Row(IN_FLIGHT, policy(DRAIN | {"running": "hand"}), 20, [read(60, due=300, hand=900)], {0: 12}),
    Row(
        AT_ZERO,
        policy(
            {"type": "target", "metric": "due_each", "target": 100},
            metrics=[{"name": "due_each", "value": "due / max(workers, 1)"}],
            minReplicas=0,
        ),
        0,
        [read(60, due=150, workers=workers)],
        {0: 2},
    ),
    Row(AT_ZERO, policy(DRAIN, minReplicas=0, scaleToZero={}), 0, [read(60, due=1)], {0: 1}),
    Row(AT_ZERO, policy(DRAIN, minReplicas=0, scaleToZero={}), 0, [read(3600, due=0)], {}),
    Row(
        "Oldest-job age is robust against mixed job costs, but reacts late",
        policy(DRAIN | {"oldest": "age"}),
        4,
        [read(600, due=400, age=10), read(60, due=400, age=11)],
        {600: 5},
    ),
    Row(
        "is blind to what is behind.",
        policy(DRAIN | {"oldest": "age"}),
        4,
        [read(60, due=1500, age=1)],
        {0: 15},
    ),
]


def named(rows: list[Row]) -> list[Any]:
    """Give each row the name of its sentence; where several stand for one, a number too."""
    return [pytest.param(row, id=f"{row.says[:60]} ({number})") for number, row in enumerate(rows, 1)]


@pytest.mark.parametrize("row", named(TARGET_TRACKING + STEP_SCALING + SCHEDULED + KEDA + CELERY + BACKLOG))
def test_a_policy_does_what_the_sentence_says(row: Row) -> None:
    policy = {key: value for key, value in row.policy.items() if value is not None}
    assert Service(policy, row.replicas, every=row.every).run(row.load) == row.changes, row.says


@pytest.mark.parametrize(
    ("says", "refused", "words"),
    [
        (
            'Metric must fall when capacity rises; only "above target = too busy" is supported.',
            policy(CPU | {"comparison": "less_than"}),
            "comparison",
        ),
        ("No gaps/overlaps", policy(step(70, {"from": 0, "to": 20, "by": 1}, {"from": 15, "by": 3})), "overlap"),
        (
            "null = infinite, at most one each side",
            policy(step(70, {"from": 0, "by": 1}, {"from": 15, "by": 3})),
            "overlap",
        ),
        ("not both in one step.", policy(step(70, {"from": None, "to": None, "by": 1})), "from, to or both"),
        (
            "MinAdjustmentMagnitude (percent only)",
            policy(step(70, {"from": 0, "by": 1}, minAdjustment=2)),
            "percent",
        ),
        ("Only cpu/memory triggers -> always active.", keda({**CPU, "as": "kubernetes"}), "nothing could wake"),
        (
            "start==end never ends",
            policy(QUEUE, schedules=[{"from": "08:00", "to": "08:00", "minReplicas": 5}]),
            "differ",
        ),
    ],
)
def test_a_policy_cannot_say_what_the_sentence_rules_out(says: str, refused: Json, words: str) -> None:
    with pytest.raises(selfscale.PolicyError) as caught:
        selfscale.load_policies(refused)
    assert any(words in problem.pointer + problem.message for problem in caught.value.problems), says


def test_the_cooldowns_of_target_tracking_are_those_of_ecs() -> None:
    """Defaults 300 s for ECS."""
    [written] = selfscale.load_policies(policy(CPU))
    assert (written["rules"][0]["scaleOutCooldown"], written["rules"][0]["scaleInCooldown"]) == ("5m", "5m")
