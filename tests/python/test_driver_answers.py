"""Whatever a driver in Python says, or a Celery worker: it is understood, or it is said what would be right.

`SELFSCALE_HISTORIES=100000` tries as many answers of each.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from selfscale import Agent, CallbackDriver, DriverError
from selfscale.drivers._bridge import read_observation

MANY = int(os.environ.get("SELFSCALE_HISTORIES", "300"))
many = settings(max_examples=MANY, deadline=None)
# Each begins an agent.
few = settings(max_examples=MANY // 3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

COUNTS = ("desiredReplicas", "currentReplicas", "readyReplicas", "minReplicas", "maxReplicas")
PARTS = ("what", "why", "paste", "wrong", "warnings")

# No float is as large, and in no JSON is half a character.
ODD = (-1, 2**31, 2**63, 10**400, float("nan"), float("inf"), "\ud800", "a" * 5000)
plain = st.sampled_from(ODD) | st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
keys = st.sampled_from([*COUNTS, *PARTS, "instance", "ready", "pid", "replicas", "pool", "processes", "error"])
anything = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(keys | st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)

counts = st.integers(0, 100_000)
seconds = st.floats(0, 3600)
replicas = st.fixed_dictionaries(
    {},
    optional={
        "instance": st.text(),
        "ready": st.booleans(),
        "deleting": st.booleans(),
        "startedSecondsAgo": st.floats(0, 1e9),
        "pid": st.integers(1, 2**31 - 1),
    },
)
REST = {
    "updating": st.booleans(),
    "failure": st.text(),
    "note": st.text(),
    "pollAfter": seconds,
    "version": st.text(),
    "replicas": st.lists(replicas, max_size=3),
}
observations = st.fixed_dictionaries(
    {"currentReplicas": counts}, optional={key: counts for key in COUNTS if key != "currentReplicas"} | REST
)
KINDS: dict[str, Any] = {
    **dict.fromkeys(COUNTS, int | None),
    "updating": bool,
    "failure": str,
    "note": str,
    "pollAfter": float | None,
    "version": str,
    "replicas": list,
}


@st.composite
def nearly(draw: st.DrawFn, right: st.SearchStrategy[dict[str, Any]], keys: list[str]) -> dict[str, Any]:
    """One value of what would be right is something else."""
    said = dict(draw(right))
    said[draw(st.sampled_from(keys))] = draw(plain | anything)
    return said


def outcome_of(call: Callable[[], Any]) -> Any:
    """What it returns, or the failure that it raises."""
    try:
        return call()
    except DriverError as error:
        return error


@many
@given(anything | nearly(observations, list(KINDS)))
@example({"currentReplicas": 1, "pollAfter": 10**400})
@example({"currentReplicas": 1, "failure": "\ud800"})
def test_an_observation_is_read_or_is_malformed(answer: Any) -> None:
    seen = outcome_of(lambda: read_observation(answer))
    if isinstance(seen, DriverError):
        assert seen.code == "malformed"
        assert str(seen).startswith("observe() returned ")
        assert len(str(seen).encode()) < 1000
    else:
        assert all(isinstance(seen[key], kind) for key, kind in KINDS.items())
        assert seen["currentReplicas"] is not None
        assert seen["desiredReplicas"] is not None


@many
@given(observations)
def test_an_observation_comes_out_as_it_went_in(said: dict[str, Any]) -> None:
    seen = read_observation(said)
    for key, value in said.items():
        assert seen[key] == value or key == "replicas"
    for listed, read in zip(said.get("replicas", []), seen["replicas"], strict=True):
        assert read | listed == read


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"SELFSCALE_RUN_DIR": str(tmp_path / "run"), "SELFSCALE_STATE_DIR": str(tmp_path / "state")}


POLICY = {
    "service": "backend",
    "minReplicas": 1,
    "maxReplicas": 5,
    "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}],
}


def found_by_doctor(environment: dict[str, str], observe: Any, preflight: Any) -> dict[str, Any]:
    """What is said of a driver."""
    driver = CallbackDriver(lambda count: None, lambda: observe, lambda: preflight, capabilities={"scope": "host"})
    checks = Agent(POLICY, driver=driver, environment=environment).examine()["checks"]
    [check] = [each for each in checks if each["name"] == "driver"]
    return dict(check)


@few
@given(answer=anything | nearly(observations, list(KINDS)))
@example(answer={"currentReplicas": 1, "pollAfter": 10**400})
@example(answer={"currentReplicas": 1, "failure": "\ud800"})
def test_an_agent_takes_an_observation_or_says_what_is_wrong_with_it(environment: dict[str, str], answer: Any) -> None:
    seen = outcome_of(lambda: read_observation(answer))
    words = [str(seen)] if isinstance(seen, DriverError) else []
    wrong = found_by_doctor(environment, answer, [])["wrong"]
    assert [each in found["what"] for each, found in zip(words, wrong, strict=True)] == [True] * len(words)


findings = st.text(min_size=1) | st.fixed_dictionaries(
    {"what": st.text(min_size=1)}, optional={"why": st.text(), "paste": st.text()}
)
preflights = st.lists(findings, max_size=3) | st.fixed_dictionaries(
    {}, optional={"wrong": st.lists(findings, max_size=3), "warnings": st.lists(findings, max_size=3)}
)


def as_shown(found: Any) -> list[dict[str, str]]:
    return [{"why": "", "paste": "", **({"what": each} if isinstance(each, str) else each)} for each in found]


@few
@given(said=preflights)
def test_what_a_preflight_says_is_shown_as_it_is(environment: dict[str, str], said: Any) -> None:
    found = found_by_doctor(environment, 1, said)
    wrong, warnings = (said, []) if isinstance(said, list) else (said.get("wrong", []), said.get("warnings", []))
    assert found["wrong"] == as_shown(wrong)
    assert found["warnings"] == as_shown(warnings)


@few
@example(said=[""])
@given(said=anything | nearly(st.just({}), ["wrong", "warnings"]))
def test_what_no_preflight_says_is_said_to_be_wrong(environment: dict[str, str], said: Any) -> None:
    found = found_by_doctor(environment, 1, said)
    for each in [*found["wrong"], *found["warnings"]]:
        assert each["what"]
        assert set(each) == {"what", "why", "paste"}


def answers_of(worker: str) -> st.SearchStrategy[Any]:
    """What Celery's control gives: a list of what each worker says."""
    stats = st.fixed_dictionaries({"pool": st.fixed_dictionaries({}, optional={"processes": anything})}) | anything
    return st.lists(st.dictionaries(st.just(worker) | st.text(), stats, max_size=2) | anything, max_size=2) | anything


@many
@given(answers=answers_of("mail@host1"))
def test_a_celery_workers_answer_is_understood_or_it_is_said_why_not(answers: Any) -> None:
    celery = pytest.importorskip("celery", reason="celery is not installed")
    from selfscale.drivers.celery_pool import CeleryPool

    app = celery.Celery("foreign", broker="memory://")
    app.control.broadcast = lambda *_, **__: answers
    driver = CeleryPool(app, timeout=0.1)
    found = driver.preflight()["wrong"]
    assert all(each["what"] and each["why"] and each["paste"] for each in found)
    seen: Any = outcome_of(driver.observe)
    if isinstance(seen, DriverError):
        assert seen.code in {"malformed", "unreachable", "conflict", "unsupported"}
        assert len(found) == 1
        assert str(seen)[:20] in found[0]["what"]
        assert len(str(seen).encode()) < 1000
    else:
        [stats] = {worker: stats for answer in answers for worker, stats in answer.items()}.values()
        assert set(seen.values()) == {len(stats["pool"]["processes"])}
