"""Finding one policy in a file."""

from __future__ import annotations

from typing import Annotated

import typer

from selfscale import load_policies
from selfscale._json import Json
from selfscale.cli.terminal import refuse_usage

PolicyFile = Annotated[str, typer.Option("--policy", help="The policy file.", metavar="FILE")]
Service = Annotated[
    str | None,
    typer.Option("--service", "-s", help="The service; not needed when the file has one.", metavar="NAME"),
]


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
