"""The agent from Python: it recommends, acts through callables once enabled, and goes quietly."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import selfscale
from selfscale import Agent, CallbackDriver
from selfscale.testing import MemoryPlatform, check_driver, recorded

POLICY = {
    "service": "backend",
    "minReplicas": 1,
    "maxReplicas": 5,
    "evaluationInterval": "50ms",
    "metrics": [{"name": "depth", "window": "200ms", "aggregation": "last"}],
    "rules": [{"name": "depth", "type": "threshold", "metric": "depth", "scaleUp": 10, "scaleDown": 2}],
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
}


OF_HOST = {"scope": "host"}


def until(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    pytest.fail(f"never came true: {what}")


Make = Callable[..., Agent]


@pytest.fixture
def make(environment: dict[str, str], agents: list[Agent]) -> Make:
    """Make agents that are stopped in the end."""

    def make_agent(**options: Any) -> Agent:
        more = options.pop("environment", {})
        agents.append(Agent(POLICY, service="backend", environment={**environment, **more}, **options))
        return agents[-1]

    return make_agent


def threads() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def test_making_an_agent_starts_nothing(make: Make) -> None:
    before = threads()
    agent = make()
    agent.counter("orders").inc()
    assert threads() <= before
    assert not agent.is_running


def test_an_agent_without_driver_recommends(make: Make) -> None:
    agent = make()
    agent.gauge("depth").set(50)
    with agent:
        found = until(lambda: agent.recommendation("backend"), "a first recommendation")
        assert found.service == "backend"
        until(lambda: agent.recommendation("backend").recommended_replicas > 1, "asks for more")
        found = agent.recommendation("backend")
        assert found.may_act is False
        assert found.because == "not_enabled"
        assert found.decision_id
        assert found.age >= 0
        assert "depth" in found.reason
        with pytest.raises(AttributeError):
            found.reason = "mine"
    assert not agent.is_running


def test_an_agent_apart_that_hears_of_no_replica_recommends_nothing(make: Make) -> None:
    with make(environment={"SELFSCALE_APART": "true"}) as agent:
        [service] = until(lambda: agent.status()["services"], "a first evaluation")
        assert service["currentReplicas"] is None
        assert service["recommendedReplicas"] is None
        assert "how many replicas there are is not known" in service["error"]
        assert agent.recommendation("backend") is None


def test_an_enabled_agent_scales_up_and_down_through_python(make: Make) -> None:
    platform = MemoryPlatform(replicas=1)
    agent = make(driver=platform, enable=True)
    depth = agent.gauge("depth")
    depth.set(50)
    with agent:
        until(lambda: platform.replicas >= 3, "scaled up")
        depth.set(0)
        until(lambda: platform.replicas == 1, "scaled down")
        events = until(lambda: [e for e in agent.history("backend") if e.has_ended], "an event that ended")
        assert {event.trigger for event in events} == {"policy"}
        assert max(platform.asked) <= 5


def shared_files() -> set[Path]:
    """Those that this process maps, and that are there."""
    maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines() if ".segment" in line]
    return {Path(fields[5]) for fields in maps if fields[-1] != "(deleted)"}


def exposed(agent: Agent, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", agent.exposition()[1].decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_counts_go_on_when_the_shared_file_is_removed(make: Make) -> None:
    before = shared_files()
    agent = make()
    orders = agent.counter("orders")
    orders.inc(110)
    with agent:
        until(lambda: exposed(agent, "orders_total") == 110, "the count is exposed")
        (file,) = shared_files() - before
        file.unlink()
        orders.inc(5)
        until(lambda: exposed(agent, "selfscale_segments_replaced_total") == 1, "the file is made anew, and counted")
        assert file.exists()
        orders.inc(1)
        assert exposed(agent, "orders_total") == 116


def test_a_directory_that_is_mended_is_taken_up(make: Make, environment: dict[str, str]) -> None:
    folder = Path(environment["SELFSCALE_RUN_DIR"])
    folder.write_text("not a directory")
    alone = "measures this process alone"
    with make() as agent:
        until(lambda: alone in str(agent.status()), "it says so")
        folder.unlink()
        until(lambda: alone not in str(agent.status()), "it is over")


def test_an_agent_that_is_not_enabled_never_acts(make: Make) -> None:
    platform = MemoryPlatform(replicas=1)
    agent = make(driver=platform)
    agent.gauge("depth").set(50)
    with agent:
        until(lambda: (r := agent.recommendation("backend")) and r.recommended_replicas > 1, "asks for more")
        assert platform.asked == []
        agent.enable("backend")
        agent.enable()
        until(lambda: platform.asked, "acts once enabled")


def test_a_dry_run_writes_nothing(make: Make) -> None:
    platform = MemoryPlatform(replicas=1)
    agent = make(driver=platform, enable=True, environment={"AUTOSCALING_DRY_RUN": "true"})
    agent.gauge("depth").set(50)
    with agent:
        until(lambda: (r := agent.recommendation("backend")) and r.recommended_replicas > 1, "asks for more")
        assert agent.recommendation("backend").may_act is False  # type: ignore[union-attr]
    assert platform.asked == []


def test_a_scale_that_raises_is_a_failed_event(make: Make) -> None:
    platform = MemoryPlatform(replicas=1, fails=RuntimeError("quota exceeded"))
    agent = make(driver=platform, enable=True)
    agent.gauge("depth").set(50)
    with agent:
        events = until(lambda: [e for e in agent.history("backend") if e.outcome == "failed"], "a failed event")
        assert "quota exceeded" in events[0].error
        assert agent.is_running


def test_a_driver_error_that_may_pass_is_tried_again(make: Make) -> None:
    platform = MemoryPlatform(replicas=1, fails=selfscale.DriverError("no answer", "timed_out"))
    agent = make(driver=platform, enable=True)
    agent.gauge("depth").set(50)
    with agent:
        until(lambda: platform.asked, "asks")
        platform.fails = None
        until(lambda: [e for e in agent.history("backend") if e.outcome == "succeeded"], "success")
        # Another may have followed, and taken its place while it was not over.
        first = min(agent.history("backend"), key=lambda event: event.started_at)
        assert first.to_replicas == platform.asked[0] == platform.asked[1]
        assert not [e for e in agent.history("backend") if e.outcome == "failed"]


def test_a_driver_error_names_the_missing_permission(make: Make) -> None:
    refusal = selfscale.DriverError("403", "denied", permission="apps/scale update")
    agent = make(driver=MemoryPlatform(replicas=1, fails=refusal), enable=True)
    agent.gauge("depth").set(50)
    with agent:
        events = until(lambda: [e for e in agent.history("backend") if e.outcome == "failed"], "a failed event")
        assert "missing permission: apps/scale update" in events[0].error


def test_what_preflight_finds_wrong_ends_the_candidacy(make: Make) -> None:
    platform = MemoryPlatform(replicas=1)
    agent = make(driver=CallbackDriver(platform.scale, platform.observe, lambda: ["no token"], OF_HOST), enable=True)
    agent.gauge("depth").set(50)
    with agent:
        until(lambda: (r := agent.recommendation("backend")) and r.recommended_replicas > 1, "asks for more")
        assert agent.recommendation("backend").because == "not_candidate"
        found = agent.status()["preflight"]
        assert (found["wrong"], found["warnings"]) == (["no token"], [])
    assert platform.asked == []


def test_what_preflight_warns_of_is_said_and_forbids_nothing(make: Make) -> None:
    platform = MemoryPlatform(replicas=1)
    found = {"warnings": ["each replica pulls 2 GB"]}
    agent = make(driver=CallbackDriver(platform.scale, platform.observe, lambda: found, OF_HOST), enable=True)
    agent.gauge("depth").set(50)
    with agent:
        until(lambda: platform.asked, "acts")
        said = agent.status()["preflight"]
        assert (said["wrong"], said["warnings"]) == ([], found["warnings"])


def test_a_finding_may_say_why_it_matters_and_what_mends_it(make: Make) -> None:
    platform = MemoryPlatform(replicas=1)
    finding = {"what": "no token", "why": "nothing can be scaled", "paste": "TOKEN=…"}
    agent = make(driver=CallbackDriver(platform.scale, platform.observe, lambda: [finding], OF_HOST), enable=True)
    with agent:
        found = until(lambda: agent.status()["preflight"]["findings"] and agent.status()["preflight"], "looks")
        assert found["wrong"] == ["no token"], "a sentence, for who wants no more"
        assert found["findings"] == [{"kind": "wrong", **finding}]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"worng": ["no token"]}, 'a dict with the key "worng"; it may have wrong and warnings'),
        ("no token", "preflight() returned 'no token'; a list of findings, empty where nothing is wrong, is needed"),
        (7, "preflight() returned 7; a list of findings"),
        (None, "preflight() returned None; a list of findings"),
        ({"wrong": "no token"}, "preflight() returned 'no token'; a list of findings"),
        ([7], "preflight() returned 7; for each finding a sentence, or a dict of texts with what, why and paste, is"),
        ([{"what": 7}], "preflight() returned {'what': 7}; for each finding a sentence"),
    ],
)
def test_a_preflight_that_cannot_be_read_is_wrong(make: Make, found: Any, words: str) -> None:
    platform = MemoryPlatform(replicas=1)
    agent = make(driver=CallbackDriver(platform.scale, platform.observe, lambda: found, OF_HOST), enable=True)
    with agent:
        [wrong] = until(lambda: agent.status()["preflight"]["wrong"], "an answer")
        assert words in wrong
    assert platform.asked == []


def test_callables_run_on_one_python_thread(make: Make) -> None:
    seen: set[str] = set()

    def scale(replicas: int) -> None:
        seen.add(threading.current_thread().name)

    def observe() -> int:
        seen.add(threading.current_thread().name)
        return 1

    agent = make(driver=CallbackDriver(scale, observe, None, OF_HOST), enable=True)
    agent.gauge("depth").set(50)
    with agent:
        until(lambda: seen, "a call")
    assert seen == {"selfscale-calls"}


def test_an_agent_without_callables_has_no_python_thread(make: Make) -> None:
    with make():
        assert "selfscale-calls" not in {thread.name for thread in threading.enumerate()}


def test_subscribers_hear_of_decisions_and_events(make: Make) -> None:
    heard: list[dict[str, Any]] = []
    agent = make(driver=MemoryPlatform(replicas=1), enable=True)
    agent.subscribe(heard.append)
    agent.subscribe(lambda _: 1 / 0)
    agent.gauge("depth").set(50)
    with agent:
        until(lambda: any("outcome" in one for one in heard), "an event")
        assert any("outcome" not in one for one in heard), "and a decision"


def test_a_manual_order_is_carried_out(make: Make) -> None:
    platform = MemoryPlatform(replicas=1)
    agent = make(driver=platform, enable=True)
    agent.gauge("depth").set(5)
    with agent:
        until(lambda: agent.recommendation("backend"), "a first recommendation")
        event = agent.scale("backend", 3).wait(timeout=20)
        assert event.trigger == "manual"
        assert event.outcome == "succeeded"
        assert platform.replicas == 3


def test_a_hanging_callable_does_not_hold_up_stop(make: Make) -> None:
    entered, release = threading.Event(), threading.Event()

    def hang(replicas: int) -> None:
        entered.set()
        release.wait(30)

    agent = make(driver=CallbackDriver(hang, capabilities=OF_HOST), enable=True)
    agent.gauge("depth").set(50)
    agent.start()
    assert entered.wait(20)
    agent.stop()
    assert not agent.is_running
    assert not release.is_set(), "it did not wait for the callable"
    release.set()
    until(lambda: "selfscale-calls" not in {thread.name for thread in threading.enumerate()}, "its thread has ended")


def test_starting_and_stopping_twice_is_harmless(make: Make) -> None:
    agent = make()
    before = threads()
    for _ in range(2):
        agent.start()
        agent.start()
        agent.stop()
        agent.stop()
    until(lambda: threads() <= before, "its threads have ended")


def test_garbage_collection_stops_an_agent(make: Make, environment: dict[str, str]) -> None:
    before = threads()
    agent = Agent(POLICY, service="backend", environment=environment)
    agent.start()
    assert threads() > before
    del agent
    gc.collect()
    until(lambda: threads() <= before, "its threads have ended")


def test_a_wrong_policy_is_refused_at_start(environment: dict[str, str]) -> None:
    agent = Agent({"policies": 7}, environment=environment)
    with pytest.raises(selfscale.PolicyError):
        agent.start()
    assert not agent.is_running


def test_what_load_policies_returned_can_be_run(environment: dict[str, str]) -> None:
    policies = selfscale.load_policies({"guardrails": {"maxTotalReplicas": 20}, "policies": [POLICY]})
    with Agent(policies, service="backend", environment=environment) as agent:
        assert agent.is_running


def test_options_cannot_change_while_it_runs(make: Make) -> None:
    agent = make()
    with agent, pytest.raises(selfscale.Error) as caught:
        agent.configure(POLICY)
    assert caught.value.code == "invalid_argument"


def test_status_says_who_says_no(make: Make) -> None:
    with make() as agent:
        until(lambda: agent.recommendation("backend"), "a first recommendation")
        assert isinstance(agent.status(), dict)
        assert agent.health()["status"] == "ok"


def test_status_counts_the_open_files_and_threads_of_an_instance(make: Make) -> None:
    with make() as agent:
        [instance] = until(lambda: agent.status()["instances"], "an instance")
        assert instance["pids"] == [os.getpid()]
        until(lambda: agent.status()["instances"][0]["threads"] == threads(), "as many")
        host = until(lambda: agent.status()["host"]["cpuUsage"] is not None and agent.status()["host"], "two looks")
        assert 0 <= host["cpuUsage"] <= 100
        with Path(os.devnull).open(), Path(os.devnull).open():
            more = agent.status()["instances"][0]["openFiles"]
        assert more == agent.status()["instances"][0]["openFiles"] + 2


def test_a_forked_child_starts_anew_and_the_parent_goes_on(make: Make) -> None:
    agent = make()
    orders = agent.counter("orders")
    agent.start()
    orders.inc()
    until(lambda: agent.recommendation("backend"), "its threads have begun")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            orders.inc()
            assert not agent.is_running
            agent.ensure_started()
            code = 0 if agent.is_running and recorded(agent)["orders"] == 1 else 2
            agent.stop()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert agent.is_running
    assert recorded(agent)["orders"] == 1


EXITS = {
    "running": "agent.start()",
    "with a callback": "agent.subscribe(print); agent.start()",
    "stopped": "agent.start(); agent.stop()",
    "in a child": (
        "agent.start()\nwhile not agent.recommendation('backend'): time.sleep(0.01)\n"
        "pid = os.fork(); pid and os.waitpid(pid, 0); pid or agent.ensure_started()"
    ),
    "while a callback hangs": (
        "e = threading.Event(); agent.subscribe(lambda _: (e.set(), time.sleep(60))); agent.start();"
        " agent.gauge('depth').set(50); e.wait(20)"
    ),
}


@pytest.mark.parametrize("way", EXITS.values(), ids=EXITS.keys())
def test_the_interpreter_exits_cleanly(environment: dict[str, str], way: str) -> None:
    code = f"import os, threading, time, selfscale\nagent = selfscale.Agent({POLICY!r}, service='backend')\n{way}\n"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Error" not in ended.stderr


def test_the_default_agent_records_before_it_is_started(environment: dict[str, str], tmp_path: Path) -> None:
    code = f"""
import selfscale
from selfscale.testing import recorded
orders = selfscale.counter("orders"); orders.inc(2)
selfscale.gauge("depth").set(50)
agent = selfscale.start({POLICY!r}, service="backend")
orders.inc()
assert agent is selfscale.default_agent() and agent.is_running
assert selfscale.start() is agent
assert recorded(agent)["orders"] == 3, recorded(agent)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_check_driver_accepts_one_that_keeps_its_promises() -> None:
    check_driver(MemoryPlatform())


def test_check_driver_says_which_promise_was_broken() -> None:
    class Deaf(MemoryPlatform):
        def scale(self, replicas: int, /) -> None:
            pass

    with pytest.raises(AssertionError, match=r"scale\(2\)"):
        check_driver(Deaf(replicas=7), seconds=0.1)


def test_check_driver_looks_behind_the_drivers_back() -> None:
    platform = MemoryPlatform()

    def told() -> int:
        return platform.replicas

    def set_told(replicas: int) -> None:
        platform.replicas = replicas

    check_driver(platform, truth=told, set_truth=set_told)

    with pytest.raises(AssertionError, match="had the platform make 7"):
        check_driver(platform, truth=lambda: 7)
    with pytest.raises(AssertionError, match="somebody else asked for 3"):
        check_driver(platform, set_truth=lambda replicas: None)


def test_check_driver_waits_for_what_was_asked_for_to_come_about() -> None:
    class Stuck(MemoryPlatform):
        def observe(self) -> dict[str, int | None]:
            return {"desiredReplicas": self.replicas, "currentReplicas": self.replicas, "readyReplicas": 0}

    with pytest.raises(AssertionError, match="'readyReplicas': 0"):
        check_driver(Stuck(), seconds=0.0)


@pytest.mark.parametrize(
    ("found", "words"), [(["no token"], "no token"), ({"wrong": ["no token"]}, "no token"), ({"worng": []}, "worng")]
)
def test_check_driver_reads_what_preflight_found(found: Any, words: str) -> None:
    class Platform(MemoryPlatform):
        def preflight(self) -> Any:
            return found

    with pytest.raises(AssertionError, match=words):
        check_driver(Platform())


def test_a_driver_that_warns_is_fine() -> None:
    class Platform(MemoryPlatform):
        def preflight(self) -> Any:
            return {"warnings": ["each replica pulls 2 GB"]}

    check_driver(Platform())


def test_a_driver_is_what_has_its_methods(environment: dict[str, str]) -> None:
    with pytest.raises(TypeError, match="scale"):
        Agent(driver=object(), environment=environment)  # type: ignore[arg-type]
