"""``selfscale decide``."""

from __future__ import annotations

from typing import Annotated

import typer

import selfscale
from selfscale.cli.policies import PolicyFile, Service, policy_of
from selfscale.cli.terminal import AsJson, print_json, read_json


def decide(
    policy: PolicyFile,
    snapshot: Annotated[
        str, typer.Option("--snapshot", help="The snapshot, JSON; - is standard input.", metavar="FILE")
    ],
    service: Service = None,
    state: Annotated[
        str | None,
        typer.Option("--state", help="The state that the last decision left, JSON.", metavar="FILE"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Work out what a service should have, from all that is known at one instant."""
    chosen = policy_of(policy, service)
    before = None if state is None else read_json(state)
    decision = selfscale.decide(chosen, read_json(snapshot), before)
    if as_json:
        print_json(decision)
    else:
        print(selfscale.explain(chosen, decision))
