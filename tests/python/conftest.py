"""What the Python tests share: agents that leave no trace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selfscale import Agent, drivers


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Directories of its own, and nothing of the machine's."""
    return {
        "SELFSCALE_RUN_DIR": str(tmp_path / "run"),
        "SELFSCALE_STATE_DIR": str(tmp_path / "state"),
        "HOME": str(tmp_path),
        "AUTOSCALING_LOG_LEVEL": "off",
    }


@pytest.fixture
def agent(environment: dict[str, str]) -> Iterator[Agent]:
    """An agent that has not been started."""
    agent = Agent(service="backend", environment=environment)
    yield agent
    agent.stop()


@pytest.fixture
def agents() -> Iterator[list[Agent]]:
    """Where a test puts its agents, which are stopped in the end."""
    made: list[Agent] = []
    yield made
    for agent in made:
        agent.stop()


@pytest.fixture
def no_driver_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten in the end."""
    monkeypatch.setattr(drivers, "_FACTORIES", {})
