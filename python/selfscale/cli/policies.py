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


def policies_of(path: str, service: str | None) -> list[Json]:
    """Read a file and return the policy of a service; without one all of them."""
    policies = load_policies(path)
    named = [policy for policy in policies if service is None or policy["service"] == service]
    if not named:
        refuse_usage(f"{path} has no policy for {service}; it has {_services(policies)}")
    return named


def policy_of(path: str, service: str | None) -> Json:
    """Read a file and return the policy of a service; without one the only policy."""
    named = policies_of(path, service)
    if len(named) > 1:
        refuse_usage(f"{path} has policies for {_services(named)}: say which with --service")
    return named[0]


def _services(policies: list[Json]) -> str:
    return ", ".join(policy["service"] for policy in policies)
