"""``selfscale history``."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer
from rich.markup import escape
from rich.table import Table

from selfscale._json import Json
from selfscale.cli import journal, running
from selfscale.cli.policies import Service
from selfscale.cli.running import ask, only_service
from selfscale.cli.terminal import AsJson, console, print_json


def history(
    service: Service = None,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 20,
    url: Annotated[str | None, typer.Option("--url", help="An agent elsewhere.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the last scaling events, the newest first, with the ID that explain and replay take.

    Asks the running agent; where none runs, it reads the journal in the state directory.
    """
    events = _events(service, limit, url)
    if as_json:
        print_json(events)
    elif events:
        console.print(_table(events))
    else:
        console.print("no scaling event yet; `selfscale status` says what was decided last")


def _events(service: str | None, limit: int, url: str | None) -> list[Json]:
    if running.count(service, url) == 0:
        return journal.events(service, limit)
    name = only_service(service, url)
    found: list[Json] = ask(f"/api/autoscaling/history/{quote(name, safe='')}?limit={limit}", service=service, url=url)[
        "history"
    ]
    return found


def _table(events: list[Json]) -> Table:
    table = Table("id", "when", "replicas", "by", "outcome", "why", box=None, pad_edge=False)
    for event in events:
        replicas = f"{event['fromReplicas']} -> {event['toReplicas']}"
        why = event["error"] or event["reason"]
        outcome = event["outcome"] + (f" ({event['code']})" if event.get("code") else "")
        table.add_row(event["id"], str(event["startedAt"]), replicas, event["trigger"], outcome, escape(why))
    return table
