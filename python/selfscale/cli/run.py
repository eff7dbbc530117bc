"""``selfscale run``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from selfscale import _core
from selfscale._json import Json
from selfscale.cli.durations import seconds
from selfscale.cli.policies import NO_FILE, Service, policy_of, usual_file
from selfscale.cli.running import run_directory
from selfscale.cli.terminal import refuse, refuse_usage

# The folder in which this is run is not searched: what lies there may be called as a module of the standard library.
_AGENT = "import sys; sys.path[:] = filter(None, sys.path); from selfscale.cli._agent_child import main; main()"


def run(
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="-- CMD",
            help="The worker. {fd} is the shared listening socket, {port} its port, {slot} the worker's number.",
        ),
    ],
    *,
    policies: Annotated[
        str | None, typer.Option("--policies", help="The policy file.", metavar="FILE", envvar="SELFSCALE_POLICIES")
    ] = None,
    service: Service = None,
    bind: Annotated[
        str | None,
        typer.Option("--bind", help="Where {fd} listens; default: 127.0.0.1:8000.", metavar="HOST:PORT"),
    ] = None,
    enable: Annotated[
        bool, typer.Option("--enable", help="Your word that this run may scale this service, whatever the file says.")
    ] = False,
) -> None:
    """Run and scale workers on this host, all behind one listening socket.

    Unless it may act it keeps initialReplicas (else minReplicas) running, and recommends.
    """
    path = policies or usual_file() or refuse_usage(NO_FILE)
    policy = policy_of(path, service)
    named = (policy.get("platform") or {}).get("driver")
    if named not in {None, "local"}:
        print(f"selfscale: the driver is local here, though {path} says {named}", file=sys.stderr)
    agent = agent_command(str(Path(path).resolve()), str(policy["service"]), enable=enable)
    _become(supervisor(), supervisor_arguments(policy, agent, command, bind=bind))


def agent_command(policies: str, service: str, *, enable: bool) -> list[str]:
    """Return what the supervisor starts as the agent."""
    command = [sys.executable, "-c", _AGENT, "--policies", policies, "--service", service]
    return [*command, "--enable"] if enable else command


def supervisor_arguments(policy: Json, agent: list[str], command: list[str], *, bind: str | None) -> list[str]:
    """Return the supervisor's arguments for a policy."""
    platform = policy.get("platform") or {}
    if platform.get("driver") != "local":
        platform = {}
    count = policy.get("initialReplicas") or policy["minReplicas"]
    options: dict[str, object] = {
        "--service": policy["service"],
        "--max": policy["maxReplicas"],
        "--count": count,
        "--run-dir": run_directory(),
        "--agent": json.dumps(agent),
        "--bind": bind,
        "--release": os.environ.get("SELFSCALE_RELEASE") or None,
    }
    if readiness := platform.get("readiness"):
        options["--readiness"] = readiness if isinstance(readiness, str) else json.dumps(readiness)
    if grace := platform.get("gracePeriod"):
        options["--grace"] = seconds(grace)
    backoff = platform.get("backoff") or {}
    for key in ("first", "most"):
        if key in backoff:
            options[f"--backoff-{key}"] = seconds(backoff[key])
    given = [text for option, value in options.items() if value is not None for text in (option, str(value))]
    return [*given, "--", *command]


def supervisor() -> str:
    """Return the path of the program that holds the socket and the workers."""
    core = Path(_core.__file__).resolve()
    places = [Path(__file__).parents[1] / "bin", core.parent / "bin", core.parents[2] / "cpp"]
    for place in places:
        if (place / "selfscale-supervisor").is_file():
            return str(place / "selfscale-supervisor")
    return refuse(f"selfscale-supervisor is missing; it belongs in {places[0]}. Install selfscale anew")


def _become(program: str, arguments: list[str]) -> NoReturn:
    """Go on as another program: no Python stays behind that holds the socket or the workers."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execv(program, [program, *arguments])
    except OSError as error:
        refuse(f"cannot start {program}: {error.strerror}")
