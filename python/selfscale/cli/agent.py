"""``selfscale agent``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import selfscale
from selfscale.cli._agent_child import run_until_told
from selfscale.cli.driver_module import DriverModule, register_from
from selfscale.cli.policies import NO_FILE, policies_of, usual_file
from selfscale.cli.terminal import refuse_usage


def agent(
    *,
    policies: Annotated[
        str | None, typer.Option("--policies", help="The policy file.", metavar="FILE", envvar="SELFSCALE_POLICIES")
    ] = None,
    service: Annotated[
        str | None,
        typer.Option("--service", "-s", help="One of the file's services; else all of them.", metavar="NAME"),
    ] = None,
    enable: Annotated[
        bool,
        typer.Option("--enable", help="Your word that it may scale what it serves, whatever the file says."),
    ] = False,
    driver_module: DriverModule = None,
) -> None:
    """Run agents without an app, in the foreground until SIGTERM or SIGINT: one for each service of the file.

    They are no replicas of the services, which may be in any language.
    """
    register_from(driver_module)
    path = policies or usual_file() or refuse_usage(NO_FILE)
    agents = [
        selfscale.Agent(
            str(Path(path).resolve()),
            service=each["service"],
            enable=enable,
            enabled_by="--enable of this agent",
            environment={"SELFSCALE_APART": "true"},
        )
        for each in policies_of(path, service or os.environ.get("SELFSCALE_SERVICE") or None)
    ]
    run_until_told(agents, once_started=_introduce)


def _introduce(started: selfscale.Agent) -> None:
    print(f"selfscale: {_introduction(started.status())}", file=sys.stderr, flush=True)


def _introduction(status: selfscale.Status) -> str:
    settings = {each["name"]: each["value"] for each in status["settings"]}
    socket = Path(settings["SELFSCALE_RUN_DIR"], f"{status['service']}.sock")
    asked_at = f" It can be asked at {socket}" if socket.is_socket() else ""
    driver = f"the driver {status['driver']}" if status["driver"] else "no driver: it recommends only"
    return (
        f"{status['process']} is an agent of {status['service']}, with {driver}. SELFSCALE_FLEET is"
        f" {settings['SELFSCALE_FLEET']}, SELFSCALE_LEADS {settings['SELFSCALE_LEADS']}.{asked_at}"
    )
