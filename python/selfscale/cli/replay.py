"""``selfscale replay``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

import selfscale
from selfscale._decide import Replay
from selfscale._json import Json
from selfscale.cli.explain import recorded
from selfscale.cli.policies import Service, policy_of
from selfscale.cli.terminal import AsJson, console, print_json, read_json, refuse_usage


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
    """Decide a recorded decision again: with its own policy the answer is the same, or the exit code is 1.

    With --policy both answers stand side by side, and the exit code is 0.
    """
    is_file = decision_id == "-" or Path(decision_id).is_file()
    record = read_json(decision_id) if is_file else recorded(decision_id, service, url)
    if policy is None and "policy" not in record:
        refuse_usage("this record does not carry its policy: give --policy")
    chosen = record["policy"] if policy is None else policy_of(policy, service or record["decision"]["service"])
    replayed = selfscale.replay(record, chosen)
    if as_json:
        print_json(
            {
                "same": replayed.same,
                "core": {"recorded": record.get("core"), "again": selfscale.__version__},
                "recorded": replayed.recorded,
                "again": replayed.again,
            }
        )
    else:
        _show(record, replayed, chosen, policy or "decided again")
    if policy is None and not replayed.same:
        raise typer.Exit(1)


def _show(record: Json, replayed: Replay, chosen: Json, again: str) -> None:
    core = record.get("core")
    if core not in {None, selfscale.__version__}:
        print(
            f"recorded by selfscale {core}, decided again by {selfscale.__version__}: the same bits are promised for"
            " the same version only"
        )
    if replayed.same:
        print("the same, to the last bit:")
    else:
        console.print(_side_by_side(replayed, again))
        if "policy" in record:
            print("\nrecorded:\n" + selfscale.explain(record["policy"], replayed.recorded))
        print(f"{again}:")
    print(selfscale.explain(chosen, replayed.again), end="")


def _side_by_side(replayed: Replay, again: str) -> Table:
    table = Table("", "recorded", escape(again), box=None, pad_edge=False)
    rows: dict[str, Callable[[Json], str]] = {
        "action": lambda decision: str(decision["action"]),
        "replicas": lambda decision: f"{decision['fromReplicas']} -> {decision['toReplicas']}",
        "recommended": lambda decision: str(decision["recommendation"]["recommendedReplicas"]),
        "held by": lambda decision: str(decision["heldBy"] or "-"),
        "why": lambda decision: str(decision["recommendation"]["reason"]),
    }
    for name, value in rows.items():
        table.add_row(name, escape(value(replayed.recorded)), escape(value(replayed.again)))
    return table
