"""Finding the policy file, and one policy in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfscale import load_policies
from selfscale._json import Json
from selfscale.cli.terminal import refuse_usage

_USUAL_FILES = ("selfscale.json", "config/autoscaling/policies.json")
NO_FILE = f"there is no policy file: name one with --policies or SELFSCALE_POLICIES; it would be {_USUAL_FILES[0]} here"
PolicyFile = Annotated[str, typer.Option("--policy", help="The policy file.", metavar="FILE")]
Service = Annotated[
    str | None,
    typer.Option("--service", "-s", help="The service; not needed when the file has one.", metavar="NAME"),
]


def usual_file() -> str | None:
    """Return the policy file that is taken where none is named, as an agent finds it."""
    return next((usual for usual in _USUAL_FILES if Path(usual).is_file()), None)


def policy_of(path: str, service: str | None) -> Json:
    """Read a file and return the policy of a service; without one the only policy."""
    policies = load_policies(path)
    named = [policy for policy in policies if service is None or policy["service"] == service]
    if len(named) == 1:
        return named[0]
    services = ", ".join(policy["service"] for policy in policies)
    message = (
        f"{path} has policies for {services}: say which with --service"
        if service is None
        else f"{path} has no policy for {service}; it has {services}"
    )
    return refuse_usage(message)
