"""Policy documents from Python: files, text, dicts; every mistake at once."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import selfscale

DOCUMENT = {
    "timezone": "Africa/Lagos",
    "policies": [
        {"service": "backend", "maxReplicas": 5, "rules": [{"metric": "cpu_usage", "type": "target", "target": 60}]}
    ],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policies.json"
    path.write_text("// comments are allowed\n" + json.dumps(DOCUMENT))
    return path


def test_path_text_and_dict_are_the_same(file: Path) -> None:
    [policy] = selfscale.load_policies(DOCUMENT)
    assert selfscale.load_policies(file) == selfscale.load_policies(str(file)) == [policy]
    assert selfscale.load_policies(json.dumps(DOCUMENT)) == [policy]


def test_defaults_are_filled_in_and_document_keys_come_along() -> None:
    [policy] = selfscale.load_policies(DOCUMENT)
    assert policy["minReplicas"] == 1
    assert policy["enabled"] is False
    assert policy["timezone"] == "Africa/Lagos"


def test_the_normal_form_is_read_again_as_it_is() -> None:
    [policy] = selfscale.load_policies(DOCUMENT)
    assert selfscale.load_policies(policy) == [policy]


def test_every_mistake_is_listed_at_once() -> None:
    wrong = {
        "timezone": "Africa/Lagoss",
        "guardrails": {"maxTotalReplica": 20},
        "policies": [
            {
                "service": "backend",
                "enabled": "yes",
                "minReplicas": 9,
                "maxReplicas": 5,
                "evaluationIntervall": "15s",
                "cooldownPeriod": "5 minutes",
                "metrics": [{"name": "depth", "aggregation": "mean", "window": "30s"}],
                "rules": [
                    {"type": "treshold", "metric": "cpu_usage", "scaleUp": 70},
                    {"type": "target", "metric": "depth", "target": -60},
                ],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 3601}},
            }
        ],
    }
    right = {
        ("/timezone", '"Africa/Lagoss"'): '"Africa/Lagos"',
        ("/guardrails/maxTotalReplica", "20"): '"maxTotalReplicas"',
        ("/policies/0/enabled", '"yes"'): "true or false",
        ("/policies/0/minReplicas", "9"): "maxReplicas is 5",
        ("/policies/0/evaluationIntervall", '"15s"'): '"evaluationInterval"',
        ("/policies/0/cooldownPeriod", '"5 minutes"'): '"2m"',
        ("/policies/0/metrics/0/aggregation", '"mean"'): "avg, max, min",
        ("/policies/0/rules/0/type", '"treshold"'): '"threshold"',
        ("/policies/0/rules/1/target", "-60"): "above 0",
        ("/policies/0/behavior/scaleDown/stabilizationWindowSeconds", "3601"): "between 0 and 3600",
    }
    with pytest.raises(selfscale.PolicyError) as caught:
        selfscale.load_policies(wrong)
    problems = caught.value.problems
    assert len(problems) == len(right) == 10
    assert {(problem.pointer, problem.value) for problem in problems} == set(right)
    for problem in problems:
        assert right[problem.pointer, problem.value] in problem.message, "what would be right"
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, selfscale.Error)
    assert caught.value.code == "invalid_policy"
    assert pickle.loads(pickle.dumps(caught.value)).problems == problems


def test_a_file_that_is_not_there_says_which(tmp_path: Path) -> None:
    with pytest.raises(selfscale.Error, match=r"no\.json") as caught:
        selfscale.load_policies(tmp_path / "no.json")
    assert caught.value.code == "not_found"


def test_a_file_that_is_no_text_says_so(tmp_path: Path) -> None:
    path = tmp_path / "binary.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(selfscale.Error, match="UTF-8"):
        selfscale.load_policies(path)


def test_hints_say_how_a_bare_number_was_read() -> None:
    bare = {"service": "backend", "maxReplicas": 5, "cooldownPeriod": 300, "rules": DOCUMENT["policies"][0]["rules"]}  # type: ignore[index]
    assert any("300" in hint.value + hint.message for hint in selfscale.hints(bare))


def test_the_driver_error_knows_whether_to_retry() -> None:
    assert selfscale.DriverError("slow", "throttled").retryable
    refused = selfscale.DriverError("no", "denied", "deployments/scale: patch")
    assert not refused.retryable
    assert pickle.loads(pickle.dumps(refused)).permission == "deployments/scale: patch"
