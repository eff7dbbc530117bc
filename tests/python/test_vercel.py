"""A ``vercel.json`` is held against Vercel's limits, and nothing on Vercel is ever scaled."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from selfscale import Agent, hints
from selfscale.drivers import registered_driver
from selfscale.drivers.vercel import Vercel, make
from selfscale.errors import DriverError, Error, Problem
from selfscale.testing import check_driver
from selfscale.vercel import CANNOT_SCALE, check

GUIDE = Path(__file__).parents[1] / "fixtures" / "guides" / "flowdocs" / "vercel.json"


def function(**settings: Any) -> dict[str, Any]:
    """Return a document with one function."""
    return {"functions": {"api/*.py": settings}}


def daemon(**settings: Any) -> dict[str, Any]:
    """Return a document with one daemon."""
    return {"daemons": {"mail": {"root": "w/", "entrypoint": "Dockerfile", "instances": {"iad1": 2}, **settings}}}


# "Function memory limits (512MB for API routes, 1GB for app routes)", "Maximum execution duration (30s for API, 60s for
# app)", "Regional deployment (iad1 - US East)": the guide shows no file, so the fixture is what its words say.
def test_what_the_guide_sets_is_read_and_is_within_the_limits() -> None:
    found = check(GUIDE)
    assert found.problems == []
    assert found.hints == []
    by_route = {pattern.split("/")[0]: settings for pattern, settings in found.functions.items()}
    assert by_route == {"api": {"memory": 512, "maxDuration": 30}, "app": {"memory": 1024, "maxDuration": 60}}
    assert found.regions == ["iad1"]


# "Vercel automatically scales based on incoming requests with no manual configuration needed."
def test_what_cannot_be_scaled_is_said_with_its_reason() -> None:
    found = check(GUIDE)
    assert found.cannot_scale == [CANNOT_SCALE[key] for key in ("functions", "warm", "agent")]
    assert CANNOT_SCALE["daemons"] in check(daemon()).cannot_scale


@pytest.mark.parametrize(
    ("document", "pointer", "words"),
    [
        (function(memory=127), "/functions/api~1*.py/memory", "128 to 10240"),
        (function(memory=10241), "/functions/api~1*.py/memory", "128 to 10240"),
        (function(memory="512"), "/functions/api~1*.py/memory", "128 to 10240"),
        (function(memory=True), "/functions/api~1*.py/memory", "128 to 10240"),
        (function(maxDuration=0), "/functions/api~1*.py/maxDuration", "1 to 3600"),
        (function(maxDuration=3601), "/functions/api~1*.py/maxDuration", "1 to 3600"),
        (function(maxDuration=1.5), "/functions/api~1*.py/maxDuration", "whole seconds"),
        (function(maxDuration="most"), "/functions/api~1*.py/maxDuration", '"max"'),
        (function(maxConcurrency=8193), "/functions/api~1*.py/maxConcurrency", "1 to 8192"),
        (function(architecture="riscv"), "/functions/api~1*.py/architecture", "x86_64"),
        (function(regions="iad1"), "/functions/api~1*.py/regions", "array"),
        (function(minInstances=1), "/functions/api~1*.py", "minInstances"),
        (function(affinity={"mode": "loose"}), "/functions/api~1*.py/affinity/mode", "strict"),
        (function(affinity={"mode": "strict"}, regions=["iad1", "fra1"]), "/functions/api~1*.py/regions", "one region"),
        ({"functions": {str(i): {"memory": 512} for i in range(51)}}, "/functions", "too many"),
        ({"functions": {}}, "/functions", "non-empty"),
        ({**function(memory=512), "builds": []}, "/builds", "beside functions"),
        ({"regions": ["iad1", 3]}, "/regions/1", "string"),
        ({"fluid": "yes"}, "/fluid", "boolean"),
        ({"crons": [{"path": "/api", "schedule": "* * * *"}]}, "/crons/0/schedule", "9 to 256"),
        ({"crons": [{"path": "api", "schedule": "0 5 * * *"}]}, "/crons/0/path", "does not match"),
        (daemon(instances={"iad1": 101}), "/daemons/mail/instances/iad1", "100 at most"),
        (daemon(instances={"iad1": -1}), "/daemons/mail/instances/iad1", "minimum"),
        (daemon(resources={"requests": {"memory": "3Gi"}}), "/daemons/mail/resources/requests/memory", "8Gi"),
        ({"daemons": {"mail": {"root": "w/", "instances": {}}}}, "/daemons/mail", "entrypoint"),
    ],
)
def test_what_is_out_of_the_limits_is_named(document: dict[str, Any], pointer: str, words: str) -> None:
    problems = check(document).problems
    assert [problem.pointer for problem in problems] == [pointer]
    assert words in problems[0].message


def test_every_mistake_is_named_at_once() -> None:
    problems = check({**function(memory=1, maxDuration=0), "regions": "iad1"}).problems
    assert len(problems) == 3
    assert Problem("/functions/api~1*.py/memory", "1", "must be MB from 128 to 10240") in problems


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"unknown": 1},
        function(memory=128, maxDuration=1, maxConcurrency=1),
        function(memory=10240, maxDuration=3600, maxConcurrency=8192),
        function(maxDuration="max", regions=["iad1"], affinity={"mode": "strict"}),
        daemon(instances={"iad1": 0, "fra1": 100}, resources={"requests": {"memory": "8Gi"}}),
    ],
)
def test_what_is_within_the_limits_is_accepted(document: dict[str, Any]) -> None:
    assert check(document).problems == []


def test_what_is_odd_is_a_hint() -> None:
    old = daemon(replicas={"iad1": 3})
    assert [hint.pointer for hint in check(old).hints] == ["/daemons/mail/replicas"]
    assert check(old).daemons == {"mail": {"iad1": 2}}
    del old["daemons"]["mail"]["instances"]
    assert check(old).daemons == {"mail": {"iad1": 3}}
    assert "deprecated" in check(old).hints[0].message
    assert "bears on load" in check(function(runtime="python3.12")).hints[0].message


@pytest.mark.parametrize(("text", "code"), [("{", "malformed"), ("[]", "malformed"), (None, "not_found")])
def test_a_file_that_cannot_be_read_is_an_error(text: str | None, code: str, tmp_path: Path) -> None:
    path = tmp_path / "vercel.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(Error) as raised:
        check(path)
    assert raised.value.code == code


# ---- the driver


def test_there_is_nothing_to_count_and_nothing_to_set() -> None:
    for act in (Vercel().observe, lambda: Vercel().scale(3)):
        with pytest.raises(DriverError, match="no count of instances") as raised:
            act()
        assert raised.value.code == "unsupported"


def test_it_promises_nothing_for_there_is_nothing_to_count_or_to_set() -> None:
    with pytest.raises(AssertionError) as caught:
        check_driver(Vercel())
    report = str(caught.value)
    assert " 0 kept" in report
    broken = re.findall(r"^  broken   \w+: (.*)$", report, re.MULTILINE)
    assert broken
    is_why = [CANNOT_SCALE["functions"] in words or words.startswith("by the same as ") for words in broken]
    assert all(is_why), broken


def test_the_preflight_says_why_and_what_is_wrong_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert said(Vercel().preflight()["wrong"]) == [CANNOT_SCALE["functions"], CANNOT_SCALE["agent"]]
    Path("vercel.json").write_text(json.dumps(function(memory=64)))
    wrong = said(Vercel().preflight()["wrong"])
    assert wrong[-1] == "vercel.json/functions/api~1*.py/memory = 64: must be MB from 128 to 10240"
    assert CANNOT_SCALE["functions"] in wrong
    assert str(tmp_path / "none.json") in said(Vercel(str(tmp_path / "none.json")).preflight()["wrong"])[-1]
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    assert "selfscale[cli]" in Vercel().preflight()["warnings"][0]["paste"]


def said(findings: list[Any]) -> list[str]:
    """What was found; each with why it matters, and a line to paste."""
    assert all(each["why"] and each["paste"] for each in findings)
    return [each["what"] for each in findings]


@pytest.mark.parametrize("document", [function(), function(memory=64), daemon(replicas={"iad1": 3}), "{"])
def test_each_finding_says_why_it_matters_and_what_to_paste(document: Any, tmp_path: Path) -> None:
    path = tmp_path / "vercel.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    found = Vercel(str(path)).preflight()
    assert said([*found["wrong"], *found["warnings"]])


@pytest.mark.parametrize("platform", [{"file": 3}, {"file": ""}, {"project": "p"}])
def test_a_key_that_it_does_not_know_is_refused(platform: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"platform\."):
        make("web", platform)


POLICY = {
    "service": "web",
    "enabled": True,
    "minReplicas": 2,
    "maxReplicas": 5,
    "evaluationInterval": "50ms",
    "platform": {"driver": "vercel", "x-note": 1},
    "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 100, "scaleDown": 0}],
}


def test_a_policy_of_vercel_is_said_to_recommend_only() -> None:
    assert any("only recommends" in hint.message for hint in hints(POLICY))
    named = registered_driver(None, POLICY, None, {})
    assert named is not None
    name, make_it = named
    assert name == "vercel"
    assert isinstance(make_it(), Vercel)


def test_an_agent_that_is_told_to_act_recommends_and_says_why_it_does_not(environment: dict[str, str]) -> None:
    with Agent(POLICY, environment=environment, enable=True) as agent:
        deadline = time.monotonic() + 60
        while agent.recommendation() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert agent.recommendation() is not None
        assert CANNOT_SCALE["functions"] in json.dumps(agent.status())
        assert agent.history() == []
