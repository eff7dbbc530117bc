"""The driver `ecs` against moto's server: the wire of Amazon ECS, Application Auto Scaling and the token service."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import free_port
from selfscale import Agent
from waiting import until

boto3 = pytest.importorskip("boto3", reason="the extra test is not installed (moto[server] brings boto3)")
pytest.importorskip("moto", reason="the extra test is not installed")

pytestmark = pytest.mark.integration

REGION = "eu-west-1"
RESOURCE = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/prod/web",
    "ScalableDimension": "ecs:service:DesiredCount",
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A moto server of its own, on loopback."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(answers, lambda: f"moto ended with {process.poll()}", seconds=150)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


class Aws:
    """The truth behind the driver's back."""

    def __init__(self, url: str) -> None:
        keys = {"aws_access_key_id": "AKIDTEST", "aws_secret_access_key": "test"}
        self.url = url
        self.ecs = boto3.client("ecs", REGION, endpoint_url=url, **keys)
        self.scaling = boto3.client("application-autoscaling", REGION, endpoint_url=url, **keys)
        self.ecs.create_cluster(clusterName="prod")
        self.ecs.register_task_definition(
            family="web", containerDefinitions=[{"name": "web", "image": "web", "memory": 64}]
        )
        self.ecs.create_service(cluster="prod", serviceName="web", taskDefinition="web", desiredCount=2)

    def service(self) -> dict[str, Any]:
        """As boto3 reads it."""
        found: dict[str, Any] = self.ecs.describe_services(cluster="prod", services=["web"])["services"][0]
        return found

    def desired(self) -> int:
        """The count that was asked for last."""
        return int(self.service()["desiredCount"])

    def add_autoscaler(self) -> None:
        """One of Application Auto Scaling's, with a policy."""
        self.scaling.register_scalable_target(**RESOURCE, MinCapacity=1, MaxCapacity=10)
        self.scaling.put_scaling_policy(
            **RESOURCE,
            PolicyName="cpu",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 60.0,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
            },
        )

    def tags(self) -> list[dict[str, str]]:
        """The service's."""
        found: list[dict[str, str]] = self.ecs.list_tags_for_resource(resourceArn=self.service()["serviceArn"])["tags"]
        return found

    def suspended(self) -> set[bool]:
        """Whether the autoscaler's doings are suspended."""
        return set(self.suspension())

    def suspension(self) -> tuple[bool, ...]:
        """Of scaling in, of scaling out, of scheduled actions."""
        found = self.scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[RESOURCE["ResourceId"]])
        state = found["ScalableTargets"][0].get("SuspendedState", {})
        kinds = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
        return tuple(bool(state.get(kind, False)) for kind in kinds)


@pytest.fixture
def aws(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Aws:
    """A cluster with one service of two tasks, and keys in this process' environment."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIDTEST",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(urllib.request.Request(f"{server}/moto-api/reset", method="POST"), timeout=60).close()
    return Aws(server)


Start = Callable[..., Agent]
MakePolicy = Callable[..., dict[str, Any]]


@pytest.fixture
def policy(aws: Aws) -> MakePolicy:
    """A policy of the service, with these keys of its platform."""

    def make(**platform: Any) -> dict[str, Any]:
        return {
            "service": "web",
            "minReplicas": 1,
            "maxReplicas": 5,
            "evaluationInterval": "250ms",
            "platform": {"driver": "ecs", "cluster": "prod", "region": REGION, "endpoint": aws.url, **platform},
            "metrics": [{"name": "depth", "window": "2s", "aggregation": "last"}],
            "rules": [{"name": "depth", "type": "threshold", "metric": "depth", "scaleUp": 10, "scaleDown": 2}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        }

    return make


def directories(root: Path) -> dict[str, str]:
    """Where an agent keeps what is its own."""
    return {"SELFSCALE_RUN_DIR": str(root / "run"), "SELFSCALE_STATE_DIR": str(root / "state")}


@pytest.fixture
def start(policy: MakePolicy, tmp_path: Path) -> Iterator[Start]:
    """Start agents that are enabled and alone; they are stopped in the end."""
    agents: list[Agent] = []

    def make(environment: dict[str, str] | None = None, **platform: Any) -> Agent:
        agent = Agent(
            policy(**platform),
            service="web",
            enable=True,
            environment={"SELFSCALE_FLEET": "single", **directories(tmp_path), **(environment or {})},
        )
        agent.gauge("depth").set(50)
        agents.append(agent)
        agent.start()
        return agent

    yield make
    for agent in agents:
        agent.stop()


def wrong(agent: Agent) -> str:
    """What the driver's preflight found wrong."""
    return json.dumps(agent.status()["preflight"]["wrong"])


def test_it_scales_the_service_and_leaves_all_else_as_it_is(aws: Aws, start: Start) -> None:
    """Only the count changes, and no deployment begins."""
    before = aws.service()
    agent = start()
    until(lambda: aws.desired() > 2, agent.status)
    after = aws.service()
    counts = {"desiredCount", "runningCount", "pendingCount"}
    assert {key for key in before if before[key] != after[key]} <= {*counts, "deployments"}
    assert [each["id"] for each in after["deployments"]] == [each["id"] for each in before["deployments"]]
    reached = aws.desired()
    agent.gauge("depth").set(0)
    until(lambda: aws.desired() < reached, agent.status)


def test_without_a_word_that_it_is_alone_it_only_recommends(aws: Aws, start: Start) -> None:
    """Agents in other tasks cannot be seen from this one."""
    agent = start({"SELFSCALE_FLEET": "auto"})
    until(lambda: "SELFSCALE_FLEET=single" in wrong(agent), agent.status)
    until(lambda: (said := agent.recommendation("web")) and said.recommended_replicas > 2, agent.status)
    assert agent.recommendation("web").because == "not_candidate"
    assert aws.desired() == 2


def test_a_native_autoscaler_on_the_same_service_is_refused(aws: Aws, start: Start) -> None:
    """Two autoscalers undo each other's work."""
    aws.add_autoscaler()
    agent = start()
    until(lambda: "by the policies cpu" in wrong(agent), agent.status)
    assert aws.desired() == 2
    assert aws.suspended() == {False}


def test_with_consent_it_is_suspended_and_given_back(aws: Aws, start: Start) -> None:
    """Who stops leaves the platform as a person had set it."""
    aws.add_autoscaler()
    agent = start(takeOver=True)
    until(lambda: aws.desired() > 2, agent.status)
    assert aws.suspended() == {True}
    agent.stop()
    assert aws.suspended() == {False}


KILLED = """
import sys
from selfscale import Agent
agent = Agent(sys.argv[1], service="web", enable=True)
agent.gauge("depth").set(50)
agent.start()
sys.stdin.read()
"""


def test_the_next_agent_gives_back_what_one_that_was_killed_took_over(
    aws: Aws, start: Start, policy: MakePolicy, tmp_path: Path
) -> None:
    """What was there before stands in a tag of the service, which goes with the takeover."""
    aws.add_autoscaler()
    aws.scaling.register_scalable_target(**RESOURCE, SuspendedState={"ScheduledScalingSuspended": True})
    killed = subprocess.Popen(
        [sys.executable, "-c", KILLED, json.dumps(policy(takeOver=True))],
        env={**os.environ, "SELFSCALE_FLEET": "single", **directories(tmp_path / "killed")},
        stdin=subprocess.PIPE,
    )
    try:
        until(lambda: aws.desired() > 2, lambda: f"the agent ended with {killed.poll()}")
    finally:
        killed.kill()
        killed.communicate()
    assert aws.suspended() == {True}
    assert [tag["key"] for tag in aws.tags()] == ["selfscale:taken-over"]
    reached = aws.desired()
    agent = start(takeOver=True)
    agent.gauge("depth").set(0)
    until(lambda: aws.desired() < reached, agent.status)
    agent.stop()
    assert aws.suspension() == (False, False, True)
    assert aws.tags() == []


def test_a_service_that_is_not_there_is_said(aws: Aws, start: Start) -> None:
    """AWS answers 200 to that."""
    agent = start(service="wbe")
    until(lambda: "is not there (MISSING)" in wrong(agent), agent.status)


def test_a_web_identity_is_changed_for_a_role(
    aws: Aws, start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The token service answers in XML."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (tmp_path / "token").write_text("header.payload.signature\n")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/web")
    agent = start()
    until(lambda: aws.desired() > 2, agent.status)
