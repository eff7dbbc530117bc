"""``selfscale agent``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import selfscale
from selfscale.cli._agent_child import run_until_told
from selfscale.cli.policies import NO_FILE, Service, policy_of, usual_file
from selfscale.cli.terminal import refuse_usage


def agent(
    *,
    policies: Annotated[
        str | None, typer.Option("--policies", help="The policy file.", metavar="FILE", envvar="SELFSCALE_POLICIES")
    ] = None,
    service: Service = None,
    enable: Annotated[
        bool, typer.Option("--enable", help="Your word that this agent may scale this service, whatever the file says.")
    ] = False,
) -> None:
    """Run an agent without an app, in the foreground until SIGTERM or SIGINT.

    It is no replica of the service, which may be in any language. One agent serves one service.
    """
    path = policies or usual_file() or refuse_usage(NO_FILE)
    named = policy_of(path, service or os.environ.get("SELFSCALE_SERVICE") or None)["service"]

    def start() -> selfscale.Agent:
        started = selfscale.start(
            str(Path(path).resolve()),
            service=named,
            enable=enable,
            enabled_by="--enable of this agent",
            environment={"SELFSCALE_APART": "true"},
        )
        print(f"selfscale: {_introduction(started)}", file=sys.stderr, flush=True)
        return started

    run_until_told(start)


def _introduction(started: selfscale.Agent) -> str:
    status = started.status()
    settings = {each["name"]: each["value"] for each in status["settings"]}
    driver = f"the driver {status['driver']}" if status["driver"] else "no driver: it recommends only"
    return (
        f"{status['process']} is an agent of {status['service']}, with {driver}. SELFSCALE_FLEET is"
        f" {settings['SELFSCALE_FLEET']}, SELFSCALE_LEADS {settings['SELFSCALE_LEADS']}. It can be asked at"
        f" {settings['SELFSCALE_RUN_DIR']}/{status['service']}.sock"
    )
