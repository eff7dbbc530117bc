"""What `selfscale init ecs` writes: a task, a service, their roles."""

from __future__ import annotations

import json
import re
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from init_files import ROOT, Run, Written, parsed, shown


def test_ecs_accepts_the_task_and_the_service(written: Written) -> None:
    folder = written("ecs") / "ecs"
    calls = botocore.session.get_session().get_service_model("ecs")
    for name, call in (("task-definition", "RegisterTaskDefinition"), ("service", "CreateService")):
        document = parsed(folder / f"{name}.yaml")
        report = ParamValidator().validate(document, calls.operation_model(call).input_shape)
        assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize(("name", "word"), [("policy", "UpdateService"), ("take-over", "RegisterScalableTarget")])
def test_the_task_role_has_exactly_the_rights_of_its_page(written: Written, name: str, word: str) -> None:
    page = json.loads(shown("ecs.md", "json", word))
    options = ("--cluster", "prod", "--region", "eu-west-1", "--account", "123456789012")
    written_policy = parsed(written("ecs", *options) / "ecs" / f"{name}.json")
    assert [without_id(each) for each in written_policy.pop("Statement")] == page.pop("Statement")
    assert written_policy == page


def operations_of_ecs() -> dict[str, str]:
    """The function of the driver's that makes a call, and the right that it needs."""
    source = (ROOT / "cpp" / "src" / "drivers" / "ecs" / "operations.cpp").read_text()
    names = {"ecs": "ecs", "scaling": "application-autoscaling"}
    made = re.findall(r"^Operation (\w+)\((?:(?!^}).)*?{Api::(\w+), \"(\w+)\"", source, re.MULTILINE | re.DOTALL)
    return {function: f"{names[api]}:{call}" for function, api, call in made}


def test_on_ecs_each_right_is_of_a_call_of_the_drivers_and_those_of_takeover_stand_apart(written: Written) -> None:
    """Its own code says which: what only take_over() and give_back() call is in a file of its own."""
    folder = written("ecs") / "ecs"
    granted = {name: actions(parsed(folder / f"{name}.json")) for name in ("policy", "take-over")}
    calls = operations_of_ecs()
    for_takeover = {calls[name] for name in ("suspend_scaling", "tag_taken_over", "untag_taken_over")}
    assert granted == {"policy": set(calls.values()) - for_takeover, "take-over": for_takeover}


def actions(policy: dict[str, Any]) -> set[str]:
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def test_ecs_itself_may_start_this_service_and_read_its_parameter_and_no_more(written: Written, init: Run) -> None:
    folder = written("ecs", "--service", "shop") / "ecs"
    task = parsed(folder / "task-definition.yaml")
    (container,) = task["containerDefinitions"]
    statements = {each["Action"][0]: each["Resource"] for each in parsed(folder / "execution.json")["Statement"]}
    assert [statements.pop("ssm:GetParameters")] == [each["valueFrom"] for each in container["secrets"]]
    group = container["logConfiguration"]["options"]["awslogs-group"]
    assert statements.pop("logs:CreateLogStream").endswith(f":log-group:{group}:*")
    assert statements.pop("ecr:BatchCheckLayerAvailability").endswith(":repository/*")
    assert statements == {"ecr:GetAuthorizationToken": "*"}, "AWS knows no narrower resource for it"


def test_ecs_reads_the_parameter_by_a_role_that_no_other_service_has(written: Written, init: Run) -> None:
    task = parsed(written("ecs", "--service", "shop") / "ecs" / "task-definition.yaml")
    roles = {task[name].rpartition("/")[2] for name in ("taskRoleArn", "executionRoleArn")}
    assert roles == {"selfscale-shop", "execution-shop"}
    longest = "w" * 54
    following = init("ecs", "--service", longest).stdout.partition("Next:\n")[2]
    assert {len(name) <= 64 for name in re.findall(r"--role-name (\S+)", following)} == {True}, "what IAM takes"


def test_what_gives_more_rights_on_ecs_is_a_line_that_does_nothing_by_itself(written: Written, init: Run) -> None:
    """Takeover and a person's shell: whoever wants them takes the `#` away."""
    folder = written("ecs", "--service", "shop") / "ecs"
    assert parsed(folder / "service.yaml")["enableExecuteCommand"] is False
    following = init("ecs", "--service", "shop").stdout.partition("Next:\n")[2]
    for part in ("take-over.json", "exec.json", "execute-command"):
        lines = [line.strip() for line in following.splitlines() if part in line]
        assert lines
        assert [line for line in lines if not line.startswith("#")] == [], part


def test_a_person_with_a_shell_in_a_task_on_ecs_finds_the_agent(written: Written) -> None:
    folder = written("ecs", "--service", "shop") / "ecs"
    (statement,) = parsed(folder / "exec.json")["Statement"]
    assert {action.partition(":")[0] for action in statement["Action"]} == {"ssmmessages"}
    (container,) = parsed(folder / "task-definition.yaml")["containerDefinitions"]
    told = {each["name"]: each["value"] for each in container["environment"]}
    assert told["SELFSCALE_RUN_DIR"], "root finds the agent of another user"


def without_id(statement: dict[str, Any]) -> dict[str, Any]:
    """A statement without the word that says what it is for."""
    assert re.fullmatch("[A-Za-z0-9]+", statement["Sid"])
    return {key: value for key, value in statement.items() if key != "Sid"}


def test_a_failed_deployment_on_ecs_goes_back(written: Written) -> None:
    service = parsed(written("ecs") / "ecs" / "service.yaml")
    deployment = service["deploymentConfiguration"]
    assert deployment["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (deployment["minimumHealthyPercent"], deployment["maximumPercent"]) == (100, 200)


def test_the_task_is_checked_as_the_guide_checks_it_and_has_time_to_end(written: Written) -> None:
    task = parsed(written("ecs") / "ecs" / "task-definition.yaml")
    (container,) = task["containerDefinitions"]
    checked = {key: container["healthCheck"][key] for key in ("interval", "timeout", "retries")}
    assert checked == {"interval": 30, "timeout": 5, "retries": 3}
    assert container["stopTimeout"] >= 30
