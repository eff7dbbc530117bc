"""A mistake in a call is an error of that call, in a sentence that says what was wrong and what is needed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest
import selfscale
from selfscale import Agent, CallbackDriver, _agent
from selfscale.testing import MemoryPlatform, check_driver

POLICY = {
    "service": "web",
    "maxReplicas": 5,
    "evaluationInterval": "50ms",
    "rules": [{"name": "depth", "type": "threshold", "metric": "depth", "scaleUp": 10, "scaleDown": 2}],
}
OF_HOST = {"scope": "host"}


def refused(call: Callable[[], object], kind: type[Exception], words: str) -> None:
    """What a call raises, whose words are those of a sentence of ours."""
    with pytest.raises(kind) as caught:
        call()
    assert words in str(caught.value)
    assert "incompatible function arguments" not in str(caught.value)
    assert len(str(caught.value)) < 400, "and nothing of the policy"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"enable": "yes"}, "enable is 'yes'; True or False is needed"),
        ({"enable": 1}, "enable is 1; True or False"),
        ({"enable": None}, "enable is None; True or False"),
        ({"enable": True, "enabled_by": 7}, "enabled_by is 7; a text is needed"),
        ({"service": 5}, "service is 5; a text is needed"),
        ({"policies": 5}, "policies are 5; a file's path, or the document as text or dict, is needed"),
        ({"policies": b"p.json"}, "policies are b'p.json'"),
        ({"policies": [5]}, "a list of policies has 5; what load_policies() returned is needed"),
        ({"environment": {"AUTOSCALING_ENABLED": True}}, "a value of the type bool as AUTOSCALING_ENABLED"),
        ({"environment": {"AUTOSCALING_ENABLED": True}}, 'as in {"AUTOSCALING_ENABLED": "true"}'),
        ({"environment": {5: "x"}}, "environment has the key 5; a text is needed"),
        ({"environment": ["AUTOSCALING_ENABLED=true"]}, "a dict of texts is needed"),
    ],
)
def test_an_option_of_another_kind_is_refused(given: dict[str, Any], words: str) -> None:
    refused(lambda: Agent(**{"policies": POLICY, **given}), TypeError, words)


def test_a_value_of_the_environment_is_not_shown_for_it_may_be_a_secret() -> None:
    with pytest.raises(TypeError) as caught:
        Agent(POLICY, environment={"REDIS_PASSWORD": b"hunter2"})  # type: ignore[dict-item]
    assert "REDIS_PASSWORD" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_what_is_refused_leaves_an_agent_as_it_was(environment: dict[str, str]) -> None:
    agent = Agent(POLICY, service="web", environment=environment)
    refused(lambda: agent.configure(POLICY, enable="yes"), TypeError, "enable is 'yes'")  # type: ignore[arg-type]
    with agent:
        assert agent.status()["service"] == "web"


@pytest.mark.parametrize("enable", ["", None, 0])
def test_the_default_agent_that_runs_refuses_it_too(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, enable: Any
) -> None:
    with Agent(POLICY, environment=environment) as agent:
        monkeypatch.setattr(_agent, "_default", agent)
        refused(lambda: selfscale.start(enable=enable), TypeError, "True or False is needed")


@pytest.mark.parametrize("read", [selfscale.load_policies, selfscale.hints])
@pytest.mark.parametrize("source", [5, None, ["p.json"]])
def test_what_is_no_policy_file_is_refused(read: Callable[[Any], object], source: Any) -> None:
    refused(lambda: read(source), TypeError, "a file's path, or the document as text or dict, is needed")


class Shelf(MemoryPlatform):
    """A driver."""


class HalfADriver:
    """It cannot say what it sees."""

    def scale(self, replicas: int) -> None:
        """Do nothing."""


class NoCount(MemoryPlatform):
    """Its scale() is not told how many."""

    def scale(self) -> None:  # type: ignore[override]
        """Do nothing."""


class Asynchronous(MemoryPlatform):
    """Its observe() has done nothing when it returns."""

    async def observe(self) -> int:  # type: ignore[override]
        """Return a number to who awaits it."""
        return 1


class CapableByAttribute(MemoryPlatform):
    """Its capabilities are no method."""

    capabilities = MappingProxyType(OF_HOST)  # type: ignore[assignment]


def make_shelf() -> Shelf:
    """Make a driver."""
    return Shelf()


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        (Shelf, "driver is the class Shelf; an object of it is needed: Shelf(…)"),
        (CallbackDriver, "driver is the class CallbackDriver; an object of it is needed"),
        (make_shelf, "which has no scale() and no observe() and no preflight()"),
        (make_shelf, "if it makes a driver, call it"),
        (HalfADriver(), "which has no observe() and no preflight(); "),
        (NoCount(), "scale() of the driver is called with how many replicas are asked for"),
        (Asynchronous(), "observe() of the driver is asynchronous"),
        (CapableByAttribute(), "capabilities() of the driver is mappingproxy({'scope': 'host'}); a function"),
        (7, "driver is 7, which has no scale()"),
    ],
)
def test_what_is_no_driver_is_refused_by_an_agent_and_by_the_check(
    environment: dict[str, str], driver: Any, words: str
) -> None:
    refused(lambda: Agent(POLICY, driver=driver, environment=environment), TypeError, words)
    if driver is not CallbackDriver:
        refused(lambda: check_driver(driver), TypeError, words)


def test_the_check_wants_an_object_with_methods() -> None:
    functions = CallbackDriver(lambda count: None, lambda: 1, list)
    refused(lambda: check_driver(functions), TypeError, "driver is a CallbackDriver; an object of a class")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"replicas": "2"}, TypeError, "replicas is '2'; a whole number is needed"),
        ({"replicas": 0}, ValueError, "replicas is 0; 1 or more are needed"),
        ({"truth": 3}, TypeError, "truth is 3; a function is needed, which is called without arguments"),
        ({"set_truth": lambda: None}, TypeError, "set_truth is called with a count"),
        ({"fault": lambda: None}, TypeError, "fault is called with what is to go wrong"),
    ],
)
def test_what_a_check_could_not_work_with_is_refused(given: dict[str, Any], kind: type[Exception], words: str) -> None:
    refused(lambda: check_driver(MemoryPlatform(), **given), kind, words)


async def scale_later(replicas: int) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("functions", "words"),
    [
        ([None], "scale is None; a function is needed, which is called with how many replicas are asked for"),
        ([lambda: 1], "scale is called with how many replicas are asked for, and is <function"),
        ([lambda: 1], "too many positional arguments"),
        ([scale_later], "scale is asynchronous"),
        ([print, 3], "observe is 3; a function is needed, which is called without arguments"),
        ([print, lambda count: 1], "observe is called without arguments"),
        ([print, None, ["no token"]], "preflight is ['no token']; a function is needed"),
        ([print, None, None, OF_HOST, "release"], "release is 'release'; a function is needed"),
    ],
)
def test_a_function_that_could_not_be_called_is_refused(functions: list[Any], words: str) -> None:
    refused(lambda: CallbackDriver(*functions), TypeError, words)


@pytest.mark.parametrize("scale", [[].append, print, int, MemoryPlatform().scale])
def test_a_function_that_takes_one_argument_will_do(scale: Callable[..., Any]) -> None:
    assert CallbackDriver(scale).scale == scale


@pytest.mark.parametrize(
    ("name", "factory", "words"),
    [
        ("x", 5, "the factory of the driver 'x' is 5; a function is needed"),
        ("x", Shelf(), "the factory of the driver 'x' is Shelf(replicas=1"),
        ("x", make_shelf, "is called with the service's name and the policy's platform object"),
        (5, Shelf, "name is 5; a text is needed"),
    ],
)
def test_what_makes_no_driver_is_not_registered(
    no_driver_registered: None, name: Any, factory: Any, words: str
) -> None:
    refused(lambda: selfscale.register_driver(name, factory), TypeError, words)


@pytest.mark.parametrize("made", [None, "local", 5, Shelf])
def test_a_factory_that_returns_no_driver_is_named(
    no_driver_registered: None, environment: dict[str, str], made: Any
) -> None:
    selfscale.register_driver("racks", lambda service, platform: made)
    agent = Agent({**POLICY, "platform": {"driver": "racks"}}, environment=environment)
    refused(agent.start, TypeError, "the class Shelf" if made is Shelf else repr(made))
    refused(agent.examine, TypeError, "the class Shelf" if made is Shelf else repr(made))
    assert not agent.is_running


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda agent: agent.scale("web", "3"), TypeError, "replicas is '3'; a whole number is needed"),
        (lambda agent: agent.scale("web", 2.5), TypeError, "replicas is 2.5; a whole number is needed"),
        (lambda agent: agent.scale("web", True), TypeError, "replicas is True; a whole number is needed"),
        (lambda agent: agent.scale("web", 2**40), ValueError, "a whole number up to 2147483647 is needed"),
        (lambda agent: agent.scale(5, 3), TypeError, "service is 5; a text is needed"),
        (lambda agent: agent.pause("web", "tomorrow"), TypeError, "until is 'tomorrow'; a datetime, or seconds since"),
        (lambda agent: agent.pause("web", True), TypeError, "until is True; a datetime"),
        (lambda agent: agent.pause("web", 300), ValueError, "in ten minutes is time.time() + 600"),
        (lambda agent: agent.pause("web", float("nan")), ValueError, "until is nan, which is not to come"),
        (lambda agent: agent.pause("web", datetime(2020, 1, 1)), ValueError, "which is not to come"),
        (lambda agent: agent.pause(None), TypeError, "service is None; a text is needed"),
        (lambda agent: agent.resume(5), TypeError, "service is 5; a text is needed"),
        (lambda agent: agent.enable(True), TypeError, "service is True; a text is needed"),
        (lambda agent: agent.disable(5), TypeError, "service is 5; a text is needed"),
        (lambda agent: agent.recommendation(5), TypeError, "service is 5; a text is needed"),
        (lambda agent: agent.history("web", "all"), TypeError, "limit is 'all'; a whole number is needed"),
        (lambda agent: agent.exposition(b"text/plain"), TypeError, "accept is b'text/plain'; a text is needed"),
        (lambda agent: agent.report_ready("no"), TypeError, "is_ready is 'no'; True or False is needed"),
        (lambda agent: agent.counter(5), TypeError, "name is 5; a text is needed"),
        (lambda agent: agent.gauge("depth", "mail"), TypeError, "labels are 'mail'; a dict is needed"),
        (lambda agent: agent.distribution(None), TypeError, "name is None; a text is needed"),
        (lambda agent: agent.subscribe("print"), TypeError, "subscriber is 'print'; a function is needed"),
        (lambda agent: agent.subscribe(lambda: None), TypeError, "subscriber is called with what is told"),
    ],
)
def test_an_argument_of_another_kind_is_refused(
    environment: dict[str, str], call: Callable[[Any], object], kind: type[Exception], words: str
) -> None:
    with Agent(POLICY, environment=environment) as agent:
        refused(lambda: call(agent), kind, words)


@pytest.mark.parametrize(
    "until",
    [None, time.time() + 10**7, datetime.now(timezone.utc) + timedelta(days=100)],
    ids=["no end", "seconds", "a time"],
)
def test_a_pause_has_an_end_to_come_or_none(environment: dict[str, str], until: Any) -> None:
    with Agent(POLICY, environment=environment) as agent:
        agent.pause("web", until)
        agent.resume("web")


def test_fewer_than_no_replicas_are_refused_by_the_agent(environment: dict[str, str]) -> None:
    with Agent(POLICY, environment=environment) as agent, pytest.raises(selfscale.Error, match="-1") as caught:
        agent.scale("web", -1)
    assert caught.value.code == "invalid_argument"


def test_a_request_is_for_a_whole_number() -> None:
    refused(lambda: selfscale.ScaleRequest(2.5), TypeError, "replicas is 2.5; a whole number is needed")  # type: ignore[arg-type]


def test_no_message_is_long_whatever_was_handed_over(environment: dict[str, str]) -> None:
    with pytest.raises(TypeError) as caught:
        Agent(POLICY, service=["web"] * 1000, environment=environment)  # type: ignore[arg-type]
    assert re.fullmatch(r"service is .{60}; a text is needed", str(caught.value))
