"""What a platform does wrong, met by a real agent on the driver `memory` with that fault."""

from __future__ import annotations

import queue
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from selfscale import Agent

Json = dict[str, Any]

PATIENCE = 60.0
"""Seconds until something must have come of it."""

# The corpus' faults as those of the driver.
FAULTS = {
    "driver_get_failed": "refuses",
    "driver_update_failed": "refuses_writes",
    "driver_update_conflict_once": "conflicts_once",
    "selector_missing": "selector_missing",
    "selector_invalid": "selector_invalid",
    "ambiguous_owner": "ambiguous_owner",
}
OF_WRITES = {"driver_update_failed", "driver_update_conflict_once"}


@contextmanager
def agent_with(fault: str, replicas: int, policy: Json) -> Iterator[tuple[Agent, queue.Queue[Json]]]:
    """Run an agent that may act on a platform with a fault; what it says comes through the queue."""
    platform = {"driver": "memory", "replicas": replicas, "fault": FAULTS[fault]}
    document = {**policy, "enabled": True, "evaluationInterval": "50ms", "platform": platform}
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "SELFSCALE_RUN_DIR": folder,
            "SELFSCALE_STATE_DIR": folder,
            "SELFSCALE_STORE": "memory",
            "AUTOSCALING_LOG_LEVEL": "off",
        }
        agent = Agent({"policies": [document]}, enable=True, environment=environment)
        said: queue.Queue[Json] = queue.Queue()
        agent.subscribe(said.put)
        with agent:
            yield agent, said


def write(fault: str, current: int, wanted: int) -> Json:
    """Have an agent ask a platform with a fault for a count; return the event in which that ended."""
    policy = {
        "service": "service",
        "minReplicas": 0,
        "maxReplicas": 1000000,
        "metrics": [{"name": "wanted", "aggregation": "last"}],
        "rules": [{"type": "target", "metric": "wanted", "targetPerReplica": 1, "tolerance": 0}],
        "behavior": "none",
    }
    with agent_with(fault, current, policy) as (agent, said):
        agent.gauge("wanted").set(wanted)
        while True:
            event = said.get(timeout=PATIENCE)
            if event.get("outcome") in {"succeeded", "failed"}:
                return event


def blind_decision(fault: str, current: int, policy: Json) -> tuple[Json, str]:
    """Have an agent decide about a platform that it cannot read; return its decision, and the platform's words."""
    with agent_with(fault, current, policy) as (agent, said):
        decision = said.get(timeout=PATIENCE)
        while not (services := agent.status()["services"]):  # a decision is told before it is published
            time.sleep(0.01)
        return decision, services[0]["error"]
