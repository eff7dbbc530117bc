"""`selfscale doctor` hears each worker of the real servers, and what each of them lacks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import free_port
from waiting import until

pytest.importorskip("typer", reason="the extra cli is not installed")
pytest.importorskip("fastapi", reason="the extra fastapi is not installed")
pytest.importorskip("gunicorn", reason="gunicorn is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
SERVERS = {
    "gunicorn": ["-m", "gunicorn", "peers_app:app", "--worker-class=uvicorn.workers.UvicornWorker", "--workers=3"],
    "uvicorn": ["-m", "uvicorn", "peers_app:app", "--workers=3"],
}
NO_KEY = {"what": "there is no key", "why": "nothing can be scaled", "paste": "RACKS_KEY=…"}


class Server:
    """Three workers with agents, one host."""

    def __init__(self, kind: str, folder: Path, **environment: str) -> None:
        self.log = folder / "server.log"
        (folder / "turns").mkdir()
        rules = [{"name": "load", "type": "threshold", "metric": "load", "scaleUp": 10, "scaleDown": 2}]
        policy = {"service": "web", "maxReplicas": 4, "evaluationInterval": "250ms", "rules": rules}
        (folder / "policies.json").write_text(json.dumps({"policies": [policy]}))
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
            "TURNS": str(folder / "turns"),
            "SELFSCALE_POLICIES": str(folder / "policies.json"),
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
            "NO_COLOR": "1",
            **environment,
        }
        port = free_port()
        bind = [f"--bind=127.0.0.1:{port}"] if kind == "gunicorn" else [f"--port={port}"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *SERVERS[kind], *bind],
                cwd=folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def doctor(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Ask from beside it."""
        return subprocess.run(
            [sys.executable, "-m", "selfscale.cli", "doctor", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def found(self) -> Any:
        """What is found of its service."""
        return json.loads(self.doctor("--json").stdout)["services"][0]

    def heard(self, has: Callable[[Any], bool]) -> Any:
        """What is found of it once two processes beside the one that answers are heard and `has` holds."""

        def look() -> Any:
            found = self.found()
            is_whole = found["agent"] and len(found["peers"]) == 2
            return found if is_whole and has(found) else None

        return until(look, lambda: f"{self.log.read_text()}\n{self.found()}")

    def kill(self) -> None:
        """End it and its workers."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(kind: str, **environment: str) -> Server:
        servers.append(Server(kind, tmp_path, **environment))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def words_of(peer: Any) -> list[str]:
    return [each["what"] for each in peer["warnings"]]


def one_leads(found: Any) -> bool:
    """Whether the others have taken note of it, and have said what they lack."""
    return bool(found["agent"]["mayAct"]) and all(
        peer["role"] == "follower" and words_of(peer) for peer in found["peers"]
    )


@pytest.mark.parametrize("kind", SERVERS)
def test_what_each_worker_lacks_beside_the_one_that_leads(serve: Callable[..., Server], kind: str) -> None:
    server = serve(kind, RACKS_KEY="s3cret-word")
    found = server.heard(one_leads)
    assert found["agent"]["role"] == "leader"
    assert all(set(peer) == {"process", "pid", "instance", "role", "wrong", "warnings"} for peer in found["peers"])
    assert [peer["wrong"] for peer in found["peers"]] == [[], []], "another leads"
    by_words = {words: peer for peer in found["peers"] for words in words_of(peer)}
    assert set(by_words) == {"by SELFSCALE_LEADS=none this process leads no service", NO_KEY["what"]}
    keyless = by_words[NO_KEY["what"]]
    assert keyless["warnings"] == [NO_KEY]
    assert keyless["process"].endswith(f"/{keyless['pid']}")
    ended = server.doctor()
    assert ended.returncode == 0, ended.stdout
    assert f"pid {keyless['pid']}): follower" in ended.stdout
    lines = [line.split() for line in ended.stdout.splitlines()]
    assert ["note", "peers", "there", "is", "no", "key"] in lines
    assert ["RACKS_KEY=…"] in lines
    assert "s3cret-word" not in ended.stdout + json.dumps(found)
    os.kill(keyless["pid"], signal.SIGKILL)
    until(lambda: keyless["pid"] not in {peer["pid"] for peer in server.found()["peers"]}, server.log.read_text)


def test_workers_are_heard_where_none_of_them_answers(serve: Callable[..., Server]) -> None:
    server = serve("uvicorn", RACKS_KEY="key")
    server.heard(one_leads)
    Path(server.environment["SELFSCALE_RUN_DIR"], "web.sock").unlink()
    found = server.found()
    assert found["agent"] is None
    assert sorted(peer["role"] for peer in found["peers"]) == ["follower", "follower", "leader"]
    assert NO_KEY in [each for peer in found["peers"] for each in peer["warnings"]]
    assert server.doctor().returncode == 0, "they follow one that leads"


def test_where_nobody_may_lead_what_each_lacks_is_wrong(serve: Callable[..., Server]) -> None:
    server = serve("uvicorn")
    found = server.heard(lambda found: all(peer["wrong"] for peer in found["peers"]))
    assert found["agent"]["leader"] is None
    own = [each["what"] for check in found["checks"] for each in check["wrong"]]
    of_peers = [each["what"] for peer in found["peers"] for each in peer["wrong"]]
    assert not set(own) & set(of_peers), "it is said once"
    lacking = {"by SELFSCALE_LEADS=none this process leads no service", NO_KEY["what"]}
    assert {*own, *of_peers} - lacking <= {"what is wrong with whoever was asked is wrong with it, too"}
    assert lacking <= {*own, *of_peers}
    assert server.doctor().returncode == 1
