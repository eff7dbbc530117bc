"""`selfscale status`: what is not as it should be is said with its reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selfscale import Agent, CallbackDriver, DriverError

Run = Callable[..., Any]

POLICY = {
    "service": "backend",
    "minReplicas": 2,
    "maxReplicas": 5,
    "evaluationInterval": "50ms",
    "rules": [{"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}],
}


def refuse(replicas: int) -> None:
    raise DriverError(f"you may not ask for {replicas}", "denied", permission="scale web")


@pytest.fixture
def refused(tmp_path: Path) -> Iterator[Agent]:
    """An agent whose platform lets it do nothing."""
    agent = Agent(
        POLICY,
        driver=CallbackDriver(scale=refuse, observe=lambda: 1, capabilities={"scope": "host"}),
        enable=True,
        environment={"SELFSCALE_RUN_DIR": str(tmp_path / "run"), "SELFSCALE_STATE_DIR": str(tmp_path / "state")},
    )
    with agent:
        yield agent


def test_an_open_circuit_is_said_with_its_reason_and_its_end(refused: Agent, selfscale: Run) -> None:
    deadline = time.monotonic() + 20
    while not any(service["circuit"] for service in refused.status()["services"]):
        assert time.monotonic() < deadline, refused.status()
        time.sleep(0.02)
    said = " ".join(selfscale("status").stdout.split())
    assert "backend: nothing more is asked of the platform until " in said
    assert "after a failure (denied): scale(2) raised: DriverError: you may not ask for 2 (missing permission: " in said
    assert "failed (denied)" in selfscale("history").stdout


def test_a_platform_that_asks_to_be_left_alone_is_said_with_its_words(tmp_path: Path, selfscale: Run) -> None:
    def slow_down() -> int:
        raise DriverError("slow down", "throttled", retry_after=3600)

    agent = Agent(
        POLICY,
        driver=CallbackDriver(scale=refuse, observe=slow_down, capabilities={"scope": "host"}),
        environment={"SELFSCALE_RUN_DIR": str(tmp_path / "run"), "SELFSCALE_STATE_DIR": str(tmp_path / "state")},
    )
    with agent:
        deadline = time.monotonic() + 20
        while not any(service["wait"] for service in agent.status()["services"]):
            assert time.monotonic() < deadline, agent.status()
            time.sleep(0.02)
        said = " ".join(selfscale("status").stdout.split())
    assert "backend: the platform is not looked at until " in said
    assert "as it asks for (throttled): observe() raised: DriverError: slow down" in said


@pytest.mark.parametrize("enable", [True, False])
def test_that_no_count_is_set_now_is_said_once_whether_one_is_wanted_or_not(
    tmp_path: Path, selfscale: Run, enable: bool
) -> None:
    seen = {"currentReplicas": 1, "hold": "a deployment is under way"}
    agent = Agent(
        POLICY,
        driver=CallbackDriver(scale=refuse, observe=lambda: seen, capabilities={"scope": "host"}),
        enable=enable,
        environment={"SELFSCALE_RUN_DIR": str(tmp_path / "run"), "SELFSCALE_STATE_DIR": str(tmp_path / "state")},
    )
    with agent:
        deadline = time.monotonic() + 20
        while not any(service["hold"] for service in agent.status()["services"]):
            assert time.monotonic() < deadline, agent.status()
            time.sleep(0.02)
        said = " ".join(selfscale("status").stdout.split())
        assert agent.history("backend") == []
    assert said.count("backend: no count is set now: a deployment is under way") == 1
