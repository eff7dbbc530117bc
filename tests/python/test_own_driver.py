"""A driver of one's own, with all that a driver may say, under an agent: the example of docs/callback.md."""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import selfscale
from racks_server import RacksServer
from selfscale import Agent, CallbackDriver, DriverError, ScaleRequest, errors
from selfscale.testing import MemoryPlatform, check_driver

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "own_driver" / "racks.py"

POLICY = {
    "service": "backend",
    "minReplicas": 1,
    "maxReplicas": 5,
    "evaluationInterval": "50ms",
    "metrics": [{"name": "depth", "window": "200ms", "aggregation": "last"}],
    "rules": [{"name": "depth", "type": "threshold", "metric": "depth", "scaleUp": 10, "scaleDown": 2}],
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
}
UP, DOWN, NEITHER = 50, 0, 5


def until(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    pytest.fail(f"never came true: {what}")


@pytest.fixture
def racks() -> Iterator[RacksServer]:
    server = RacksServer()
    yield server
    server.close()


@pytest.fixture
def example(no_driver_registered: None) -> Any:
    """The example's module, whose driver is registered by that."""
    spec = importlib.util.spec_from_file_location("racks_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Start = Callable[..., Agent]


@pytest.fixture
def start(environment: dict[str, str], agents: list[Agent]) -> Start:
    """Start agents that may act, with a depth; they are stopped in the end."""

    def started(depth: float, *, driver: Any = None, policy: Mapping[str, Any] = {}, **more: str) -> Agent:
        agent = Agent({**POLICY, **policy}, driver=driver, enable=True, environment={**environment, **more})
        agents.append(agent)
        agent.gauge("depth").set(depth)
        agent.start()
        return agent

    return started


@pytest.fixture
def lead(example: Any, racks: RacksServer, start: Start) -> Start:
    """Start agents that lead the racks by a person's word, through the policy's driver."""

    def started(depth: float, policy: Mapping[str, Any] = {}) -> Agent:
        platform = {"driver": "racks", "url": racks.url}
        return start(depth, policy={"platform": platform, **policy}, SELFSCALE_FLEET="single")

    return started


def ended(agent: Agent, outcome: str) -> Any:
    """An event that ended so."""
    return until(
        lambda: next((event for event in agent.history("backend") if event.outcome == outcome), None),
        f"an event that {outcome}",
    )


def test_the_example_keeps_every_promise_but_one_that_the_agent_keeps_for_it(example: Any, racks: RacksServer) -> None:
    driver = example.Racks("backend", {"url": racks.url})
    report = check_driver(driver, truth=racks.truth, set_truth=racks.set_truth, fault=racks.fault)
    assert [one.check.name for one in report.promises if one.outcome != "kept"] == [
        "what_somebody_else_set_is_not_overwritten_without_a_version"
    ]


def test_the_page_shows_the_example_whole() -> None:
    page = (ROOT / "docs" / "callback.md").read_text()
    code = EXAMPLE.read_text()
    shown = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert code[code.index("from __future__") :] in shown


def test_it_is_scaled_up_and_down(lead: Start, racks: RacksServer) -> None:
    agent = lead(UP)
    until(lambda: racks.truth() == 5, "scaled up")
    agent.gauge("depth").set(DOWN)
    until(lambda: racks.truth() == 1, "scaled down")


def test_a_write_that_somebody_else_was_faster_than_is_made_again_at_the_new_version(
    lead: Start, racks: RacksServer
) -> None:
    racks.overtaken = 1
    agent = lead(UP, {"maxReplicas": 3})
    event = ended(agent, "succeeded")
    first, second = racks.orders[:2]
    assert first["count"] == second["count"] == event.to_replicas
    assert int(second["version"]) == int(first["version"]) + 1
    assert not [each for each in agent.history("backend") if each.outcome == "failed"]


def test_who_may_go_is_named(lead: Start, racks: RacksServer, environment: dict[str, str]) -> None:
    environment["SELFSCALE_INSTANCE"] = "mine"
    environment["SELFSCALE_APART"] = "true"  # of a replica SELFSCALE_FLEET=single is not taken
    racks.set_truth(3)
    racks.names = ["mine"]
    agent = lead(NEITHER)
    until(lambda: agent.recommendation("backend"), "a first recommendation")
    agent.scale("backend", 2)
    order = until(lambda: racks.orders, "a step down")[0]
    assert order["count"] == 2
    assert sorted(order["removeFirst"]) == ["m0", "m1", "mine"]
    assert order["removeFirst"][-1] == "mine", "the agent's own goes last"


def test_a_replica_that_goes_or_does_not_serve_is_not_named_as_one_that_may_go(start: Start) -> None:
    asked: list[ScaleRequest] = []
    listed = [
        {"instance": "serves", "ready": True, "startedSecondsAgo": 60.0},
        {"instance": "goes", "ready": True, "deleting": True},
        {"instance": "starts", "ready": False, "startedSecondsAgo": 1},
    ]
    seen = {"currentReplicas": 3, "replicas": listed}
    agent = start(NEITHER, driver=CallbackDriver(asked.append, lambda: seen, capabilities={"scope": "host"}))
    until(lambda: agent.recommendation("backend"), "a first recommendation")
    agent.scale("backend", 2)
    request = until(lambda: asked, "a step down")[0]
    assert request.victims == ("serves",)


def test_what_the_platform_says_beside_its_counts_stands_in_status(start: Start) -> None:
    seen = {"currentReplicas": 2, "note": "half of them are spot machines", "failure": "a disk is full"}
    agent = start(NEITHER, driver=CallbackDriver(lambda count: None, lambda: seen, capabilities={"scope": "host"}))
    [service] = until(lambda: (found := agent.status()["services"]) and found[0]["note"] and found, "it is seen")
    assert (service["note"], service["failure"]) == (seen["note"], seen["failure"])


def test_nothing_is_asked_while_the_platform_takes_no_count(start: Start) -> None:
    asked: list[int] = []
    state = {"hold": "a deployment is under way"}

    def observe() -> dict[str, object]:
        return {"currentReplicas": asked[-1] if asked else 2, **state}

    agent = start(NEITHER, driver=CallbackDriver(asked.append, observe, capabilities={"scope": "host"}))
    until(lambda: agent.recommendation("backend"), "a first recommendation")
    agent.scale("backend", 3)
    held = until(lambda: (found := agent.status())["degraded"] and found, "it is said")
    assert held["degraded"] == ["backend: no count is set now: a deployment is under way"]
    assert held["services"][0]["hold"] == state["hold"]
    assert asked == []
    state.clear()
    until(lambda: asked, "the order is carried out")
    assert asked == [3]


def test_a_leader_can_be_told_from_those_before(lead: Start, racks: RacksServer) -> None:
    lead(UP)
    assert until(lambda: racks.orders, "a step up")[0]["leader"] > 0


def test_nothing_is_taken_away_while_a_release_is_rolled_out(lead: Start, racks: RacksServer) -> None:
    racks.set_truth(3)
    racks.release = "rolling"
    agent = lead(DOWN)
    held = until(lambda: (r := agent.recommendation("backend")) and "deployment" in r.reason and r, "it is held")
    assert held.recommended_replicas == 3
    assert racks.orders == []
    racks.release = "done"
    until(lambda: racks.orders and racks.truth() < 3, "goes down once it is out")


def test_the_platforms_words_stand_in_the_event_that_fails(lead: Start, racks: RacksServer) -> None:
    racks.problem = "no machine of this size is free"
    agent = lead(UP, {"startup": {"timeout": "1s", "rollback": False}})
    assert racks.problem in ended(agent, "failed").error


def test_how_long_the_platform_asks_to_wait_is_kept_to(lead: Start, racks: RacksServer) -> None:
    racks.refused_with = (429, {"Retry-After": "3600"})
    agent = lead(UP)
    event = ended(agent, "failed")
    assert "429" in event.error
    assert "attempts" not in event.error, "an hour is longer than an event may take"
    assert len(racks.orders) == 1


def test_a_whole_platform_is_not_scaled_without_a_place_to_meet(example: Any, racks: RacksServer, start: Start) -> None:
    agent = start(UP, policy={"platform": {"driver": "racks", "url": racks.url}})
    until(lambda: (r := agent.recommendation("backend")) and r.recommended_replicas > 2, "asks for more")
    [finding] = agent.status()["preflight"]["findings"]
    assert agent.recommendation("backend").because == "not_candidate"  # type: ignore[union-attr]
    for way_out in ("SELFSCALE_FLEET", "redis://", "SELFSCALE_FLEET=single", 'scope "host"'):
        assert way_out in finding["what"]
    assert racks.orders == []


def test_a_driver_that_says_nothing_of_its_reach_is_one_of_a_whole_platform(start: Start) -> None:
    asked: list[int] = []
    driver = CallbackDriver(asked.append, lambda: 1)
    silent = start(UP, driver=driver)
    until(lambda: (r := silent.recommendation("backend")) and r.recommended_replicas > 1, "asks for more")
    assert "SELFSCALE_FLEET=single" in str(silent.status()["preflight"]["wrong"])
    assert asked == []
    with pytest.raises(selfscale.Error, match="SELFSCALE_FLEET=single"):
        silent.enable("backend")


@pytest.mark.parametrize("said", [{"capabilities": {"scope": "host"}}, {"SELFSCALE_FLEET": "single"}])
def test_it_acts_once_somebody_says_how_one_writer_is_certain(start: Start, said: dict[str, Any]) -> None:
    asked: list[int] = []
    driver = CallbackDriver(asked.append, lambda: 1, capabilities=said.pop("capabilities", {}))
    start(UP, driver=driver, **said)
    until(lambda: asked, "acts")


def test_a_class_says_how_far_it_reaches_by_a_method(start: Start) -> None:
    platform = MemoryPlatform()
    start(UP, driver=platform)
    until(lambda: platform.asked, "acts")


def test_a_request_is_a_count_that_knows_more(start: Start) -> None:
    asked: list[ScaleRequest] = []
    start(
        UP,
        driver=CallbackDriver(
            asked.append,
            lambda: {"currentReplicas": 1, "version": "r7"},
            capabilities={"scope": "host", "conditionalWrite": True},
        ),
    )
    request = until(lambda: asked, "asks")[0]
    assert request == 2
    assert request.from_replicas == 1
    assert request.version == "r7"
    assert request.token > 0
    assert request.max_replicas == 5
    assert 0 < request.deadline <= 10


def test_what_somebody_sets_between_the_look_and_the_write_is_not_overwritten(start: Start) -> None:
    asked: list[ScaleRequest] = []
    counts = iter([1])
    driver = CallbackDriver(asked.append, lambda: next(counts, 3), capabilities={"scope": "host"})
    agent = start(UP, driver=driver)
    assert ended(agent, "superseded").to_replicas == 2
    assert ended(agent, "adopted").to_replicas == 3
    assert [int(request) for request in asked if request.from_replicas != 3] == []


def test_a_code_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no failure has the code 'thottled'; there are invalid_policy, .*throttled"):
        DriverError("slow down", "thottled")


def test_the_codes_are_those_of_the_library_in_cpp() -> None:
    header = (ROOT / "cpp" / "include" / "selfscale" / "error.hpp").read_text()
    listed = re.findall(r"^  (\w+),", header.partition("enum class Errc {")[2].partition("};")[0], re.MULTILINE)
    assert list(errors._CODES) == listed


def test_a_request_for_fewer_than_none_cannot_be_made() -> None:
    with pytest.raises(selfscale.Error, match="-1 replicas") as caught:
        ScaleRequest(-1)
    assert caught.value.code == "invalid_argument"


def test_fewer_than_the_minimum_are_never_asked_for(start: Start) -> None:
    asked: list[int] = []
    can = {"scope": "host", "minimum": 3}
    agent = start(DOWN, driver=CallbackDriver(asked.append, lambda: 3, capabilities=can))
    words = "the platform takes 3 at least, more than are wanted"
    until(lambda: any(words in each for each in agent.status()["degraded"]), "what is out of reach is said")
    assert asked == []
    assert agent.history("backend") == []


@pytest.mark.parametrize(
    ("error", "is_tried_again"),
    [
        (DriverError("no answer", "unreachable"), True),
        (selfscale.Error("busy", "throttled"), True),
        (selfscale.SourceError("somebody was faster", "conflict"), True),
        (selfscale.StoreError("full", "storage"), False),
        (TimeoutError("no answer"), False),
    ],
)
def test_the_librarys_errors_keep_their_codes(start: Start, error: Exception, is_tried_again: bool) -> None:
    platform = MemoryPlatform(replicas=1, fails=error)
    agent = start(UP, driver=platform)
    if is_tried_again:
        until(lambda: len(platform.asked) >= 2, "asks again")
        assert not [event for event in agent.history("backend") if event.outcome == "failed"]
    else:
        event = ended(agent, "failed")
        assert f"{type(error).__name__}: {error}" in event.error
        assert len(platform.asked) == 1


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({"currentReplicas": 1, "redyReplicas": 1}, "redyReplicas, which nobody reads; there are currentReplicas"),
        ({"readyReplicas": 1}, "neither desiredReplicas nor currentReplicas"),
        ({"currentReplicas": -1}, "-1 as currentReplicas; a whole number from 0 to 100000 is needed"),
        ({"currentReplicas": True}, "True as currentReplicas"),
        ({"currentReplicas": 1, "version": 7}, "7 as version; a text is needed"),
        ({"currentReplicas": 1, "updating": "no"}, "'no' as updating; True or False is needed"),
        ({"currentReplicas": 1, "pollAfter": 4000}, "4000 as pollAfter; a number of seconds from 0 to 3600"),
        ({"currentReplicas": 1, "replicas": [{"name": "a"}]}, "a replica with name, which nobody reads"),
        ({"currentReplicas": 1, "replicas": [{"instance": 7}]}, "a replica with 7 as instance"),
        ("three", "'three' as currentReplicas"),
    ],
)
def test_an_observation_that_cannot_be_read_is_said(start: Start, seen: Any, words: str) -> None:
    agent = start(NEITHER, driver=CallbackDriver(lambda count: None, lambda: seen, capabilities={"scope": "host"}))
    found = until(lambda: words in str(agent.status()) and agent.status(), words)
    assert found is not None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"scope": "hots"}, '"host" or "platform"'),
        ({"reach": "host"}, "no capabilities are called reach; there are choosesVictims"),
        ({"conditionalWrite": 1}, "True or False"),
        ({"minimum": -1}, "0 to 100000"),
        ("host", "a dict"),
    ],
)
def test_capabilities_that_cannot_be_read_are_refused_at_once(
    environment: dict[str, str], said: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Agent(driver=CallbackDriver(lambda count: None, capabilities=said), environment=environment)


def test_what_was_taken_over_is_given_back_when_the_process_may_act_no_more(start: Start) -> None:
    class Lent(MemoryPlatform):
        released = 0

        def release(self) -> None:
            self.released += 1

    platform = Lent(replicas=1)
    agent = start(UP, driver=platform)
    until(lambda: platform.replicas == 5, "acts")
    agent.disable("backend")
    until(lambda: platform.released, "gives back")


def test_the_platforms_bounds_are_held_against_the_policy(environment: dict[str, str]) -> None:
    seen = {"currentReplicas": 2, "minReplicas": 2, "maxReplicas": 4}
    driver = CallbackDriver(lambda count: None, lambda: seen, capabilities={"scope": "host"})
    found = str(Agent(POLICY, driver=driver, environment=environment).examine())
    assert "the platform takes 4" in found
    assert "the platform keeps 2" in found
