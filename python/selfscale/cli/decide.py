"""``selfscale decide``."""

from __future__ import annotations

import sys
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
        typer.Option("--state", help="The last decision, or the state that it left, JSON.", metavar="FILE"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Work out what a service should have, from all that is known at one instant."""
    chosen = policy_of(policy, service)
    before = None if state is None else read_json(state)
    if before is not None:
        before = before.get("state", before)
    decision = selfscale.decide(chosen, read_json(snapshot), before)
    if as_json:
        print_json(decision)
    else:
        print(selfscale.explain(chosen, decision), end="")
    if before is None:
        print(_FIRST_SIGHT, file=sys.stderr)


_FIRST_SIGHT = (
    "selfscale: without --state the service has just been met, and what it has counts as wanted until now. To see the "
    "next step, keep what --json prints and pass it with --state and a snapshot whose `at` is later."
)
