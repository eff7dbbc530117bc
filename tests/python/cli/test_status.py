"""`selfscale status`: what is not as it should be is said with its reason."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selfscale import Agent, CallbackDriver, DriverError

pytest.importorskip("typer", reason="the extra cli is not installed")

from selfscale.cli import status

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
    deadline = time.monotonic() + 60
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
        deadline = time.monotonic() + 60
        while not any(service["wait"] for service in agent.status()["services"]):
            assert time.monotonic() < deadline, agent.status()
            time.sleep(0.02)
        said = " ".join(selfscale("status").stdout.split())
    assert "backend: the platform is not looked at until " in said
    assert "as it asks for (throttled): observe() raised: DriverError: slow down" in said


def record_until_measured(agent: Agent) -> None:
    """Record response times until they and the CPU have a reading."""
    deadline = time.monotonic() + 60
    measured: set[str] = set()
    while not measured >= {"cpu_usage", "response_time_p95"}:
        assert time.monotonic() < deadline, agent.status()
        agent.distribution("response_time").observe(0.25)
        measured = {each["name"] for each in agent.status()["readings"] if each["value"] is not None}
        time.sleep(0.05)


@pytest.mark.parametrize("policies", [None, POLICY])
def test_what_is_measured_is_a_table(tmp_path: Path, selfscale: Run, policies: Any) -> None:
    where = {
        "SELFSCALE_RUN_DIR": str(tmp_path / "run"),
        "SELFSCALE_STATE_DIR": str(tmp_path / "state"),
        "SELFSCALE_INSTANCE": "web-1",
    }
    with Agent(policies, service="backend", environment=where) as agent:
        record_until_measured(agent)
        table = [line.split() for line in selfscale("status").stdout.splitlines()]
        of_it = selfscale("status", "--instance", "web-1", "--json")
        of_none = selfscale("status", "--instance", "web-2")
    [cpu] = [line for line in table if line[:1] == ["cpu_usage"]]
    assert float(cpu[1]) >= 0
    assert cpu[2:] == ["percent", "web-1"]
    [slowest] = [line for line in table if line[:1] == ["response_time_p95"]]
    assert slowest[-2:] == ["the", "service"]
    assert {each["instance"] for each in json.loads(of_it.stdout)["readings"]} == {None, "web-1"}
    assert of_none.returncode == 2
    assert "no instance web-2 has readings here; web-1 has" in of_none.stderr


def test_the_status_of_an_agent_of_the_version_before_is_shown(refused: Agent) -> None:
    """It runs on after an upgrade of the command line."""
    deadline = time.monotonic() + 60
    while not refused.status()["services"]:
        assert time.monotonic() < deadline, refused.status()
        time.sleep(0.02)
    found = dict(refused.status())
    del found["readings"]
    found["services"] = [{key: said for key, said in one.items() if key != "hold"} for one in found["services"]]
    with status.console.capture() as captured:
        for part in status.parts(found):
            status.console.print(part)
    assert "no count is set now" not in captured.get()


def reading(instance: str | None, value: float | None, missing: str | None = None) -> dict[str, Any]:
    return {"name": "rps", "instance": instance, "value": value, "unit": None, "window": 60.0, "missing": missing}


@pytest.mark.parametrize(
    ("readings", "line"),
    [
        ([reading("a", 2.0), reading("b", 4.0)], "rps 3 mean of 2 instances, 2 to 4"),
        ([reading("a", 2.0), reading("b", None, "starts")], "rps 2 a"),
        ([reading("a", None, "a has not reported rps yet")], "rps - a has not reported rps yet"),
        ([reading(None, 123456.7)], "rps 123457 the service"),
    ],
)
def test_readings_of_several_instances_are_one_line(readings: list[dict[str, Any]], line: str) -> None:
    with status.console.capture() as captured:
        status.console.print(status.table_of_readings(readings))
    assert " ".join(captured.get().splitlines()[1].split()) == line


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
        deadline = time.monotonic() + 60
        while not any(service["hold"] for service in agent.status()["services"]):
            assert time.monotonic() < deadline, agent.status()
            time.sleep(0.02)
        said = " ".join(selfscale("status").stdout.split())
        assert agent.history("backend") == []
    assert said.count("backend: no count is set now: a deployment is under way") == 1


def test_what_the_driver_finds_wrong_stands_below_the_switches(tmp_path: Path, selfscale: Run) -> None:
    wrong = "the account has no right to read the service: give it one, " + "and then another, " * 20 + "and wait"
    agent = Agent(
        POLICY,
        driver=CallbackDriver(scale=refuse, observe=lambda: 1, preflight=lambda: [wrong]),
        enable=True,
        environment={"SELFSCALE_RUN_DIR": str(tmp_path / "run"), "SELFSCALE_STATE_DIR": str(tmp_path / "state")},
    )
    with agent:
        deadline = time.monotonic() + 60
        while not agent.status()["preflight"]["wrong"]:
            assert time.monotonic() < deadline, agent.status()
            time.sleep(0.02)
        lines = [" ".join(line.split()) for line in selfscale("status").stdout.splitlines()]
    assert "candidate off the driver's preflight - in the way" in lines
    assert f"wrong {wrong}" in " ".join(lines)
