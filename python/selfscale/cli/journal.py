"""The journal on disk: what was decided, when no agent runs that could be asked."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from selfscale import _core
from selfscale._json import Json
from selfscale.cli.running import refuse_where_none_can_be_seen, run_directory
from selfscale.cli.terminal import refuse, refuse_usage
from selfscale.errors import Error


def state_directory() -> Path:
    """Where agents of this user keep what they remember."""
    if directory := os.environ.get("SELFSCALE_STATE_DIR"):
        return Path(directory)
    if directory := os.environ.get("XDG_STATE_HOME"):
        return Path(directory) / "selfscale"
    if directory := os.environ.get("HOME"):
        return Path(directory) / ".local" / "state" / "selfscale"
    return run_directory() / "state"


def record(decision_id: str) -> Json:
    """Return a DecisionRecord with its policy."""
    found: Json = json.loads(_open().record(decision_id))
    return found


def last_record(service: str | None) -> Json:
    """Return the newest DecisionRecord of a service, with its policy; without a name, of the only one."""
    journal = _open()
    found: Json = json.loads(journal.last_record(_known(journal, service)))
    return found


def events(service: str | None, limit: int) -> list[Json]:
    """Return the newest events of a service, the newest first; without a name, of the only one."""
    journal = _open()
    name = _known(journal, service)
    lines = [json.loads(line) for line in journal.jsonl(name).splitlines()]
    newest = {line["id"]: line for line in lines if line["kind"] == "event"}  # a later line of an event says more
    ordered = sorted(newest.values(), key=lambda event: event["startedAt"], reverse=True)
    return [{key: _as_over_http(key, value) for key, value in one.items() if key != "kind"} for one in ordered[:limit]]


def _as_over_http(key: str, value: Any) -> Any:
    """Times are seconds in the journal and text over HTTP."""
    if key not in {"startedAt", "acceptedAt"} or not isinstance(value, (int, float)):
        return value
    return datetime.fromtimestamp(value, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _known(journal: _core.Journal, service: str | None) -> str:
    known = journal.services()
    if service is None and len(known) > 1:
        refuse_usage(f"the journal in {state_directory()} knows {', '.join(known)}: say which with --service")
    if not known or service not in {None, *known}:
        refuse(f"the journal in {state_directory()} has no decision on {service or 'any service'}")
    return service or known[0]


def _open() -> _core.Journal:
    directory = state_directory()
    try:
        return _core.Journal(str(directory))
    except Error as error:
        if error.code != "not_found":
            raise
        refuse_where_none_can_be_seen()
        refuse(
            f"no agent runs here: no socket in {run_directory()}; and there is no journal in {directory}. Start your"
            " app or `selfscale run`, with the same SELFSCALE_RUN_DIR and SELFSCALE_STATE_DIR, or give --url"
        )
