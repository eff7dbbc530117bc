"""What users of autoscalers complain about, and what a decision makes of the same events instead.

A complaint has the public thread that it is known from. Every number expected is worked out by hand from the complaint;
what a decision cannot prevent is not here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import selfscale
from scripted import Phase, Service, Value, shared

Json = dict[str, Any]
MINUTE = 60
HOUR = 3600
DAY = 24 * HOUR


def policy(*rules: Json, **keys: Any) -> Json:
    """Return a policy of 1 to 20 replicas, damped as one that says nothing of it, if its keys do not say so."""
    return {"service": "web", "minReplicas": 1, "maxReplicas": 20, "rules": list(rules), **keys}


def threshold(metric: str, up: float, down: float, **keys: Any) -> Json:
    """Return a threshold rule."""
    return {"type": "threshold", "metric": metric, "scaleUp": up, "scaleDown": down, **keys}


def each(seconds: float, surge: int | None = None, **values: Value) -> Phase:
    """Return a phase in which every replica reports these; with a surge, in the middle of a deployment."""
    return Phase(seconds, each=values, surge=surge)


def read(seconds: float, **values: Value) -> Phase:
    """Return a phase in which these are read once for the service."""
    return Phase(seconds, whole=values)


def in_flight(seconds: float, number: float, just_now: float | None = None) -> Phase:
    """Return a phase of so many requests at a time over a minute, and over the last seconds of it."""
    short = number if just_now is None else just_now
    load = {"value": number, "age": 1.0, "window": 60, "short": short, "shortWindow": 6}
    return Phase(seconds, whole={"in_flight": load})


class Pain(NamedTuple):
    """A complaint, and each change of the count by its second under what was complained of."""

    says: str
    policy: Json
    replicas: int
    load: list[Phase]
    changes: dict[int, int]
    every: float = 15
    starts_in: float = 0
    starting: dict[str, Value] | None = None


CPU = threshold("cpu_usage", 70, 30)
TARGET = {"type": "target", "metric": "cpu_usage", "target": 50}
QUEUE = {"type": "target", "metric": "queue_length", "targetPerReplica": 10}
BUSY = {"type": "concurrency", "metric": "in_flight", "targetPerReplica": 10}

FLAPPING = [
    Pain(
        "the count follows every wave of the load",
        policy(CPU),
        3,
        [each(60, cpu_usage=60), each(60, cpu_usage=20)] * 30,
        {},
    ),
    Pain(
        "the same with a target",
        policy(QUEUE),
        4,
        [read(60, queue_length=40), read(60, queue_length=5)] * 30,
        {},
    ),
    Pain(
        "limits and values of their own for either direction (kubernetes/kubernetes#39090)",
        policy(
            QUEUE,
            behavior={
                "scaleUp": {"policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}]},
                "scaleDown": {
                    "stabilizationWindowSeconds": 0,
                    "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
                },
            },
        ),
        4,
        [read(600, queue_length=80), read(300, queue_length=50)],
        {0: 6, 60: 8, 600: 7, 720: 6, 840: 5},
    ),
    Pain(
        "three more at once, one fewer at a time (cloudspannerecosystem/autoscaler#357)",
        policy(threshold("cpu_usage", 70, 30, scaleUpBy=3), behavior="none", cooldown={"down": "5m"}),
        2,
        [each(15, cpu_usage=75), each(615, cpu_usage=25)],
        {0: 5, 300: 4, 600: 3},
    ),
    Pain(
        "it collapses when panic ends while new ones still start (knative/serving#3153, #9121)",
        policy(BUSY, behavior="none"),
        1,
        [in_flight(HOUR, 100)],
        {0: 10},
        starts_in=150,
    ),
    Pain(
        "slow starters and panic flood the cluster (knative/serving#13284)",
        policy(BUSY, maxReplicas=1000),
        1,
        [in_flight(600, 100)],
        {0: 10},
        starts_in=90,
    ),
    Pain(
        "how fast it goes down cannot be said (knative/serving#4993)",
        policy(BUSY | {"maxScaleDownRate": 4}, behavior="none"),
        16,
        [in_flight(150, 10)],
        {75: 4, 90: 1},
    ),
]

START_UP = [
    Pain(
        "what starts burns CPU, and that asks for more, up to the maximum (kubernetes/kubernetes#28692, #29989)",
        policy(TARGET),
        2,
        [each(600, cpu_usage=shared(200))],
        {0: 4},
        starts_in=45,
        starting={"cpu_usage": 100},
    ),
    Pain(
        "the same of a threshold",
        policy(threshold("cpu_usage", 70, 20)),
        2,
        [each(600, cpu_usage=shared(180))],
        {0: 3},
        starts_in=90,
        starting={"cpu_usage": 100},
    ),
    Pain(
        "cold replicas are idle, and that takes them away again",
        policy(threshold("in_flight", 10, 2), behavior="none"),
        2,
        [each(300, in_flight=shared(22))],
        {0: 3},
        starts_in=60,
        starting={"in_flight": 0},
    ),
    Pain(
        "what has been asked for is asked for again until it serves",
        policy(
            {"type": "step", "metric": "in_flight", "steps": [{"to": 2, "by": -1}, {"from": 10, "by": 2}]},
            behavior="none",
        ),
        2,
        [each(300, in_flight=shared(30))],
        {0: 4},
        starts_in=60,
    ),
]

DEPLOYS = [
    Pain(
        "old and new side by side are asked for again: 120 pods (kubernetes/kubernetes#72775)",
        policy({"type": "target", "metric": "memory_usage", "target": 70}, maxReplicas=200),
        4,
        [each(150, surge=4, memory_usage=56)],
        {},
    ),
    Pain(
        "a surge inflates the count by itself (kubernetes/kubernetes#90461, #98914)",
        policy(TARGET | {"metric": "in_flight", "target": 10}, behavior="none"),
        8,
        [each(150, surge=8, in_flight=8)],
        {},
    ),
    Pain(
        "replicas go while they are replaced",
        policy(CPU, behavior="none"),
        4,
        [each(150, surge=0, cpu_usage=10), each(15, cpu_usage=10)],
        {150: 3},
    ),
    Pain("a deployment freezes it under load", policy(CPU), 4, [each(15, surge=0, cpu_usage=90)], {0: 5}),
    Pain(
        "queue time spikes on each deploy (Judoscale's guide)",
        policy(threshold("request_queue_time_p95", 0.1, 0.01, scaleUpFor="1m")),
        3,
        [
            read(60, request_queue_time_p95=0.05),
            read(45, request_queue_time_p95=2),
            read(HOUR, request_queue_time_p95=0.05),
        ],
        {},
    ),
]

DUE = {"metrics": [{"name": "queue_length", "missing": {"atLeastReplicas": 3}}]}
SLEEPS = {"minReplicas": 0, "scaleToZero": {"cooldown": "5m"}}

SOURCE_DOWN = [
    Pain(
        "to zero (kedacore/keda#965)",
        policy(QUEUE, **SLEEPS),
        4,
        [read(60, queue_length=40), read(HOUR, queue_length=None)],
        {},
    ),
    Pain(
        "the fallback lowers (kedacore/keda#6659)",
        policy(QUEUE, **DUE),
        8,
        [read(60, queue_length=80), read(HOUR, queue_length=None)],
        {},
    ),
    Pain(
        "the fallback overrules what another metric needs (kedacore/keda#6659)",
        policy(QUEUE, CPU, **DUE),
        8,
        [Phase(15, {"cpu_usage": 90}, {"queue_length": None}), Phase(HOUR, {"cpu_usage": 50}, {"queue_length": None})],
        {0: 9},
    ),
    Pain(
        "one never reached never falls back (kedacore/keda#8056)",
        policy(QUEUE, **DUE),
        1,
        [read(HOUR, queue_length=None)],
        {45: 3},
    ),
    Pain(
        "the fallback swings beside another kind of metric (kedacore/keda#5514)",
        policy(QUEUE, CPU, behavior="none", **DUE),
        1,
        [Phase(HOUR, {"cpu_usage": shared(40)}, {"queue_length": None})],
        {45: 3},
    ),
    Pain(
        "no data is taken for none due",
        policy(QUEUE, behavior="none"),
        4,
        [read(15, queue_length=40), read(45, queue_length=None), read(15, queue_length=20)],
        {60: 2},
    ),
]

MEMORY = [
    Pain(
        "160 of 200 MiB stays at 4, by a target's arithmetic (kubernetes/kubernetes#78761)",
        policy({"type": "target", "metric": "memory_usage", "target": 100}),
        4,
        [each(HOUR, memory_usage=80)],
        {},
    ),
    Pain(
        "edges of its own take one away (kubernetes/kubernetes#95762)",
        policy(threshold("memory_usage", 95, 85), behavior="none"),
        4,
        [each(15, memory_usage=80), each(HOUR, memory_usage=88)],
        {0: 3},
    ),
    Pain(
        "it keeps what CPU would take away",
        policy(CPU, threshold("memory_usage", 90, 40)),
        4,
        [each(HOUR, cpu_usage=10, memory_usage=60)],
        {},
    ),
    Pain(
        "asked for more only, it keeps nothing",
        policy(CPU, {"type": "threshold", "metric": "memory_usage", "scaleUp": 90}, behavior="none"),
        4,
        [each(45, cpu_usage=10, memory_usage=60)],
        {0: 3, 15: 2, 30: 1},
    ),
]

COOLDOWN = [
    Pain(
        "it counts for the step to none alone (kedacore/keda#737, #5321, #6844)",
        policy(CPU, behavior="none", cooldown={"down": "10m"}),
        2,
        [each(15, cpu_usage=75), each(1200, cpu_usage=20)],
        {0: 3, 600: 2, 1200: 1},
    ),
    Pain(
        "either direction has its own",
        policy(CPU, behavior="none", cooldown={"up": "60s", "down": "5m"}),
        2,
        [each(75, cpu_usage=75), each(600, cpu_usage=20)],
        {0: 3, 60: 4, 360: 3, 660: 2},
    ),
    Pain(
        "one holds both directions, from the last change",
        policy(CPU, behavior="none", cooldownPeriod="5m"),
        2,
        [each(315, cpu_usage=75), each(600, cpu_usage=20)],
        {0: 3, 300: 4, 600: 3, 900: 2},
    ),
    Pain(
        "with work again it begins anew",
        policy(QUEUE, **SLEEPS),
        1,
        [read(285, queue_length=0), read(15, queue_length=1), read(600, queue_length=0)],
        {600: 0},
    ),
    Pain(
        "a step up waits for one down",
        policy(CPU, behavior="none", cooldown={"down": "5m"}),
        4,
        [each(15, cpu_usage=20), each(15, cpu_usage=75)],
        {0: 3, 15: 4},
    ),
    Pain(
        "the bounds wait for it",
        policy(CPU, cooldownPeriod="1h", schedules=[{"from": "00:02", "to": "00:04", "minReplicas": 6}]),
        2,
        [each(15, cpu_usage=75), each(180, cpu_usage=50)],
        {0: 3, 120: 6},
    ),
]

BERLIN = {"timezone": "Europe/Berlin", "behavior": "none"}
OFFICE = {"days": "mon-fri", "from": "08:00", "to": "20:00", "minReplicas": 5}
ONE_DUE = {"type": "target", "metric": "due", "targetPerReplica": 1}

SCHEDULES = [
    Pain(
        "its times are read as UTC",
        policy(ONE_DUE, **BERLIN, schedules=[OFFICE]),
        1,
        [read(DAY, due=1)],
        {7 * HOUR: 5, 19 * HOUR: 1},
        HOUR,
    ),
    Pain(
        "Friday's end is missed (kedacore/keda#4677)",
        policy(ONE_DUE, **BERLIN, schedules=[OFFICE]),
        1,
        [read(8 * DAY, due=1)],
        {day * DAY + hour * HOUR: count for day in (0, 1, 2, 3, 4, 7) for hour, count in ((7, 5), (19, 1))},
        HOUR,
    ),
    Pain(
        "a dip where one window hands over to the next (kedacore/keda#6665)",
        policy(ONE_DUE, behavior="none", schedules=[OFFICE | {"to": "12:00"}, OFFICE | {"from": "12:00"}]),
        1,
        [read(DAY, due=1)],
        {8 * HOUR: 5, 20 * HOUR: 1},
        MINUTE,
    ),
    Pain(
        "a minute too early or too late (kedacore/keda#5263)",
        policy(ONE_DUE, behavior="none", schedules=[{"cron": "30 8 * * *", "duration": "90m", "minReplicas": 5}]),
        1,
        [read(DAY, due=1)],
        {8 * HOUR + 30 * MINUTE: 5, 10 * HOUR: 1},
        MINUTE,
    ),
    Pain(
        "none cannot be asked for (kedacore/keda#3956)",
        policy(
            ONE_DUE, behavior="none", schedules=[{"from": "01:00", "to": "05:00", "minReplicas": 0, "maxReplicas": 0}]
        ),
        3,
        [read(DAY, due=3)],
        {HOUR: 0, 5 * HOUR: 3},
        MINUTE,
    ),
    Pain(
        "where windows overlap, the one that ends first ends both",
        policy(ONE_DUE, behavior="none", schedules=[OFFICE, {"from": "10:00", "to": "12:00", "minReplicas": 8}]),
        1,
        [read(DAY, due=1)],
        {8 * HOUR: 5, 10 * HOUR: 8, 12 * HOUR: 5, 20 * HOUR: 1},
        HOUR,
    ),
    Pain(
        "it shifts by an hour with the clocks: on 29 March in Berlin",
        policy(
            ONE_DUE,
            **BERLIN,
            schedules=[{"cron": "0 18 * * *", "minReplicas": 5}, {"cron": "0 0 * * *", "minReplicas": 2}],
        ),
        2,
        [read(28 * DAY, due=1)],
        {day * DAY + hour * HOUR: count for day in range(27) for hour, count in ((17, 5), (23, 2))}
        | {27 * DAY + 16 * HOUR: 5, 27 * DAY + 22 * HOUR: 2},
        HOUR,
    ),
]

PAINS = {
    "flapping": FLAPPING,
    "start-up": START_UP,
    "deploys": DEPLOYS,
    "source down": SOURCE_DOWN,
    "memory": MEMORY,
    "cooldown": COOLDOWN,
    "schedules": SCHEDULES,
}


@pytest.mark.parametrize(
    "pain", [pytest.param(pain, id=f"{kind}: {pain.says}") for kind, pains in PAINS.items() for pain in pains]
)
def test_a_decision_spares_users(pain: Pain) -> None:
    service = Service(pain.policy, pain.replicas, every=pain.every, starts_in=pain.starts_in, starting=pain.starting)
    assert service.run(pain.load) == pain.changes, pain.says


def test_a_metric_that_keeps_replicas_is_named() -> None:
    """That memory never scales in is seen in the reason."""
    held = policy(CPU, threshold("memory_usage", 90, 40))
    decision = Service(held, 4).step(each(15, cpu_usage=10, memory_usage=60))
    assert decision["action"] != "scale"
    assert "memory_usage" in decision["recommendation"]["reason"]


def test_a_cooldown_that_holds_is_named() -> None:
    """Why nothing happens in a cooldown is said."""
    service = Service(policy(CPU, behavior="none", cooldown={"up": "60s"}), 2)
    service.run([each(15, cpu_usage=75)])
    decision = service.step(each(15, cpu_usage=75))
    assert (decision["action"], decision["heldBy"]) == ("hold", "cooldown")
    assert "1 m" in decision["recommendation"]["reason"]


def test_a_schedule_without_a_time_zone_is_hinted_at() -> None:
    """Times that mean UTC, and nobody says so."""
    assert any("UTC" in hint.message for hint in selfscale.hints(policy(CPU, schedules=[OFFICE])))
    assert not selfscale.hints(policy(CPU, **BERLIN, schedules=[OFFICE]))
