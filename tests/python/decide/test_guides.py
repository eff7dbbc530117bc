"""What five deployment guides say, sentence by sentence, and what their policies decide under a scripted load.

The guides' files, and the policies that say the same, stand in tests/fixtures/guides. What a guide says of a platform
that scales by itself (Vercel), of probes, load balancers, databases and costs decides nothing; a rollback and a change
by hand are the agent's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import selfscale
from scripted import Phase, Service, reading, shared

Json = dict[str, Any]
GUIDES = Path(__file__).parents[2] / "fixtures" / "guides"
SPHEROSEG = GUIDES.parent / "policies" / "spheroseg.json"
FACTS: dict[str, Json] = json.loads((GUIDES / "facts.json").read_text())
MINUTE = 60
HOUR = 3600


class Row(NamedTuple):
    """A guide's words, and what its policy makes of a load: each change of the count by its second."""

    says: str
    policy: Json
    replicas: int
    load: list[Phase]
    changes: dict[int, int]
    every: float = 15
    known: Json | None = None


def file(path: Path | str) -> Json:
    """Return the one policy of a file, in its normal form."""
    [policy] = selfscale.load_policies(GUIDES / path)
    return policy


def policy(*rules: Json, **keys: Any) -> Json:
    """Return a policy of 2 to 10 replicas, as most guides have them, if its keys do not say so."""
    return {"service": "web", "minReplicas": 2, "maxReplicas": 10, "rules": list(rules), **keys}


def preset(name: str) -> Json:
    """Return a preset with nothing of one's own."""
    return {"service": "web", "preset": name}


def threshold(metric: str, up: float | None = None, down: float | None = None, **keys: Any) -> Json:
    """Return a threshold rule."""
    edges = {"scaleUp": up, "scaleDown": down}
    given = {key: edge for key, edge in edges.items() if edge is not None}
    return {"type": "threshold", "metric": metric, **given, **keys}


def fixed(replicas: int) -> Json:
    """Return the policy of a number that nothing moves."""
    keys = {"minReplicas": replicas, "maxReplicas": replicas, "scaleDown": "never"}
    return policy(threshold("cpu_usage", 70), **keys)


def each(seconds: float, **values: Any) -> Phase:
    """Return a phase in which every replica reports these."""
    return Phase(seconds, each=values)


def cpu(seconds: float, value: Any) -> Phase:
    """Return a phase in which every replica reports this CPU."""
    return each(seconds, cpu_usage=value)


def cpu_and_memory(seconds: float, cpu: Any, memory: Any) -> Phase:
    """Return a phase in which every replica reports both."""
    return each(seconds, cpu_usage=cpu, memory_usage=memory)


def read(seconds: float, **values: Any) -> Phase:
    """Return a phase in which these are read once for the service."""
    return Phase(seconds, whole=values)


# ---- FlowDocs

HPA = file("flowdocs/hpa.policy.json")
ECS = file("flowdocs/ecs-service-autoscaling.policy.json")
COMPOSE = file("flowdocs/docker-compose.policy.json")


def requests(seconds: float, cpu: Any, memory: Any, per_minute: Any) -> Phase:
    """Return a phase of the three metrics that the ECS service tracks."""
    return each(seconds, cpu_usage=cpu, memory_usage=memory, request_rate=per_minute)


ORDERS = policy(
    {"type": "target", "metric": "orders", "targetPerReplica": 20},
    metrics=[{"name": "orders", "source": "application"}],
)


def steadied(seconds: int) -> Json:
    """Return the HPA's CPU rule, its downs stabilized over so many seconds."""
    rule = {"type": "target", "metric": "cpu_usage", "target": 70}
    return policy(rule, behavior={"scaleDown": {"stabilizationWindowSeconds": seconds}})


def paused(cooldown: str) -> Json:
    """Return a CPU rule with this pause before a step down."""
    return policy(threshold("cpu_usage", 70, 30), behavior="none", cooldown={"down": cooldown})


FLOWDOCS = [
    Row("2 replicas by default", COMPOSE, 1, [cpu(15, 50)], {0: 2}),
    Row("2 replicas by default", COMPOSE, 2, [cpu(HOUR, 95)], {}),
    Row("Min replicas: 2", HPA, 1, [cpu_and_memory(15, 70, 80)], {0: 2}),
    Row("Min replicas: 2", HPA, 3, [cpu_and_memory(2 * HOUR, 1, 1)], {300: 2}),
    Row("Max replicas: 10", HPA, 12, [cpu_and_memory(15, 70, 80)], {0: 10}),
    Row("Max replicas: 10", HPA, 9, [cpu_and_memory(HOUR, 200, 200)], {0: 10}),
    Row("CPU target: 70% utilization", HPA, 4, [cpu_and_memory(HOUR, shared(420), 80)], {0: 6}),
    Row("Memory target: 80% utilization", HPA, 4, [cpu_and_memory(HOUR, 70, shared(480))], {0: 6}),
    Row(
        "Immediate scaling (0s stabilization)",
        HPA,
        4,
        [cpu_and_memory(60, 70, 80), cpu_and_memory(15, 105, 80)],
        {60: 6},
    ),
    Row(
        "Can scale up by 100% or 4 pods per 30 seconds",
        HPA,
        2,
        [cpu_and_memory(MINUTE, shared(2000), 80)],
        {0: 6, 30: 10},
    ),
    Row("Can scale up by 100% or 4 pods per 30 seconds", HPA, 5, [cpu_and_memory(15, shared(2000), 80)], {0: 10}),
    Row("5-minute stabilization window", HPA, 4, [cpu_and_memory(315, shared(210), shared(240))], {300: 3}),
    Row(
        "5-minute stabilization window",
        HPA,
        4,
        [cpu_and_memory(150, 35, 40), cpu_and_memory(15, 70, 80), cpu_and_memory(285, 35, 40)],
        {},
    ),
    Row(
        "Can scale down by 50% or 2 pods per 60 seconds",
        HPA,
        10,
        [cpu_and_memory(HOUR, shared(140), shared(160))],
        {300: 5, 360: 2},
    ),
    Row("CPU Utilization, Target: 70%", ECS, 3, [requests(HOUR, shared(273), 80, 1000)], {120: 4}, 60),
    Row("Memory Utilization, Target: 80%", ECS, 3, [requests(HOUR, 70, shared(288), 1000)], {120: 4}, 60),
    Row("Target: 1000 requests per target", ECS, 3, [requests(HOUR, 70, 80, shared(6000))], {120: 6}, 60),
    Row("Scale-out cooldown: 60s", ECS, 3, [requests(210, 91, 80, 1000)], {120: 4, 180: 6}, 30),
    Row("Scale-in cooldown: 300s", ECS, 8, [requests(21 * MINUTE, 28, 32, 400)], {840: 4, 1140: 2}, 60),
    Row("Three target tracking policies", ECS, 8, [requests(HOUR, 28, 32, 1000)], {}, 60),
    Row("Min: 2 tasks", ECS, 8, [requests(2 * HOUR, 1, 1, 1)], {840: 2}, 60),
    Row("Max: 10 tasks", ECS, 3, [requests(HOUR, 70, 80, shared(20000))], {120: 10}, 60),
    Row("Or scale to specific number of replicas: --scale app=3", fixed(3), 2, [cpu(HOUR, 5)], {0: 3}),
    Row("Memory Utilization, Scale-out cooldown: 60s", ECS, 3, [requests(210, 70, 104, 1000)], {120: 4, 180: 6}, 30),
    Row("ALB Request Count, Scale-out cooldown: 60s", ECS, 3, [requests(210, 70, 80, 1300)], {120: 4, 180: 6}, 30),
    Row("Three target tracking policies", ECS, 3, [requests(180, 91, 80, 2000)], {120: 6}, 60),
    Row("Increase stabilization window", steadied(300), 4, [cpu(60, 70), cpu(540, 35), cpu(60, 70)], {345: 2}),
    Row("Increase stabilization window", steadied(600), 4, [cpu(60, 70), cpu(540, 35), cpu(60, 70)], {}),
    Row("Longer cooldown prevents thrashing", paused("5m"), 2, [cpu(15, 75), cpu(HOUR, 25)], {0: 3, 300: 2}),
    Row("Longer cooldown prevents thrashing", paused("10m"), 2, [cpu(15, 75), cpu(HOUR, 25)], {0: 3, 600: 2}),
    Row("Configure auto-scaling based on custom metrics", ORDERS, 2, [each(15, orders=shared(100))], {0: 5}),
    Row("Configure auto-scaling based on custom metrics", ORDERS, 4, [each(HOUR, orders=shared(80))], {}),
]

# ---- Tikit

RAILWAY = file("tikit/railway.policy.json")
MEMORY = policy(threshold("memory_usage", 80, 40, scaleUpFor="2m", scaleDownFor="5m"), behavior="none")
REQUESTS = policy(threshold("request_rate", 1000, 200))
QUEUE = policy(threshold("queue_length", 100, 10))
POOL = policy(threshold("db_pool_usage", 80, 30))
UP_WHEN = "Scale up when: CPU > 70% for 2 minutes"
DOWN_WHEN = "Scale down when: CPU < 30% for 5 minutes"
PER_INSTANCE = "Scale up: > 1000 requests/minute per instance"
PEAK = "Scale up during peak hours (6 PM - 11 PM WAT)"
POOLED = "Application Instances (100 connections each); max_client_conn = 1000"


def ramp(seconds: int, first: int, last: int) -> list[Phase]:
    """Return the phases, an evaluation each, in which users who each ask once a second come or go."""
    slope = (last - first) / seconds
    return [users(15, first + slope * at) for at in range(0, seconds, 15)]


def users(seconds: float, number: float) -> Phase:
    """Return a phase of so many users who each ask once a second."""
    return each(seconds, request_rate=shared(60 * number))


TIKIT = [
    Row('"numReplicas": 2', RAILWAY, 1, [cpu(15, 50)], {0: 2}),
    Row("Minimum replicas: 2 (for high availability)", RAILWAY, 3, [cpu(HOUR, 5)], {300: 2}),
    Row("Maximum replicas: 10 (cost control)", RAILWAY, 10, [cpu(HOUR, 95)], {}),
    Row(UP_WHEN, RAILWAY, 3, [cpu(60, 50), cpu(135, 75)], {180: 4}),
    Row(UP_WHEN, RAILWAY, 3, [cpu(105, 75), cpu(15, 50), cpu(105, 75)], {}),
    Row(UP_WHEN, RAILWAY, 3, [cpu(HOUR, 70)], {}),
    Row(DOWN_WHEN, RAILWAY, 4, [cpu(900, 25)], {300: 3, 600: 2}),
    Row(DOWN_WHEN, RAILWAY, 4, [cpu(285, 25), cpu(15, 35), cpu(285, 25)], {}),
    Row(DOWN_WHEN, RAILWAY, 4, [cpu(HOUR, 30)], {}),
    Row("Cooldown: 5 minutes between scaling events", RAILWAY, 2, [cpu(780, 75)], {120: 3, 420: 4, 720: 5}),
    Row(
        "Cooldown: 5 minutes between scaling events",
        policy(threshold("cpu_usage", 70, 30), cooldownPeriod="5m"),
        2,
        [cpu(15, 75), cpu(300, 25)],
        {0: 3, 300: 2},
    ),
    Row("targetCPUPercent: 70", file("tikit/render.policy.json"), 2, [cpu_and_memory(HOUR, shared(200), 80)], {0: 3}),
    Row(
        "targetMemoryPercent: 80", file("tikit/render.policy.json"), 2, [cpu_and_memory(HOUR, 70, shared(190))], {0: 3}
    ),
    Row("minInstances: 2", file("tikit/render.policy.json"), 3, [cpu_and_memory(HOUR, 5, 5)], {300: 2}),
    Row("maxInstances: 10", file("tikit/render.policy.json"), 8, [cpu_and_memory(HOUR, 95, 80)], {0: 10}),
    Row("Scale up: Memory > 80% for 2 minutes", MEMORY, 3, [each(135, memory_usage=81)], {120: 4}),
    Row("Scale down: Memory < 40% for 5 minutes", MEMORY, 3, [each(HOUR, memory_usage=39)], {300: 2}),
    Row("Scale down: Memory < 40% for 5 minutes", MEMORY, 3, [each(HOUR, memory_usage=40)], {}),
    Row("Scale up: Memory > 80% for 2 minutes", MEMORY, 3, [each(HOUR, memory_usage=80)], {}),
    Row(
        "Scale up: Memory > 80% for 2 minutes",
        MEMORY,
        3,
        [each(105, memory_usage=81), each(15, memory_usage=80), each(105, memory_usage=81)],
        {},
    ),
    Row(
        "Scale down: Memory < 40% for 5 minutes",
        MEMORY,
        3,
        [each(285, memory_usage=39), each(15, memory_usage=40), each(285, memory_usage=39)],
        {},
    ),
    Row(PER_INSTANCE, REQUESTS, 2, [each(15, request_rate=1001)], {0: 3}),
    Row(PER_INSTANCE, REQUESTS, 2, [each(HOUR, request_rate=1000)], {}),
    Row("Scale down: < 200 requests/minute per instance", REQUESTS, 3, [each(HOUR, request_rate=199)], {300: 2}),
    Row("Scale down: < 200 requests/minute per instance", REQUESTS, 3, [each(HOUR, request_rate=200)], {}),
    Row(
        "Ramp up to 100 users, ramp up to 1000 users, ramp down to 0 users",
        REQUESTS,
        2,
        [
            *ramp(120, 0, 100),
            users(300, 100),
            *ramp(120, 100, 1000),
            users(300, 1000),
            *ramp(120, 1000, 0),
            users(600, 0),
        ],
        {45: 3, 75: 4, 90: 5, 105: 6, 435: 7, 450: 8, 465: 9, 480: 10, 1245: 9, 1545: 8},
    ),
    Row("Scale up: Job queue > 100 pending jobs", QUEUE, 2, [read(15, queue_length=101)], {0: 3}),
    Row("Scale up: Job queue > 100 pending jobs", QUEUE, 2, [read(HOUR, queue_length=100)], {}),
    Row("Scale down: Job queue < 10 pending jobs", QUEUE, 3, [read(HOUR, queue_length=9)], {300: 2}),
    Row("Scale down: Job queue < 10 pending jobs", QUEUE, 3, [read(HOUR, queue_length=10)], {}),
    Row("Scale up: Connection pool > 80% utilized", POOL, 2, [each(15, db_pool_usage=81)], {0: 3}),
    Row("Scale down: Connection pool < 30% utilized", POOL, 3, [each(HOUR, db_pool_usage=29)], {300: 2}),
    Row("Scale up: Connection pool > 80% utilized", POOL, 2, [each(HOUR, db_pool_usage=80)], {}),
    Row("Scale down: Connection pool < 30% utilized", POOL, 3, [each(HOUR, db_pool_usage=30)], {}),
    Row("Development: 1 instance", fixed(1), 1, [cpu(HOUR, 95)], {}),
    Row("Staging: 2 instances", fixed(2), 1, [cpu(HOUR, 95)], {0: 2}),
    Row("Production: 2-10 instances", RAILWAY, 1, [cpu(2 * HOUR, 5)], {0: 2}),
    # Midnight in UTC is one o'clock in Lagos: what was set at midnight there holds.
    Row(PEAK, file("tikit/schedule.policy.json"), 2, [cpu(23 * HOUR, 50)], {17 * HOUR: 5}, HOUR),
    Row(
        "Scale down during off-peak hours (12 AM - 6 AM WAT)",
        file("tikit/schedule.policy.json"),
        2,
        [cpu(24 * HOUR, 75)],
        {
            1 * HOUR: 3,
            2 * HOUR: 4,
            3 * HOUR: 5,
            17 * HOUR: 6,
            18 * HOUR: 7,
            19 * HOUR: 8,
            20 * HOUR: 9,
            21 * HOUR: 10,
            23 * HOUR: 5,
        },
        HOUR,
    ),
    Row(
        "Scale down during off-peak hours (12 AM - 6 AM WAT)",
        file("tikit/schedule.policy.json"),
        6,
        [cpu(HOUR, 50)],
        {0: 5},
    ),
    Row(POOLED, file("tikit/pgbouncer.policy.json"), 9, [cpu(HOUR, 75)], {0: 10}),
    Row(
        POOLED,
        file("tikit/pgbouncer.policy.json"),
        6,
        [cpu(HOUR, 75)],
        {0: 7},
        known={"shared": {"budgets": {"pgbouncer_clients": {"usedByOthers": 300}}}},
    ),
]

# ---- SpherosegV4

OWN = file(SPHEROSEG)
BACKEND = preset("backend")
ML = preset("ml")
TWO_MINUTES = 2 * MINUTE
FIVE_MINUTES = 5 * MINUTE
BACKEND_UP = "Scale Up: CPU > 70%, Memory > 80%, Request Rate > 100/min"
BACKEND_DOWN = "Scale Down: CPU < 20%, Memory < 30%, Request Rate < 20/min"
ML_UP = "Scale Up: Queue Length > 10, Failure Rate > 5%"
ML_DOWN = "Scale Down: Queue Length < 2, Failure Rate < 1%"
COMPARISON = "comparison: 'greater_than' | 'less_than' | 'percentage_change'"
TOTAL = {"guardrails": {"maxTotalReplicas": 20}}
MEMORY_LEFT = {"guardrails": {"minAvailableMemoryMb": 512}}
GROWTH = threshold("request_rate", 50, comparison="percentage_change")
CUSTOM = policy(threshold("cpu_usage", 70, 25), minReplicas=1, maxReplicas=5)


def backend(seconds: float, cpu: float, memory: float, per_minute: float) -> Phase:
    """Return a phase of the three metrics of the backend service."""
    return each(seconds, cpu_usage=cpu, memory_usage=memory, request_rate=per_minute)


def jobs(seconds: float, queue: float, failing: float | None) -> Phase:
    """Return a phase of the two metrics of the ML service."""
    return read(seconds, queue_length=queue, failure_rate=failing)


SPHEROSEG_ROWS = [
    Row('"minReplicas": 2', OWN, 3, [cpu(HOUR, 5)], {0: 2}, TWO_MINUTES),
    Row('"maxReplicas": 8', OWN, 9, [cpu(HOUR, 95)], {0: 8}, TWO_MINUTES),
    Row('"scaleUp": 70', OWN, 2, [cpu(TWO_MINUTES, 70.1)], {0: 3}, TWO_MINUTES),
    Row('"scaleUp": 70', OWN, 2, [cpu(HOUR, 70)], {}, TWO_MINUTES),
    Row('"scaleDown": 25', OWN, 4, [cpu(TWO_MINUTES, 24.9)], {0: 3}, TWO_MINUTES),
    Row('"scaleDown": 25', OWN, 4, [cpu(HOUR, 25)], {}, TWO_MINUTES),
    Row('"cooldownPeriod": 300', OWN, 2, [cpu(840, 75)], {0: 3, 360: 4, 720: 5}, TWO_MINUTES),
    Row(BACKEND_UP, BACKEND, 2, [backend(TWO_MINUTES, 71, 50, 50)], {0: 3}, TWO_MINUTES),
    Row(BACKEND_UP, BACKEND, 2, [backend(TWO_MINUTES, 50, 81, 50)], {0: 3}, TWO_MINUTES),
    Row(BACKEND_UP, BACKEND, 2, [backend(TWO_MINUTES, 50, 50, 101)], {0: 3}, TWO_MINUTES),
    Row(BACKEND_UP, BACKEND, 2, [backend(HOUR, 70, 80, 100)], {}, TWO_MINUTES),
    Row(BACKEND_DOWN, BACKEND, 3, [backend(TWO_MINUTES, 19, 29, 19)], {0: 2}, TWO_MINUTES),
    Row(BACKEND_DOWN, BACKEND, 3, [backend(HOUR, 20, 29, 19)], {}, TWO_MINUTES),
    Row(BACKEND_DOWN, BACKEND, 3, [backend(HOUR, 19, 30, 19)], {}, TWO_MINUTES),
    Row(BACKEND_DOWN, BACKEND, 3, [backend(HOUR, 19, 29, 20)], {}, TWO_MINUTES),
    Row("Min Replicas: 1, Max Replicas: 5", BACKEND, 2, [backend(HOUR, 5, 5, 5)], {0: 1}, TWO_MINUTES),
    Row("Min Replicas: 1, Max Replicas: 5", BACKEND, 4, [backend(HOUR, 95, 95, 500)], {0: 5}, TWO_MINUTES),
    Row("Cooldown: 5 minutes", BACKEND, 1, [backend(840, 75, 50, 50)], {0: 2, 300: 3, 600: 4}, MINUTE),
    Row(
        "Cooldown: 5 minutes",
        BACKEND,
        2,
        [backend(MINUTE, 75, 50, 50), backend(600, 10, 10, 10)],
        {0: 3, 300: 2, 600: 1},
        MINUTE,
    ),
    Row(ML_UP, ML, 1, [jobs(FIVE_MINUTES, 11, 3)], {0: 2}, FIVE_MINUTES),
    Row(ML_UP, ML, 1, [jobs(FIVE_MINUTES, 5, 5.1)], {0: 2}, FIVE_MINUTES),
    Row(ML_UP, ML, 1, [jobs(HOUR, 10, 5)], {}, FIVE_MINUTES),
    Row(ML_DOWN, ML, 3, [jobs(FIVE_MINUTES, 1, 0.9)], {0: 2}, FIVE_MINUTES),
    Row(ML_DOWN, ML, 3, [jobs(FIVE_MINUTES, 1, None)], {0: 2}, FIVE_MINUTES),
    Row(ML_DOWN, ML, 3, [jobs(HOUR, 2, 0.9)], {}, FIVE_MINUTES),
    Row(ML_DOWN, ML, 3, [jobs(HOUR, 1, 1)], {}, FIVE_MINUTES),
    Row("Min Replicas: 1, Max Replicas: 3", ML, 5, [jobs(HOUR, 100, 50)], {0: 3}, FIVE_MINUTES),
    Row("Min Replicas: 1, Max Replicas: 3", ML, 2, [jobs(HOUR, 0, 0)], {0: 1}, FIVE_MINUTES),
    Row("Cooldown: 10 minutes", ML, 1, [jobs(900, 11, 3)], {0: 2, 600: 3}, FIVE_MINUTES),
    Row("Cooldown: 10 minutes", ML, 1, [jobs(300, 11, 3), jobs(900, 0, 0)], {0: 2, 600: 1}, FIVE_MINUTES),
    Row("custom-policy: minReplicas 1, maxReplicas 5", CUSTOM, 0, [cpu(15, 50)], {0: 1}),
    Row("custom-policy: minReplicas 1, maxReplicas 5", CUSTOM, 6, [cpu(15, 50)], {0: 5}),
    Row("error_rate: Error percentage", policy(threshold("error_rate", 5, 1)), 2, [read(15, error_rate=6)], {0: 3}),
    Row("error_rate: Error percentage", policy(threshold("error_rate", 5, 1)), 3, [read(315, error_rate=0)], {300: 2}),
    Row(
        "response_time_p95: 95th percentile response time",
        policy(threshold("response_time_p95", 1, 0.1)),
        2,
        [read(15, response_time_p95=1.1)],
        {0: 3},
    ),
    Row(
        "queue_length: Processing queue size",
        policy(threshold("queue_length", 10, 2)),
        2,
        [read(15, queue_length=11)],
        {0: 3},
    ),
    Row(
        "Increase cooldown periods: Add more time between scaling actions",
        OWN | {"cooldownPeriod": "10m"},
        2,
        [cpu(840, 75)],
        {0: 3, 600: 4},
        TWO_MINUTES,
    ),
    Row(
        "scaleUpBy: Replicas to add when scaling up",
        policy(threshold("cpu_usage", 70, 25), scaleUpBy=3),
        2,
        [cpu(15, 75)],
        {0: 5},
    ),
    Row(
        "scaleDownBy: Replicas to remove when scaling down",
        policy(threshold("cpu_usage", 70, 25), scaleDownBy=2, behavior="none"),
        7,
        [cpu(15, 20)],
        {0: 5},
    ),
    Row(COMPARISON, policy(threshold("cpu_usage", 70, 25, comparison="greater_than")), 2, [cpu(15, 71)], {0: 3}),
    Row(
        COMPARISON,
        policy(threshold("cache_hit_rate", 60, 95, comparison="less_than")),
        2,
        [read(15, cache_hit_rate=59)],
        {0: 3},
    ),
    Row(
        COMPARISON,
        policy(threshold("cache_hit_rate", 60, 95, comparison="less_than")),
        3,
        [read(315, cache_hit_rate=96)],
        {300: 2},
    ),
    Row(
        COMPARISON,
        policy(GROWTH, scaleDown="never"),
        2,
        [
            read(60, request_rate=reading(150) | {"previous": 100}),
            read(15, request_rate=reading(151) | {"previous": 100}),
        ],
        {60: 3},
    ),
    Row(
        "MAX_TOTAL_REPLICAS=20",
        BACKEND | TOTAL,
        3,
        [backend(HOUR, 95, 50, 50)],
        {0: 4},
        TWO_MINUTES,
        {"shared": {"otherReplicas": 16}},
    ),
    Row(
        "MAX_TOTAL_REPLICAS=20",
        BACKEND | TOTAL,
        3,
        [backend(HOUR, 95, 50, 50)],
        {},
        TWO_MINUTES,
        {"shared": {"otherReplicas": 30}},
    ),
    Row(
        "MAX_TOTAL_REPLICAS=50",
        BACKEND | {"guardrails": {"maxTotalReplicas": 50}},
        3,
        [backend(TWO_MINUTES, 95, 50, 50)],
        {0: 4},
        TWO_MINUTES,
        {"shared": {"otherReplicas": 30}},
    ),
    Row(
        "MIN_AVAILABLE_MEMORY_MB=512",
        BACKEND | MEMORY_LEFT,
        3,
        [backend(HOUR, 95, 50, 50)],
        {},
        TWO_MINUTES,
        {"shared": {"availableMemoryMb": 511}},
    ),
    Row(
        "MIN_AVAILABLE_MEMORY_MB=512",
        BACKEND | MEMORY_LEFT,
        3,
        [backend(TWO_MINUTES, 95, 50, 50)],
        {0: 4},
        TWO_MINUTES,
        {"shared": {"availableMemoryMb": 512}},
    ),
]

# ---- NeuroCred

METRICS = policy(
    threshold("cpu_usage", 70, 30),
    threshold("memory_usage", 80, 40),
    threshold("in_flight", 100),
    threshold("response_time_p95", 2),
    threshold("error_rate", 5),
)
RENDER = file("neurocred/render.policy.json")
NEUROCRED_RAILWAY = file("neurocred/railway.policy.json")
NEUROCRED_ECS = file("neurocred/ecs-autoscaling.policy.json")
NEUROCRED_HPA = file("neurocred/k8s-deployment.policy.json")
CONSERVATIVE = preset("conservative")
BALANCED = preset("balanced")
AGGRESSIVE = preset("aggressive")
BALANCED_UP = "Scale Up: CPU >70% OR Memory >80% OR Queue >100"
BALANCED_DOWN = "Scale Down: CPU <40% AND Memory <50% for 10 minutes"
AGGRESSIVE_UP = "Scale Up: CPU >60% OR Response Time P95 >1s"
AGGRESSIVE_DOWN = "Scale Down: CPU <50% AND Memory <60% for 20 minutes"


def all_five(
    seconds: float, cpu: float = 50, memory: float = 60, queue: float = 5, p95: float = 1, errors: float = 0
) -> Phase:
    """Return a phase of the five metrics to monitor."""
    own = {"cpu_usage": cpu, "memory_usage": memory, "in_flight": queue}
    return Phase(seconds, each=own, whole={"response_time_p95": p95, "error_rate": errors})


def balanced(seconds: float, cpu: float, memory: float | None, queue: float) -> Phase:
    """Return a phase of what the balanced preset reads."""
    return each(seconds, cpu_usage=cpu, memory_usage=memory, in_flight=queue)


def aggressive(seconds: float, cpu: float, memory: float, p95: float | None) -> Phase:
    """Return a phase of what the aggressive preset reads."""
    return Phase(seconds, each={"cpu_usage": cpu, "memory_usage": memory}, whole={"response_time_p95": p95})


NEUROCRED = [
    Row("CPU Usage: Scale up when >70%, scale down when <30%", METRICS, 2, [all_five(15, cpu=71)], {0: 3}),
    Row(
        "CPU Usage: Scale up when >70%, scale down when <30%", METRICS, 3, [all_five(HOUR, cpu=29, memory=39)], {300: 2}
    ),
    Row("Memory Usage: Scale up when >80%, scale down when <40%", METRICS, 2, [all_five(15, memory=81)], {0: 3}),
    Row("Memory Usage: Scale up when >80%, scale down when <40%", METRICS, 3, [all_five(HOUR, cpu=29, memory=40)], {}),
    Row("Request Queue Length: Scale up when queue >100 requests", METRICS, 2, [all_five(15, queue=101)], {0: 3}),
    Row("Response Time (P95): Scale up when P95 > 2 seconds", METRICS, 2, [all_five(15, p95=2.1)], {0: 3}),
    Row("Error Rate: Scale up when error rate >5%", METRICS, 2, [all_five(15, errors=5.1)], {0: 3}),
    Row("Error Rate: Scale up when error rate >5%", METRICS, 2, [all_five(HOUR, 70, 80, 100, 2, 5)], {}),
    Row("targetCPUPercent: 70", RENDER, 2, [cpu_and_memory(HOUR, shared(200), 80)], {0: 3}),
    Row("targetMemoryPercent: 80", RENDER, 2, [cpu_and_memory(HOUR, 70, shared(190))], {0: 3}),
    Row("minInstances: 2, maxInstances: 10", RENDER, 12, [cpu_and_memory(HOUR, 70, 80)], {0: 10}),
    Row('"targetCPU": 70', NEUROCRED_RAILWAY, 4, [cpu_and_memory(HOUR, shared(380), 80)], {0: 6}),
    Row('"targetMemory": 80', NEUROCRED_RAILWAY, 4, [cpu_and_memory(HOUR, 70, shared(390))], {0: 5}),
    Row('"minInstances": 2', NEUROCRED_RAILWAY, 1, [cpu_and_memory(HOUR, 70, 80)], {0: 2}),
    Row('"maxInstances": 10', NEUROCRED_RAILWAY, 8, [cpu_and_memory(HOUR, 95, 80)], {0: 10}),
    Row("minInstances: 2, maxInstances: 10", RENDER, 3, [cpu_and_memory(HOUR, 5, 5)], {300: 2}),
    Row('"MinCapacity": 2', NEUROCRED_ECS, 8, [cpu_and_memory(2 * HOUR, 1, 1)], {840: 2}, 60),
    Row('"MaxCapacity": 10', NEUROCRED_ECS, 3, [cpu_and_memory(HOUR, shared(2000), 80)], {120: 10}, 60),
    Row("minReplicas: 2", NEUROCRED_HPA, 1, [cpu_and_memory(HOUR, 70, 80)], {0: 2}),
    Row("maxReplicas: 10", NEUROCRED_HPA, 12, [cpu_and_memory(HOUR, 70, 80)], {0: 10}),
    Row("maxReplicas: 10", NEUROCRED_HPA, 9, [cpu_and_memory(HOUR, 200, 200)], {0: 10}),
    Row(
        "scaleDown: stabilizationWindowSeconds: 300",
        NEUROCRED_HPA,
        4,
        [cpu_and_memory(15, 70, 80), cpu_and_memory(285, 35, 40), cpu_and_memory(15, 70, 80)],
        {},
    ),
    Row('"TargetValue": 70.0', NEUROCRED_ECS, 3, [cpu_and_memory(HOUR, shared(273), 80)], {120: 4}, 60),
    Row('"TargetValue": 80.0', NEUROCRED_ECS, 3, [cpu_and_memory(HOUR, 70, shared(288))], {120: 4}, 60),
    Row('"ScaleOutCooldown": 60', NEUROCRED_ECS, 3, [cpu_and_memory(210, 91, 80)], {120: 4, 180: 6}, 30),
    Row('"ScaleInCooldown": 300', NEUROCRED_ECS, 8, [cpu_and_memory(21 * MINUTE, 28, 32)], {840: 4, 1140: 2}, 60),
    Row("averageUtilization: 70", NEUROCRED_HPA, 4, [cpu_and_memory(HOUR, shared(420), 80)], {0: 6}),
    Row("averageUtilization: 80", NEUROCRED_HPA, 4, [cpu_and_memory(HOUR, 70, shared(480))], {0: 6}),
    Row(
        "scaleUp: Percent 100 per 60, Pods 2 per 60, selectPolicy: Max",
        NEUROCRED_HPA,
        2,
        [cpu_and_memory(180, shared(2000), 80)],
        {0: 4, 60: 8, 120: 10},
    ),
    Row(
        "scaleDown: stabilizationWindowSeconds: 300, Percent 50 per 60",
        NEUROCRED_HPA,
        10,
        [cpu_and_memory(HOUR, shared(140), shared(160))],
        {300: 5, 360: 2},
    ),
    Row("Min Instances: 1", CONSERVATIVE, 2, [cpu(2 * HOUR, 5)], {900: 1}),
    Row("Max Instances: 5", CONSERVATIVE, 7, [cpu(HOUR, 95)], {0: 5}),
    Row("Scale Up: CPU >80% for 5 minutes", CONSERVATIVE, 1, [cpu(315, 81)], {300: 2}),
    Row("Scale Up: CPU >80% for 5 minutes", CONSERVATIVE, 1, [cpu(285, 81), cpu(15, 80), cpu(285, 81)], {}),
    Row("Scale Down: CPU <30% for 15 minutes", CONSERVATIVE, 3, [cpu(915, 29)], {900: 2}),
    Row("Scale Down: CPU <30% for 15 minutes", CONSERVATIVE, 3, [cpu(885, 29), cpu(15, 30), cpu(885, 29)], {}),
    Row("Min Instances: 2", BALANCED, 1, [balanced(15, 50, 60, 5)], {0: 2}),
    Row("Max Instances: 10", BALANCED, 9, [balanced(HOUR, 95, 95, 500)], {0: 10}),
    Row(BALANCED_UP, BALANCED, 2, [balanced(15, 71, 60, 5)], {0: 3}),
    Row(BALANCED_UP, BALANCED, 2, [balanced(15, 50, 81, 5)], {0: 3}),
    Row(BALANCED_UP, BALANCED, 2, [balanced(15, 50, 60, 101)], {0: 3}),
    Row(BALANCED_UP, BALANCED, 2, [balanced(HOUR, 70, 80, 100)], {}),
    Row(BALANCED_DOWN, BALANCED, 3, [balanced(HOUR, 39, 49, 5)], {600: 2}),
    Row(BALANCED_DOWN, BALANCED, 3, [balanced(HOUR, 40, 49, 5)], {}),
    Row(BALANCED_DOWN, BALANCED, 3, [balanced(HOUR, 39, 50, 5)], {}),
    Row(BALANCED_DOWN, BALANCED, 3, [balanced(HOUR, 39, 49, 99)], {600: 2}),
    Row(BALANCED_DOWN, BALANCED, 3, [balanced(585, 39, 49, 5), balanced(15, 40, 49, 5), balanced(585, 39, 49, 5)], {}),
    Row(BALANCED_DOWN, BALANCED, 3, [balanced(HOUR, 39, None, 5)], {}),
    Row("Min Instances: 3", AGGRESSIVE, 2, [aggressive(15, 55, 70, 0.5)], {0: 3}),
    Row("Max Instances: 20", AGGRESSIVE, 19, [aggressive(HOUR, 95, 95, 5)], {0: 20}),
    Row(AGGRESSIVE_UP, AGGRESSIVE, 3, [aggressive(15, 61, 70, 0.5)], {0: 4}),
    Row(AGGRESSIVE_UP, AGGRESSIVE, 3, [aggressive(15, 55, 70, 1.1)], {0: 4}),
    Row(AGGRESSIVE_UP, AGGRESSIVE, 3, [aggressive(HOUR, 60, 99, 1)], {}),
    Row(AGGRESSIVE_DOWN, AGGRESSIVE, 4, [aggressive(HOUR, 49, 59, 0.5)], {1200: 3}),
    Row(AGGRESSIVE_DOWN, AGGRESSIVE, 4, [aggressive(HOUR, 49, 59, None)], {1200: 3}),
    Row(AGGRESSIVE_DOWN, AGGRESSIVE, 4, [aggressive(HOUR, 50, 59, 0.5)], {}),
    Row(AGGRESSIVE_DOWN, AGGRESSIVE, 4, [aggressive(HOUR, 49, 60, 0.5)], {}),
    Row(
        AGGRESSIVE_DOWN,
        AGGRESSIVE,
        4,
        [aggressive(1185, 49, 59, 0.5), aggressive(15, 50, 59, 0.5), aggressive(1185, 49, 59, 0.5)],
        {},
    ),
    Row(AGGRESSIVE_DOWN, AGGRESSIVE, 4, [aggressive(15, 49, 59, 1.1)], {0: 5}),
    Row(
        "Database Connection Pooling: Ensure pool size scales with instances",
        policy(
            threshold("cpu_usage", 70, 30),
            uses={"connections": 20},
            guardrails={"budgets": {"connections": {"limit": 100}}},
        ),
        4,
        [cpu(HOUR, 95)],
        {0: 5},
    ),
    # "Use Cooldown Periods": those of the same guide's ECS service, a minute after a step up, five before one down.
    Row(
        "Use Cooldown Periods: Prevent rapid scaling oscillations",
        BALANCED,
        2,
        [balanced(135, 71, 60, 5)],
        {0: 3, 60: 4, 120: 5},
    ),
    Row(
        "Use Cooldown Periods: Prevent rapid scaling oscillations", CONSERVATIVE, 4, [cpu(1215, 29)], {900: 3, 1200: 2}
    ),
]

# ---- SocialTrend Automator

SOCIAL_HPA = file("socialtrend/hpa.policy.json")
CLOUD_RUN = file("socialtrend/cloud-run.policy.json")
TRACKING = file("socialtrend/ecs-target-tracking.policy.json")
SCALING = file("socialtrend/ecs-scaling-policy.policy.json")
WORKERS = policy(
    {"type": "backlog", "metric": "queue_length", "targetLatency": "30s", "throughputPerReplica": 2}, minReplicas=1
)
RPS = threshold("requests_per_second", 50, comparison="percentage_change")


def requests_at_once(seconds: float, cpu: Any, number: float) -> Phase:
    """Return a phase in which so many requests are in the service at a time, steadily."""
    load = {"value": number, "age": 1.0, "window": 60, "short": number, "shortWindow": 6}
    return Phase(seconds, each={"cpu_usage": cpu}, whole={"in_flight": load})


SOCIALTREND = [
    Row("Configure `replicas: 3` for backend/automation", fixed(3), 1, [cpu(HOUR, 95)], {0: 3}),
    Row("docker service scale socialtrend_backend=5", fixed(5), 3, [cpu(HOUR, 5)], {0: 5}),
    Row("docker service scale socialtrend_automation=5", fixed(5), 3, [cpu(HOUR, 95)], {0: 5}),
    Row("docker service scale socialtrend_frontend=3", fixed(3), 2, [cpu(HOUR, 95)], {0: 3}),
    Row("docker service scale socialtrend_celery=5", fixed(5), 8, [read(HOUR, queue_length=900)], {0: 5}),
    Row("Backend: 3 instances", fixed(3), 4, [cpu(HOUR, 95)], {0: 3}),
    Row("Automation: 3 instances", fixed(3), 2, [cpu(HOUR, 5)], {0: 3}),
    Row("Frontend: 2 instances", fixed(2), 3, [cpu(HOUR, 95)], {0: 2}),
    Row("averageUtilization: 70", SOCIAL_HPA, 4, [cpu_and_memory(HOUR, shared(420), 80)], {0: 6}),
    Row("averageUtilization: 80", SOCIAL_HPA, 4, [cpu_and_memory(HOUR, 70, shared(480))], {0: 6}),
    # Without behavior: to the larger of twice the count and 4 a tick; down after what is older than 300 s.
    Row("minReplicas: 3, maxReplicas: 10", SOCIAL_HPA, 3, [cpu_and_memory(MINUTE, 200, 80)], {0: 6, 15: 10}),
    Row("minReplicas: 3, maxReplicas: 10", SOCIAL_HPA, 10, [cpu_and_memory(HOUR, shared(210), shared(240))], {315: 3}),
    Row('"TargetValue": 70.0', TRACKING, 4, [cpu(HOUR, shared(380))], {120: 6}, 60),
    Row('"ScaleOutCooldown": 60', TRACKING, 3, [cpu(210, 91)], {120: 4, 180: 6}, 30),
    Row('"ScaleInCooldown": 300', TRACKING, 8, [cpu(21 * MINUTE, 42)], {840: 5, 1140: 3}, 60),
    Row('"targetValue": 70.0', SCALING, 4, [cpu(HOUR, shared(380))], {120: 6}, 60),
    Row('"scaleOutCooldown": 60', SCALING, 3, [cpu(210, 91)], {120: 4, 180: 6}, 30),
    Row('"scaleInCooldown": 300', SCALING, 8, [cpu(21 * MINUTE, 42)], {840: 5, 1140: 3}, 60),
    Row("Min instances: 3", CLOUD_RUN, 1, [requests_at_once(15, 70, 240)], {0: 3}),
    Row("Max instances: 10", CLOUD_RUN, 3, [requests_at_once(HOUR, 70, 5000)], {0: 10}),
    Row("Concurrency: 80", CLOUD_RUN, 3, [requests_at_once(HOUR, 70, 480)], {0: 6}),
    Row("Concurrency: 80", CLOUD_RUN, 3, [requests_at_once(HOUR, 70, 240)], {}),
    Row("targetCPUUtilization: 70", CLOUD_RUN, 4, [requests_at_once(HOUR, shared(380), 240)], {0: 6}),
    Row(
        "Cloud Run automatically scales based on: Request volume",
        CLOUD_RUN,
        6,
        [requests_at_once(HOUR, shared(84), 160)],
        {360: 3},
    ),
    Row(
        "CPU Utilization: Target 70-80%",
        policy({"type": "target", "metric": "cpu_usage", "target": 75, "tolerance": 0.067}),
        4,
        [cpu(HOUR, 70), cpu(HOUR, 80), cpu(15, 81)],
        {2 * HOUR: 5},
    ),
    Row(
        "Request Rate: Scale on RPS increase",
        policy(RPS, scaleDown="never"),
        2,
        [
            read(60, requests_per_second=reading(50) | {"previous": 50}),
            read(15, requests_per_second=reading(80) | {"previous": 50}),
        ],
        {60: 3},
    ),
    Row("Queue Depth (Celery): Scale workers on backlog", WORKERS, 2, [read(15, queue_length=300)], {0: 5}),
    Row("Queue Depth (Celery): Scale workers on backlog", WORKERS, 2, [read(HOUR, queue_length=120)], {}),
    Row("Queue Depth (Celery): Scale workers on backlog", WORKERS, 2, [read(15, queue_length=121)], {0: 3}),
    Row("Queue Depth (Celery): Scale workers on backlog", WORKERS, 5, [read(315, queue_length=60)], {300: 1}),
    Row(
        "Scale down during low traffic",
        policy(threshold("cpu_usage", 70, 30), schedules=[{"from": "01:00", "to": "05:00", "maxReplicas": 3}]),
        6,
        [cpu(6 * HOUR, 50)],
        {HOUR: 3},
    ),
    Row(
        "Scheduled scaling",
        policy(
            threshold("cpu_usage", 70, 30),
            schedules=[{"days": "mon-fri", "from": "08:00", "to": "20:00", "minReplicas": 4}],
        ),
        2,
        [cpu(12 * HOUR, 50)],
        {8 * HOUR: 4},
    ),
]

ROWS = {
    "flowdocs": FLOWDOCS,
    "tikit": TIKIT,
    "spheroseg": SPHEROSEG_ROWS,
    "neurocred": NEUROCRED,
    "socialtrend": SOCIALTREND,
}


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=f"{guide}: {row.says[:60]} ({at})")
        for guide, rows in ROWS.items()
        for at, row in enumerate(rows, 1)
    ],
)
def test_a_policy_does_what_the_guide_says(row: Row) -> None:
    service = Service(row.policy, row.replicas, every=row.every, known=row.known)
    assert service.run(row.load) == row.changes, row.says


# ---- what a policy says of itself


@pytest.mark.parametrize("name", FACTS)
def test_the_policy_beside_a_file_says_what_the_file_says(name: str) -> None:
    policy = file(Path(name).with_suffix(".policy.json"))
    for fact, expected in FACTS[name].items():
        if fact == "targets":
            found = {rule["metric"]: rule["target"] for rule in policy["rules"] if rule["type"] == "target"}
            assert found == expected
        elif fact in {"scaleInCooldown", "scaleOutCooldown"}:
            assert {rule[fact] for rule in policy["rules"]} == {expected}
        elif fact == "budgets":
            assert holds(policy["guardrails"]["budgets"], expected)
        else:
            assert holds(policy[fact], expected), fact


def holds(found: Any, expected: Any) -> bool:
    """Whether all that is expected is there; more may be."""
    if isinstance(expected, dict):
        return all(key in found and holds(found[key], value) for key, value in expected.items())
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(holds, found, expected))
    return bool(found == expected)


@pytest.mark.parametrize(
    ("says", "policy", "key", "expected"),
    [
        ('"window": 5', OWN, "metrics", [{"name": "cpu_usage", "window": "5m", "aggregation": "avg", "weight": 0.4}]),
        ('"cooldownPeriod": 300', OWN, "cooldownPeriod", "5m"),
        ('"evaluationInterval": 120', OWN, "evaluationInterval", "2m"),
        ("Auto-scaling is disabled by default for safety.", OWN, "enabled", False),
        ("Auto-scaling is disabled by default for safety.", BACKEND, "enabled", False),
        ("Evaluation: Every 2 minutes", BACKEND, "evaluationInterval", "2m"),
        ("Evaluation: Every 5 minutes", ML, "evaluationInterval", "5m"),
        ("Circuit breaker enabled with automatic rollback", ECS, "startup", {"rollback": True}),
        ("Desired: 3 tasks", ECS, "initialReplicas", 3),
        ("Initial replicas: 3", HPA, "initialReplicas", 3),
    ],
)
def test_the_normal_form_says_what_is_not_seen_in_decisions(says: str, policy: Json, key: str, expected: Any) -> None:
    [written] = selfscale.load_policies(policy)
    assert holds(written[key], expected), says


@pytest.mark.parametrize(
    ("says", "refused", "words"),
    [
        (
            "cooldownPeriod: Minutes between scaling actions",
            policy(threshold("cpu_usage", 70, 30), cooldownPeriod=5),
            "5m",
        ),
        (
            "evaluationInterval: Minutes between policy evaluations",
            policy(threshold("cpu_usage", 70, 30), evaluationInterval=2),
            "2m",
        ),
        ("Predictive scaling", policy({"type": "predictive", "metric": "requests_per_second"}), "predictive"),
    ],
)
def test_what_could_be_misread_or_is_not_there_yet_is_refused(says: str, refused: Json, words: str) -> None:
    with pytest.raises(selfscale.PolicyError) as caught:
        selfscale.load_policies(refused)
    assert any(words in problem.message for problem in caught.value.problems), says


def test_edges_too_near_each_other_are_hinted_at() -> None:
    """Adjust thresholds: Create larger gaps between scale up/down thresholds."""
    near = policy(threshold("cpu_usage", 70, 50))
    assert any("apart" in hint.message for hint in selfscale.hints(near))
    assert not selfscale.hints(OWN)


# ---- alerts: the priority of a recommendation


class Levels(NamedTuple):
    """A guide's alert: at its levels a recommendation is as urgent as before, past them it is more so."""

    says: str
    metric: str
    warning: float
    critical: float | None = None
    low_is_bad: bool = False


LEVELS = [
    Levels("High error rate (> 1%)", "error_rate", 1),
    Levels("High response time (p95 > 1s)", "response_time_p95", 1),
    Levels("CPU Usage | > 70% | > 90%", "cpu_usage", 70, 90),
    Levels("Memory Usage | > 80% | > 95%", "memory_usage", 80, 95),
    Levels("Error Rate | > 1% | > 5%", "error_rate", 1, 5),
    Levels("Response Time (p99) | > 1s | > 3s", "response_time_p99", 1, 3),
    Levels("Database Connections | > 80% | > 95%", "db_pool_usage", 80, 95),
    Levels("Cache Hit Rate | < 80% | < 60%", "cache_hit_rate", 80, 60, low_is_bad=True),
    Levels("Memory Usage: Alert at 80%", "memory_usage", 80),
    Levels("Response Time: Alert if > 1s", "response_time", 1),
]


@pytest.mark.parametrize("alert", LEVELS, ids=lambda alert: alert.says)
def test_past_the_levels_of_an_alert_a_recommendation_is_urgent(alert: Levels) -> None:
    levels = {"warning": alert.warning, "critical": alert.critical}
    side = "less_than" if alert.low_is_bad else "greater_than"
    given = {"metric": alert.metric, "comparison": side} | {key: at for key, at in levels.items() if at is not None}
    watched = policy(threshold(alert.metric, 0 if alert.low_is_bad else 1000, comparison=side), alerts=[given])
    watched["scaleDown"] = "never"
    past = -0.1 if alert.low_is_bad else 0.1

    def priority(value: float) -> str:
        return str(Service(watched, 3).step(read(15, **{alert.metric: value}))["recommendation"]["priority"])

    assert priority(alert.warning) == "low"
    assert priority(alert.warning + past) == "high"
    if alert.critical is not None:
        assert priority(alert.critical) == "high"
        assert priority(alert.critical + past) == "critical"


# ---- SpherosegV4's recommendations


def test_a_recommendation_looks_like_the_guides() -> None:
    """High CPU usage (85%): from 2 to 3 replicas, with a reason, a confidence and a high priority."""
    watched = BACKEND | {"alerts": [{"metric": "cpu_usage", "warning": 70, "critical": 90}]}
    recommendation = Service(watched, 2).step(backend(15, 85, 50, 50))["recommendation"]
    assert (recommendation["service"], recommendation["currentReplicas"]) == ("web", 2)
    assert (recommendation["recommendedReplicas"], recommendation["priority"]) == (3, "high")
    assert "85" in recommendation["reason"]
    assert 0.0 <= recommendation["confidence"] <= 1.0


def confidence(load: Phase, outcome: str | None = None) -> float:
    """Return how sure the backend's policy is of this load, where an earlier change had this outcome."""
    service = Service(BACKEND, 2)
    if outcome is not None:
        service.record(-HOUR, 1, 2, outcome)
    return float(service.step(load)["recommendation"]["confidence"])


def test_confidence_grows_with_the_number_of_triggered_thresholds() -> None:
    """Scaling decisions include confidence scores (0.0-1.0) based on: Number of triggered thresholds."""
    assert (
        confidence(backend(15, 75, 50, 50)) < confidence(backend(15, 75, 81, 50)) < confidence(backend(15, 75, 81, 101))
    )


def test_confidence_grows_with_severity() -> None:
    """Metric value severity."""
    assert (
        confidence(backend(15, 71, 50, 50)) < confidence(backend(15, 85, 50, 50)) < confidence(backend(15, 99, 50, 50))
    )


def test_confidence_grows_with_past_success() -> None:
    """Historical scaling success."""
    load = backend(15, 75, 50, 50)
    assert confidence(load, "failed") < confidence(load) < confidence(load, "succeeded")
