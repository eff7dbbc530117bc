"""A Docker Engine of a test's own: root, namespaces of its own, and an image with static busybox in it."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from children import children_of
from selfscale import Agent
from waiting import until

BUSYBOX = "/bin/busybox"
# What the engine leaves behind (mounts, bridges, processes) goes with these namespaces, and they with a killed test.
NAMESPACES = [
    "setpriv",
    "--pdeathsig",
    "KILL",
    "unshare",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
]


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Engine:
    """The truth behind a driver's back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = str(folder / "docker.sock")
        self.host = f"unix://{self.socket}"
        self.log = folder / "log"
        options = ["--data-root", "data", "--exec-root", "exec", "--pidfile", "pid"]
        plain = ["--storage-driver=vfs", "--bridge=none", "--iptables=false", "--ip6tables=false"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*NAMESPACES, "sh", "-c", f'{BUSYBOX} ip link set lo up; exec "$@"', "sh"]
                + ["dockerd", "-H", self.host, *plain]
                + [str(folder / word) if not word.startswith("--") else word for word in options],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self.answers, self.log.read_text, seconds=150)
        self.make_image()

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.ask("GET", "/_ping")[0] == 200
        return False

    def ask(self, method: str, target: str, body: Any = None) -> tuple[int, Any]:
        """Status, and the body as JSON where it is some."""
        connection = _Connection(self.socket)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body)
        kind = "application/x-tar" if isinstance(body, bytes) else "application/json"
        try:
            connection.request(method, target, data, {"Content-Type": kind} if data else {})
            response = connection.getresponse()
            said = response.read()
        finally:
            connection.close()
        with contextlib.suppress(ValueError):
            return response.status, json.loads(said)
        return response.status, said.decode()

    @contextlib.contextmanager
    def following(self, target: str) -> Iterator[http.client.HTTPResponse]:
        """What goes on being answered, line by line, from now on."""
        with contextlib.closing(_Connection(self.socket)) as connection:
            connection.request("GET", f"/v1.41{target}")
            yield connection.getresponse()

    def do(self, method: str, target: str, body: Any = None) -> Any:
        """Ask for what must succeed."""
        status, said = self.ask(method, f"/v1.41{target}", body)
        assert status < 300, f"{method} {target}: {status} {said}"
        return said

    def make_image(self) -> None:
        """`web:1`: busybox and its words sh, sleep and mkdir, in folders as any image has them."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for name, mode in (("bin", 0o755), ("var", 0o755), ("tmp", 0o1777), ("var/tmp", 0o1777)):
                folder = tarfile.TarInfo(name)
                folder.type, folder.mode = tarfile.DIRTYPE, mode
                tar.addfile(folder)
            tar.add(BUSYBOX, "bin/busybox")
            for word in ("sh", "sleep", "mkdir"):
                link = tarfile.TarInfo(f"bin/{word}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        assert self.ask("POST", "/images/create?fromSrc=-&repo=web&tag=1", packed.getvalue())[0] == 200

    def stop(self) -> None:
        """Let containers and their cgroups go before the namespaces do."""
        with contextlib.suppress(OSError):
            for each in self.do("GET", "/services") if self.in_swarm() else []:
                self.do("DELETE", f"/services/{each['ID']}")
            for each in self.do("GET", "/containers/json?all=true"):
                self.ask("DELETE", f"/containers/{each['Id']}?force=1")
        # dockerd is the first of its namespace: asked by the one that waits for it, its child.
        for child in children_of(self.process.pid):
            os.kill(child, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def in_swarm(self) -> bool:
        return bool(self.do("GET", "/info")["Swarm"]["ControlAvailable"])


def filters(**values: list[str]) -> str:
    """A query's filters."""
    return urllib.parse.quote(json.dumps({name.replace("_", "-"): value for name, value in values.items()}))


@contextlib.contextmanager
def running_engine() -> Iterator[Engine]:
    """Start an engine; it leaves nothing."""
    for program in ("dockerd", "unshare", BUSYBOX):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian's packages docker.io, util-linux, busybox-static)")
    if os.geteuid() != 0:
        pytest.skip("an engine of its own is started by root only")
    folder = Path(tempfile.mkdtemp(prefix="selfscale-engine-"))
    folder.chmod(0o755)  # whoever may not use the socket may see it
    try:
        engine = Engine(folder)
        try:
            yield engine
        finally:
            engine.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


Start = Callable[..., Agent]


@contextlib.contextmanager
def agents(folder: Path) -> Iterator[Start]:
    """Start agents that are enabled and alone, for two to four replicas; they are stopped in the end."""
    started: list[Agent] = []

    def start(platform: dict[str, Any], depth: float = 50, timeout: str = "30s", folder: Path = folder) -> Agent:
        policy = {
            "service": "web",
            "minReplicas": 2,
            "maxReplicas": 4,
            "evaluationInterval": "250ms",
            "startup": {"expected": "1s", "timeout": timeout},
            "platform": platform,
            "metrics": [{"name": "depth", "window": "2s", "aggregation": "last"}],
            "rules": [
                {"name": "depth", "type": "threshold", "metric": "depth", "scaleUp": 10, "scaleDown": 2}
                | {"scaleUpBy": 2, "scaleDownBy": 2}
            ],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        }
        directories = {"SELFSCALE_RUN_DIR": str(folder / "run"), "SELFSCALE_STATE_DIR": str(folder / "state")}
        environment = {"SELFSCALE_FLEET": "single", **directories}
        agent = Agent(policy, service="web", enable=True, environment=environment)
        agent.gauge("depth").set(depth)
        started.append(agent)
        agent.start()
        return agent

    try:
        yield start
    finally:
        for agent in started:
            agent.stop()


def events(agent: Agent) -> str:
    """All that was done, in words."""
    return " | ".join(f"{each.outcome}: {each.reason}: {each.error}" for each in agent.history("web"))


def wrong(agent: Agent) -> str:
    """What the driver's preflight found wrong."""
    return json.dumps(agent.status()["preflight"]["wrong"])
