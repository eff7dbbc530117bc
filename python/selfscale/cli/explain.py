"""``selfscale explain``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

import typer

import selfscale
from selfscale._json import Json
from selfscale.cli import journal, running
from selfscale.cli.policies import Service, policy_of
from selfscale.cli.running import ask
from selfscale.cli.terminal import AsJson, print_json, read_json, refuse, refuse_usage


def explain(
    decision_id: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Of a decision, or of an event; default: the last decision."),
    ] = None,
    *,
    service: Service = None,
    policy: Annotated[
        str | None, typer.Option("--policy", help="With --decision: the policy file.", metavar="FILE")
    ] = None,
    decision: Annotated[
        str | None,
        typer.Option("--decision", help="A decision in a file, JSON; - is standard input.", metavar="FILE"),
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="An agent elsewhere.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why a decision is what it is: every rule and every stage.

    Asks the running agent; where none runs, it reads the journal in the state directory.
    """
    if decision is not None:
        if policy is None or decision_id is not None:
            refuse_usage("--decision needs --policy, and no ID")
        chosen, found = policy_of(policy, service), read_json(decision)
        _show({"decision": found, "policy": chosen}, as_json)
        return
    if decision_id is not None:
        _show(recorded(decision_id, service, url), as_json)
        return
    for record in _last(service, url):
        _show(record, as_json)


def recorded(decision_id: str, service: str | None, url: str | None) -> Json:
    """Return a DecisionRecord with its policy: from a running agent, else from the journal on disk."""
    if running.count(service, url) != 1:
        return journal.record(decision_id)
    record: Json = ask(f"/api/autoscaling/decisions/{quote(decision_id, safe='')}", service=service, url=url)[
        "decision"
    ]
    return record


def _last(service: str | None, url: str | None) -> list[Json]:
    if running.count(service, url) == 0:
        return [journal.last_record(service)]
    published = ask("/api/autoscaling/recommendations", service=service, url=url)["recommendations"]
    policies = {
        policy["service"]: policy for policy in ask("/api/autoscaling/policies", service=service, url=url)["policies"]
    }
    records = [
        {
            "id": one["decisionId"],
            "decision": _with_core_time(one["decision"]),
            "policy": policies[one["service"]],
        }
        for one in published
        if one["service"] in policies and (service is None or one["service"] == service)
    ]
    if not records:
        refuse("nothing has been decided yet: the first evaluation is still to come")
    return records


def _with_core_time(decision: Json) -> Json:
    """Times are text over HTTP and seconds in a decision."""
    return {**decision, "at": datetime.fromisoformat(decision["at"].replace("Z", "+00:00")).timestamp()}


def _show(record: Json, as_json: bool) -> None:
    if as_json:
        print_json(record)
    else:
        if record.get("id"):
            print(f"decision {record['id']}")
        print(selfscale.explain(record["policy"], record["decision"]), end="")
