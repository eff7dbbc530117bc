"""What `selfscale init` writes: read by Docker's own programs, run by an engine, and taken by moto's AWS."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import boto3
import moto
import pytest
import selfscale as library
import yaml
from botocore import xform_name
from compose_programs import PROGRAMS, ComposeProgram
from docker_engine import Engine, running_engine
from waiting import until

pytestmark = pytest.mark.integration

needs_docker = pytest.mark.skipif(
    shutil.which("docker") is None, reason="docker is not installed (Debian's package docker.io)"
)

# A project as its team has it, before it scales: a file of either version, and one of none.
KUBECTL = Path(__file__).parents[2] / "build" / "go" / "kubectl"
PROJECT = """
services:
  web:
    image: web:1
    command: sleep 100000
    init: true
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with running_engine() as made:
        yield made


@pytest.fixture
def init(tmp_path: Path) -> Callable[..., Path]:
    def write(platform: str) -> Path:
        command = [sys.executable, "-m", "selfscale.cli", "init", platform, "--image", "web:1"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        return tmp_path

    return write


@pytest.fixture(params=PROGRAMS)
def compose(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ComposeProgram:
    """That is what `docker-compose` means, to the scripts, too."""
    given: ComposeProgram = request.param
    given.needed()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker-compose").symlink_to(str(shutil.which(given.path)))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return given


def run(folder: Path, *command: str, host: str = "") -> str:
    environment = {**os.environ, **(at(host) if host else {})}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def at(host: str) -> dict[str, str]:
    """An engine's address, and the group of its socket."""
    return {"DOCKER_HOST": host, "DOCKER_GID": str(Path(host.removeprefix("unix://")).stat().st_gid)}


@pytest.mark.skipif(not KUBECTL.exists(), reason="there is no build/go/kubectl (tools/go-programs makes it)")
def test_kubectl_makes_one_whole_of_the_files(init: Callable[..., Path]) -> None:
    """The policy is in the ConfigMap that the pods mount, byte for byte."""
    folder = init("kubernetes")
    made = {each["kind"]: each for each in yaml.safe_load_all(run(folder, str(KUBECTL), "kustomize", "k8s"))}
    assert sorted(made) == ["ConfigMap", "Deployment", "Role", "RoleBinding", "Service", "ServiceAccount"]
    volume, _ = made["Deployment"]["spec"]["template"]["spec"]["volumes"]
    assert volume["configMap"]["name"] == made["ConfigMap"]["metadata"]["name"]
    assert made["ConfigMap"]["data"] == {"selfscale.json": (folder / "k8s" / "selfscale.json").read_text()}


def test_aws_takes_role_task_and_service(init: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """moto checks what a policy is made of, and keeps what the lines to run would send."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    folder = init("ecs") / "ecs"
    policies = {name: (folder / f"{name}.json").read_text() for name in ("policy", "take-over", "exec")}
    trust, execution = ((folder / f"{name}.json").read_text() for name in ("trust", "execution"))
    task, service = (yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in ("task-definition", "service"))
    with moto.mock_aws():
        iam, ecs = (boto3.client(name, region_name="eu-west-1") for name in ("iam", "ecs"))
        role = iam.create_role(RoleName="selfscale-web", AssumeRolePolicyDocument=trust)["Role"]
        for name, policy in policies.items():
            iam.put_role_policy(RoleName="selfscale-web", PolicyName=name, PolicyDocument=policy)
        assert role["Arn"] == task["taskRoleArn"]
        role = iam.create_role(RoleName="execution-web", AssumeRolePolicyDocument=trust)["Role"]
        iam.put_role_policy(RoleName="execution-web", PolicyName="selfscale", PolicyDocument=execution)
        assert role["Arn"] == task["executionRoleArn"]
        ecs.create_cluster(clusterName=service["cluster"])
        ecs.register_task_definition(**task)
        # Examples in the file that stand for one's own, and have to be there.
        ec2 = boto3.resource("ec2", region_name="eu-west-1")
        subnet = ec2.create_vpc(CidrBlock="10.0.0.0/16").create_subnet(CidrBlock="10.0.0.0/24")
        group = subnet.vpc.create_security_group(GroupName="web", Description="web")
        where = service["networkConfiguration"]["awsvpcConfiguration"]
        where |= {"subnets": [subnet.id], "securityGroups": [group.id]}
        assert ecs.create_service(**service)["service"]["desiredCount"] == 3


def test_the_lines_to_run_on_aws_are_calls_of_it_and_fit_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `--cli-input-yaml` sends is in the test above, `logs tail` is the CLI's own, and a shell needs a task.

    The lines that are comments are as right as the others.
    """
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "selfscale.cli", "init", "ecs"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.partition("Next:\n")[2]
    calls = [shlex.split(call, comments=True) for call in re.findall(r"\baws (.*?)(?=\); do$|$)", said, re.MULTILINE)]
    elsewhere = {"register-task-definition", "create-service", "tail"}
    with moto.mock_aws():
        clients = {name: boto3.client(name, region_name="eu-west-1") for name in ("iam", "ssm", "logs", "ecs")}
        for service, call, *words in calls:
            if call in elsewhere:
                continue
            client, name = clients[service], call.replace("-", "_")
            operation = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[name])
            given = arguments(words, operation.input_shape.members)
            if service != "ecs":
                getattr(client, name)(**given)
        task = yaml.safe_load((tmp_path / "ecs" / "task-definition.yaml").read_text())
        (container,) = task["containerDefinitions"]
        parameter = clients["ssm"].get_parameter(Name="/web/selfscale-fleet")["Parameter"]
        assert parameter["ARN"] == container["secrets"][0]["valueFrom"]
        (group,) = clients["logs"].describe_log_groups()["logGroups"]
        assert group["logGroupName"] == container["logConfiguration"]["options"]["awslogs-group"]
        policies = {
            role: clients["iam"].list_role_policies(RoleName=task[role].rpartition("/")[2])["PolicyNames"]
            for role in ("taskRoleArn", "executionRoleArn")
        }
        assert policies == {"taskRoleArn": ["selfscale", "take-over", "exec"], "executionRoleArn": ["selfscale"]}
    assert [call for _, call, *_ in calls][-3:] == ["update-service", "list-tasks", "execute-command"]


def arguments(words: list[str], known: Iterable[str]) -> dict[str, str]:
    """The arguments of a line of the AWS CLI, by their names in the call."""
    names = {f"--{xform_name(name, '-')}": name for name in known}
    of_cli = {"--query": 2, "--output": 2}  # and their values
    of_cli |= dict.fromkeys(("--interactive", "--enable-execute-command", "--force-new-deployment"), 1)
    for option in of_cli.keys() & set(words):
        at = words.index(option)
        words = words[:at] + words[at + of_cli[option] :]
    rest = iter(words)
    given = {names[option]: next(rest) for option in rest}
    return {name: Path(value[7:]).read_text() if value.startswith("file:") else value for name, value in given.items()}


BOTH = ("-f", "docker-compose.yml", "-f", "docker-compose.autoscale.yml")


@pytest.mark.usefixtures("compose")
@pytest.mark.parametrize("version", ["", 'version: "2.4"', 'version: "3.8"'])
def test_compose_takes_the_file_beside_the_projects_own(init: Callable[..., Path], version: str) -> None:
    folder = init("compose")
    (folder / "docker-compose.yml").write_text(version + PROJECT)
    read = run(folder, "docker-compose", "-p", "shop", *BOTH, "config", "--services")
    assert sorted(read.split()) == ["autoscaler", "proxy", "web"]


@pytest.mark.usefixtures("compose")
@pytest.mark.parametrize("said", [{}, {"MAX_TOTAL_REPLICAS": "50", "AUTOSCALING_LOG_LEVEL": "debug"}])
def test_what_the_shell_says_at_up_reaches_the_agent_and_else_the_files_word_stands(
    init: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, said: dict[str, str]
) -> None:
    folder = init("compose")
    (folder / "docker-compose.yml").write_text(PROJECT)
    lines = (folder / "config" / "autoscaling" / ".env.autoscaling").read_text().splitlines()
    names = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]
    for name in names:
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    read = yaml.safe_load(run(folder, "docker-compose", "-p", "shop", *BOTH, "config"))
    environment = read["services"]["autoscaler"]["environment"]
    assert {name: environment.get(name) for name in names} == {name: said.get(name) for name in names}


@pytest.mark.usefixtures("compose")
def test_the_scripts_reach_compose_with_the_projects_files(init: Callable[..., Path]) -> None:
    folder = init("compose")
    (folder / "docker-compose.yml").write_text(PROJECT)
    called = folder / "bin" / "selfscale"
    called.write_text(f'#!/bin/sh\nexec {sys.executable} -m selfscale.cli "$@"\n')
    called.chmod(0o755)
    assert "web: 2 to 8 replicas" in run(folder, "scripts/setup-autoscaling.sh", "--validate")
    assert "web: 2 to 8 replicas" in run(folder, "scripts/setup-autoscaling.sh")


# An app that has ten requests a second, from the first on: its own.
BUSY_APP = """
import threading, time, urllib.request
from fastapi import FastAPI
from selfscale.integrations.fastapi import instrument

app = FastAPI()
instrument(app)

def ask():
    while True:
        time.sleep(0.1)
        try:
            urllib.request.urlopen("http://127.0.0.1:8000/health").close()
        except OSError:
            pass  # it does not listen yet

threading.Thread(target=ask, daemon=True).start()
"""
AGENT = "import selfscale, threading; selfscale.start('/config/policies.json'); threading.Event().wait()"


def in_containers(folder: Path) -> str:
    """This Python in both services, in an image that has none; the engine of a test has no bridge."""
    package, native = Path(library.__file__).parents[1], Path(library._core.__file__).resolve().parent
    places = {Path("/usr"), Path(sys.prefix), Path(sys.base_prefix), package, native}
    mounts = [f"{place}:{place}:ro" for place in sorted(places)]
    mounts += ["/usr/lib:/lib:ro", "/usr/lib64:/lib64:ro", f"{folder / 'code'}:/code:ro"]
    service = {
        "user": "10001:10001",
        "network_mode": "none",
        "working_dir": "/code",
        "volumes": mounts,
        "environment": {"PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "PYTHONPATH": f"/code:{package}", "HOME": "/tmp"},
        "healthcheck": {"interval": "1s"},
    }
    agent = service | {"entrypoint": ["python", "-c", AGENT]}
    return yaml.safe_dump({"services": {"web": service, "autoscaler": agent}})


@pytest.mark.timeout(900)
def test_a_project_that_is_enabled_scales(init: Callable[..., Path], compose: ComposeProgram, engine: Engine) -> None:
    """The app's containers count, the agent in its own sees it and makes one more; the control script turns it on.

    None of them is root, and the agent keeps what it has done.
    """
    folder = init("compose")
    (folder / "code").mkdir()
    (folder / "code" / "app.py").write_text(BUSY_APP)
    (folder / "docker-compose.yml").write_text("services:\n  web:\n    image: web:1\n")
    (folder / "in-containers.yml").write_text(in_containers(folder))
    settings = folder / "config" / "autoscaling"
    change(settings / "policies.json", {'"enabled": false': '"enabled": true', '"120s"': '"1s"'})
    change(folder / "docker-compose.autoscale.yml", {"- /var/run/docker.sock:": f"- {engine.socket}:"})
    command = ["docker-compose", "-p", "shop", *BOTH, "-f", "in-containers.yml"]
    expected = [f"/shop_{each}".replace("_", compose.separator) for each in ("autoscaler_1", "web_1", "web_2", "web_3")]

    def names() -> list[str]:
        return sorted(each["Names"][0] for each in engine.do("GET", "/containers/json"))

    def logs() -> str:
        said = run(folder, *command, "logs", "--tail", "20", "autoscaler", host=engine.host)
        return said + run(folder, "scripts/autoscaling-control.sh", "status", host=engine.host)

    def is_enabled() -> bool:
        script = ["scripts/autoscaling-control.sh", "enable"]
        environment = {**os.environ, **at(engine.host)}
        return subprocess.run(script, cwd=folder, env=environment, capture_output=True, check=False).returncode == 0

    run(folder, *command, "up", "-d", "web", "autoscaler", host=engine.host)
    until(is_enabled, logs, seconds=100)
    until(lambda: names() == expected, logs, seconds=200)
    status = run(folder, "scripts/autoscaling-control.sh", "status", host=engine.host)
    assert "driver compose" in status
    assert "may act: yes" in status
    assert "nothing can be kept" not in status
    kept = run(folder, *command, "exec", "-T", "autoscaler", "ls", "/var/tmp/selfscale", host=engine.host)
    assert kept.split()
    run(folder, *command, "down", "--volumes", "--timeout", "0", host=engine.host)


def change(path: Path, replacements: dict[str, str]) -> None:
    text = path.read_text()
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


@needs_docker
def test_an_engine_takes_the_stack(init: Callable[..., Path], engine: Engine) -> None:
    folder = init("swarm")
    engine.do("POST", "/swarm/init", {"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"})
    run(folder, "docker", "network", "create", "--driver", "overlay", "traefik", host=engine.host)
    run(folder, "docker", "stack", "deploy", "-c", "docker-stack.yml", "shop", host=engine.host)
    specs = {each["Spec"]["Name"]: each["Spec"] for each in engine.do("GET", "/services")}
    assert sorted(specs) == ["shop_agent", "shop_web"]
    web, agent = specs["shop_web"], specs["shop_agent"]
    assert web["Mode"]["Replicated"]["Replicas"] == 3
    assert web["Labels"]["traefik.http.services.web.loadbalancer.server.port"] == "8000"
    assert web["Labels"]["traefik.http.routers.web-secure.rule"] == "Host(`shop.example.com`) && PathPrefix(`/api`)"
    assert web["UpdateConfig"]["FailureAction"] == "rollback"
    assert agent["TaskTemplate"]["Placement"]["Constraints"] == ["node.role == manager"]
    (config,) = engine.do("GET", "/configs")
    assert config["Spec"]["Name"] == "shop-selfscale-1"

    # The names of a service and of its task are as the policy and the agent say them.
    def is_named() -> bool:
        tasks = engine.do("GET", "/tasks")
        return any("SELFSCALE_INSTANCE={{.Task.Name}}" in json.dumps(each["Spec"]) for each in tasks)

    until(is_named, engine.log.read_text)
