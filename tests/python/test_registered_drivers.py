"""Drivers that an app registers by name act for the policies that name them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import selfscale
from selfscale import Agent
from selfscale.testing import MemoryPlatform

POLICY = {
    "service": "backend",
    "minReplicas": 3,
    "maxReplicas": 5,
    "evaluationInterval": "50ms",
    "platform": {"driver": "racks", "rack": "b7"},
    "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 100, "scaleDown": 0}],
}


def until(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    pytest.fail(f"never came true: {what}")


class Racks:
    """The drivers that were made, and of what."""

    def __init__(self) -> None:
        self.made: list[tuple[str, Mapping[str, Any]]] = []
        self.platform = MemoryPlatform(replicas=1)

    def make(self, service: str, platform: Mapping[str, Any]) -> MemoryPlatform:
        """Make the one driver there is."""
        self.made.append((service, platform))
        return self.platform


@pytest.fixture
def racks(no_driver_registered: None) -> Racks:
    racks = Racks()
    selfscale.register_driver("racks", racks.make)
    return racks


@pytest.fixture
def start(environment: dict[str, str], agents: list[Agent]) -> Callable[..., Agent]:
    """Start agents that are stopped in the end."""

    def started(policies: Any = None, **options: Any) -> Agent:
        more = options.pop("environment", {})
        agents.append(Agent(policies, environment={**environment, **more}, **options))
        agents[-1].start()
        return agents[-1]

    return started


def test_a_policy_acts_through_the_driver_that_it_names(racks: Racks, start: Callable[..., Agent]) -> None:
    agent = start(POLICY, enable=True)
    until(lambda: racks.platform.replicas == 3, "the minimum is asked for")
    assert agent.status()["driver"] == "racks"
    assert [(service, platform["rack"]) for service, platform in racks.made] == [("backend", "b7")]


def test_a_policy_file_does_too(racks: Racks, start: Callable[..., Agent], tmp_path: Path) -> None:
    (tmp_path / "policies.json").write_text(json.dumps({"policies": [POLICY, {**POLICY, "service": "mail"}]}))
    start(enable=True, environment={"SELFSCALE_POLICIES": str(tmp_path / "policies.json"), "SELFSCALE_SERVICE": "mail"})
    until(lambda: racks.platform.replicas == 3, "the minimum is asked for")
    assert racks.made[0][0] == "mail"


def test_a_name_that_is_given_beats_the_policy(racks: Racks, start: Callable[..., Agent]) -> None:
    start({**POLICY, "platform": {"driver": "local"}}, driver="racks", enable=True)
    until(lambda: racks.platform.replicas == 3, "the minimum is asked for")
    assert racks.made == [("backend", {})]


def test_a_worker_that_somebody_supervises_does_not_act(racks: Racks, start: Callable[..., Agent]) -> None:
    agent = start(POLICY, enable=True, environment={"SELFSCALE_SUPERVISED": "1"})
    assert not racks.made
    agent.stop()


def test_what_the_factory_raises_leaves_the_start(racks: Racks, environment: dict[str, str]) -> None:
    def refuse(service: str, platform: Mapping[str, Any]) -> MemoryPlatform:
        raise ValueError(f"no rack {platform['rack']}")

    selfscale.register_driver("other_racks", refuse)
    agent = Agent({**POLICY, "platform": {"driver": "other_racks", "rack": "z"}}, environment=environment)
    with pytest.raises(selfscale.DriverError, match=r"'other_racks' cannot be made .*no rack z") as caught:
        agent.start()
    assert isinstance(caught.value.__cause__, ValueError)
    assert "the platform's keys (driver, rack):" in str(caught.value), "and not their values, which may be secret"
    assert not agent.is_running


@pytest.mark.parametrize("name", ["", "racks"])
def test_a_driver_has_a_name_of_its_own(racks: Racks, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        selfscale.register_driver(name, lambda service, platform: MemoryPlatform())


@pytest.mark.parametrize("name", ["ecs", "callback", "celery_pool", "vercel"])
def test_the_names_of_selfscales_own_drivers_are_taken(racks: Racks, name: str) -> None:
    with pytest.raises(ValueError, match=f"the name '{name}' is that of a driver of selfscale's own"):
        selfscale.register_driver(name, racks.make)


def test_registering_the_same_twice_is_harmless(racks: Racks) -> None:
    selfscale.register_driver("racks", racks.make)
