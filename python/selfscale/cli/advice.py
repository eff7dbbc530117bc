"""``selfscale policies`` and ``selfscale recommendations``: what a running agent goes by, and what it would do."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from selfscale._json import Json
from selfscale.cli.orders import Url
from selfscale.cli.running import ask, asked
from selfscale.cli.terminal import AsJson, console, print_json

One = Annotated[
    str | None, typer.Option("--service", "-s", help="One service; else each that has an agent here.", metavar="NAME")
]


def policies(service: One = None, *, url: Url = None, as_json: AsJson = False) -> None:
    """List the policies that running agents go by, as they stand now."""
    found: dict[str, Json] = {}
    for name in asked(service, url):
        for policy in ask("/api/autoscaling/policies", service=name, url=url)["policies"]:
            if service in {None, policy["service"]}:
                found[policy["service"]] = policy
    if as_json:
        print_json(list(found.values()))
        return
    table = Table("service", "bounds", "driver", "rules", box=None, pad_edge=False)
    for policy in found.values():
        bounds = f"{policy['minReplicas']} to {policy['maxReplicas']}"
        driver = (policy.get("platform") or {}).get("driver") or "-"
        rules = ", ".join(str(rule.get("name") or rule["type"]) for rule in policy.get("rules", []))
        table.add_row(escape(policy["service"]), bounds, escape(driver), escape(rules or "-"))
    console.print(table)


def recommendations(service: One = None, *, url: Url = None, as_json: AsJson = False) -> None:
    """List what running agents would do now, and why."""
    found = [
        one
        for name in asked(service, url)
        for one in ask("/api/autoscaling/recommendations", service=name, url=url)["recommendations"]
    ]
    if as_json:
        print_json(found)
    elif not found:
        console.print("nothing has been decided here yet; `selfscale status` says which agent leads")
    else:
        table = Table("service", "current", "recommended", "action", "acts", "why", box=None, pad_edge=False)
        for one in found:
            said = one["decision"]["recommendation"]
            is_counted = one["replicas"]["current"] is not None
            counts = (str(said[key]) if is_counted else "-" for key in ("currentReplicas", "recommendedReplicas"))
            acts = "yes" if one["mayAct"] else f"no, {one['because']}"
            why = escape(one["error"] or said["reason"])
            table.add_row(escape(one["service"]), *counts, one["decision"]["action"], acts, why)
        console.print(table)
