"""``selfscale replay``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import selfscale
from selfscale.cli.explain import recorded
from selfscale.cli.policies import Service, policy_of
from selfscale.cli.terminal import AsJson, print_json, read_json, refuse_usage


def replay(
    decision_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="Of a decision or an event; or a file with a DecisionRecord, JSON."),
    ],
    service: Service = None,
    policy: Annotated[
        str | None,
        typer.Option("--policy", help="Decide by this file instead of the policy of then.", metavar="FILE"),
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="An agent elsewhere.")] = None,
    as_json: AsJson = False,
) -> None:
    """Decide a recorded decision again: with its own policy the answer is the same, or the exit code is 1."""
    is_file = decision_id == "-" or Path(decision_id).is_file()
    record = read_json(decision_id) if is_file else recorded(decision_id, service, url)
    if policy is None and "policy" not in record:
        refuse_usage("this record does not carry its policy: give --policy")
    chosen = record["policy"] if policy is None else policy_of(policy, service or record["decision"]["service"])
    replayed = selfscale.replay(record, chosen)
    if as_json:
        print_json({"same": replayed.same, "recorded": replayed.recorded, "again": replayed.again})
    else:
        print("then:\n" + selfscale.explain(record.get("policy", chosen), replayed.recorded))
        print("now, the same:" if replayed.same else "now:\n" + selfscale.explain(chosen, replayed.again))
    if policy is None and not replayed.same:
        raise typer.Exit(1)
