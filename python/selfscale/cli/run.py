"""``selfscale run``."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

import selfscale
from selfscale._json import Json
from selfscale.cli.policies import Service, policy_of
from selfscale.cli.running import run_directory
from selfscale.cli.terminal import refuse, refuse_usage

_DEFAULT_BIND = "127.0.0.1:8000"


def run(
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="-- CMD",
            help="The worker. {fd} is the shared listening socket, {port} its port, {slot} the worker's number.",
        ),
    ],
    *,
    policies: Annotated[str, typer.Option("--policies", help="The policy file.", metavar="FILE")],
    service: Service = None,
    bind: Annotated[str, typer.Option("--bind", help="Where {fd} listens.", metavar="HOST:PORT")] = _DEFAULT_BIND,
    enable: Annotated[
        bool, typer.Option("--enable", help="Your word that it may scale this service, whatever the file says.")
    ] = False,
) -> None:
    """Run and scale workers on this host, all behind one listening socket.

    Unless it may act it keeps initialReplicas (else minReplicas) running, and recommends.
    """
    policy = policy_of(policies, service)
    named = policy.get("platform", {}).get("driver")
    if named not in {None, "local"}:
        print(f"selfscale: the driver is local here; {policies} says {named}", file=sys.stderr)
    arguments = supervisor_arguments(policy, os.path.abspath(policies), command, bind=bind, enable=enable)  # noqa: PTH100
    supervisor = _supervisor()
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execv(supervisor, [supervisor, *arguments])
    except OSError as error:
        refuse(f"cannot start {supervisor}: {error.strerror}")
