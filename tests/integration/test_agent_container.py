"""`selfscale agent` as deploy/agent/Dockerfile runs it, on a real Docker Engine, beside the service that it scales."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_engine import Engine, running_engine
from selfscale import _core
from waiting import until

pytest.importorskip("typer", reason="the extra cli is not installed")

pytestmark = pytest.mark.integration

DOCKERFILE = (Path(__file__).parents[2] / "deploy" / "agent" / "Dockerfile").read_text()
POLICY = {
    "service": "web",
    "minReplicas": 2,
    "maxReplicas": 4,
    "evaluationInterval": "250ms",
    "platform": {"driver": "swarm"},
    "rules": [{"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}],
}


def words_of(instruction: str) -> list[str]:
    """The command of an instruction, as JSON."""
    [found] = re.findall(rf"^{instruction}\b.*?(\[.*\])$", DOCKERFILE, re.MULTILINE)
    words: list[str] = json.loads(found)
    return words


def user() -> str:
    [found] = re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    return str(found)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with running_engine() as made:
        made.do("POST", "/swarm/init", {"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"})
        yield made


class Agent:
    """The image's command, user, environment and health check; this host's Python stands for the image's."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        (folder / "policies.json").write_text(json.dumps({"policies": [POLICY]}))
        program = folder / "selfscale"
        program.write_text(f"#!{sys.executable}\nfrom selfscale.cli import main\nmain()\n")
        program.chmod(0o755)
        own = [
            sys.prefix,
            sys.base_prefix,
            *filter(os.path.isdir, sys.path),
            str(Path(_core.__file__).resolve().parent),
        ]
        binds = [f"{place}:{place}:ro" for place in sorted({"/usr", "/lib", "/lib64", *own})]
        binds += [f"{program}:/opt/selfscale/bin/selfscale:ro", f"{engine.socket}:/var/run/docker.sock"]
        binds += [f"{folder}/policies.json:/etc/selfscale/policies.json:ro"]
        body = {
            "Image": "web:1",
            "User": f"{user()}:{Path(engine.socket).stat().st_gid}",
            "Entrypoint": words_of("ENTRYPOINT"),
            "Cmd": ["--enable"],
            "Tty": True,  # the log is text then, and no frames of two streams
            "Env": [
                *re.findall(r"(SELFSCALE_\w+=\S+)", DOCKERFILE),
                "PATH=/opt/selfscale/bin:/bin",
                f"PYTHONPATH={os.pathsep.join(filter(os.path.isdir, sys.path))}",
                "SELFSCALE_FLEET=single",
            ],
            "Healthcheck": {
                "Test": ["CMD", *words_of("HEALTHCHECK")],
                "Interval": 500_000_000,
                "Timeout": 20_000_000_000,
            },
            "HostConfig": {
                "Binds": binds,
                "NetworkMode": "none",
                "ReadonlyRootfs": True,
                "Tmpfs": {place: f"uid={user()},mode=0700" for place in ("/run/selfscale", "/var/lib/selfscale")},
            },
        }
        self.id = engine.do("POST", "/containers/create", body)["Id"]
        engine.do("POST", f"/containers/{self.id}/start")

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.engine.do("GET", f"/containers/{self.id}/json")["State"]
        return found

    def log(self) -> str:
        return str(self.engine.do("GET", f"/containers/{self.id}/logs?stderr=true&stdout=true"))


def test_it_scales_as_no_root_is_healthy_and_ends_when_told_to(engine: Engine, tmp_path: Path) -> None:
    """One task, of which there are to be two: without an app, an agent keeps to the policy's bounds."""
    container = {"Image": "web:1", "Command": ["sleep", "100000"], "StopGracePeriod": 1_000_000_000, "Init": True}
    task = {"ContainerSpec": container, "Networks": []}
    engine.do(
        "POST", "/services/create", {"Name": "web", "TaskTemplate": task, "Mode": {"Replicated": {"Replicas": 1}}}
    )
    agent = Agent(engine, tmp_path)

    def replicas() -> int:
        return int(engine.do("GET", "/services/web")["Spec"]["Mode"]["Replicated"]["Replicas"])

    def words() -> tuple[str, dict[str, Any]]:
        return agent.log(), agent.state()

    until(lambda: replicas() == 2, words, 90)
    until(lambda: agent.state()["Health"]["Status"] == "healthy", words, 90)
    until(lambda: "is an agent of web, with the driver swarm" in agent.log(), words)
    until(lambda: "web 1 → 2" in agent.log(), words)
    engine.do("POST", f"/containers/{agent.id}/stop?t=30")
    assert agent.state()["ExitCode"] == 0, agent.log()


def test_the_engine_understands_every_line(engine: Engine) -> None:
    """It reads the whole file before it begins, and then finds no registry."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(DOCKERFILE.encode())
        tar.addfile(entry, io.BytesIO(DOCKERFILE.encode()))
    status, said = engine.ask("POST", "/v1.41/build", packed.getvalue())
    assert status == 200, said
    assert "Step 1/" in said, said


def test_the_image_has_no_secret_and_no_root() -> None:
    assert user() != "0"
    assert not re.search(r"TOKEN|PASSWORD|SECRET|AWS_", DOCKERFILE)
    assert DOCKERFILE.count("\nFROM ") == 2, "what builds does not run"
