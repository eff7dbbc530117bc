"""``selfscale status``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from statistics import fmean
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from selfscale._json import Json
from selfscale.cli.running import ask, asked
from selfscale.cli.terminal import AsJson, console, print_json, refuse_usage

_CANDIDATE = "candidate"  # the switch whose value, where it says no, is all that the driver finds wrong


def status(
    service: Annotated[
        str | None,
        typer.Option("--service", "-s", help="One service; else each that has an agent here.", metavar="NAME"),
    ] = None,
    *,
    instance: Annotated[
        str | None, typer.Option("--instance", help="Readings of this one; else of all.", metavar="NAME")
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="An agent elsewhere.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a running agent: switches with who set them, services, readings, what it costs.

    Of several, one after the other.
    """
    found = [ask("/api/autoscaling/status", service=name, url=url)["status"] for name in asked(service, url)]
    if instance:
        found = _of_instance(found, instance)
    if as_json:
        print_json(found[0] if len(found) == 1 else found)
        return
    for number, one in enumerate(found):
        if number:
            console.print()
        for part in parts(one):
            console.print(part)


def _of_instance(found: list[Json], instance: str) -> list[Json]:
    """Leave out the readings of other instances; those of a service are of none."""
    known = sorted({each["instance"] for one in found for each in one.get("readings", []) if each["instance"]})
    if instance not in known:
        refuse_usage(f"no instance {instance} has readings here; {', '.join(known) or 'none'} has")
    return [
        {**one, "readings": [each for each in one.get("readings", []) if each["instance"] in {None, instance}]}
        for one in found
    ]


def parts(found: Json) -> Iterator[RenderableType]:
    """Yield a status as a person wants to read it: what it does, who says no, then the rest."""
    driver = found["driver"] or "none: it recommends only"
    yield f"[bold]{escape(found['service'])}[/]  {found['role']} {escape(found['process'])}, driver {escape(driver)}"
    if found["leader"] not in {None, found["process"]}:
        yield f"another agent, {escape(found['leader'])}, leads"
    yield f"may act: {_words(found['mayAct'])}" + (f", {found['because']}" if found["because"] else "")
    yield _switches(found["switches"])
    if found["services"]:
        yield _services(found["services"])
    else:
        yield "nothing has been decided yet: the first evaluation is still to come"
    if readings := found.get("readings"):  # an agent of the version before has none
        yield table_of_readings(readings)
    yield _instances(found["instances"])
    yield _host(found["host"])
    yield f"costs {found['cost']['cpuRatio']:.2%} of a core"
    set_by_hand = [one for one in found["settings"] if one["from"] != "default"]
    if set_by_hand:
        yield _table(set_by_hand, {"setting": "name", "value": "value", "from": "from"})
    yield from _complaints(found)


def _switches(switches: list[Json]) -> Table:
    """What each stands at, and a mark only where one is in the way."""
    table = Table("switch", "stands at", "set by", "when", "", box=None, pad_edge=False)
    for one in switches:
        is_said_below = one["name"] == _CANDIDATE and one["saysNo"]
        stands_at = "off" if is_said_below else {"true": "on", "false": "off"}.get(one["value"], one["value"])
        mark = "[red]in the way[/]" if one["saysNo"] else ""
        table.add_row(escape(one["name"]), escape(str(stands_at)), escape(one["by"] or "-"), _words(one["at"]), mark)
    return table


def _services(services: list[Json]) -> Table:
    table = Table("service", "current", "ready", "recommended", "bounds", "decision", "why", box=None, pad_edge=False)
    for one in services:
        counts = (_words(one[key]) for key in ("currentReplicas", "readyReplicas", "recommendedReplicas"))
        bounds = f"{one['minReplicas']} to {one['maxReplicas']}"
        decision = _words(one["decisionId"])
        table.add_row(escape(one["service"]), *counts, bounds, decision, escape(one["error"] or one["reason"]))
    return table


def table_of_readings(readings: list[Json]) -> Table:
    """One line for each name; of several instances their mean, and how far they lie apart."""
    table = Table("reading", "value", "unit", "of", box=None, pad_edge=False)
    for name, group in groupby(readings, key=itemgetter("name")):
        found = list(group)
        known = [each for each in found if each["value"] is not None]
        unit = found[0]["unit"] or ""
        if not known:
            table.add_row(escape(name), "-", unit, escape(found[0]["missing"]))
            continue
        values = [each["value"] for each in known]
        whose = known[0]["instance"] or "the service"
        if len(known) > 1:
            whose = f"mean of {len(known)} instances, {_number(min(values))} to {_number(max(values))}"
        table.add_row(escape(name), _number(fmean(values)), unit, escape(whose))
    return table


def _number(value: float) -> str:
    """Three digits that matter, and all before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _instances(instances: list[Json]) -> Table:
    table = Table("instance", "processes", "ready", "draining", "open files", "threads", box=None, pad_edge=False)
    for one in instances:
        pids = ", ".join(str(pid) for pid in one["pids"])
        words = (_words(one[key]) for key in ("ready", "draining", "openFiles", "threads"))
        table.add_row(escape(one["instance"]), pids, *words)
    return table


def _host(host: Json) -> str:
    busy = "-" if host["cpuUsage"] is None else f"{host['cpuUsage']:.0f} %"
    free = "-" if host["availableBytes"] is None else f"{host['availableBytes'] / 2**20:.0f} MiB"
    return f"host: {host['cores']} cores {busy} busy, {free} of memory available"


def _complaints(found: Json) -> Iterator[str]:
    """What is not as it should be; nothing on a good day."""
    for switch in found["switches"]:
        if switch["name"] == _CANDIDATE and switch["saysNo"]:
            yield f"[red]wrong[/]  {escape(switch['value'])}"
    for problem in found["policies"]["problems"]:
        yield f"[red]wrong[/]  {escape(problem['pointer'] or 'the document')}: {escape(problem['message'])}"
    for one in found["services"]:
        yield from _of_service(one)
    segment = found["segment"] or {"note": None}
    degraded = [*found["degraded"], found["journal"]["degraded"], segment["note"]]
    notes = [f"{one['service']}: {one['note']}" for one in found["services"] if one["note"]]
    notes += [f"{one['service']}: no count is set now: {one['hold']}" for one in found["services"] if one.get("hold")]
    if looks := found["looksLike"]:
        notes.append(f"{looks['what']}: {looks['why']}" + (f". {looks['paste']}" if looks["paste"] else ""))
    # What goes wrong may be told by more than one part of the agent.
    for words in dict.fromkeys([*filter(None, degraded), *notes, *found["preflight"]["warnings"]]):
        yield f"[yellow]note[/]   {escape(words)}"
    for counted, words in (("failed", "callbacks failed"), ("dropped", "calls of callbacks dropped")):
        if found["calls"][counted]:
            yield f"[yellow]note[/]   {found['calls'][counted]} {words}"
    if found["refused"]:
        yield (
            f"[yellow]note[/]   {found['refused']} recordings or readings refused: NaN, infinite or negative values, or"
            " more metrics and label values than there is room for"
        )
    if found["errors"]:
        yield f"[red]wrong[/]  {found['errors']} errors inside the agent; its log has them"


def _of_service(one: Json) -> Iterator[str]:
    """What keeps its platform from being looked at, or asked."""
    if one["failure"]:
        yield f"[red]wrong[/]  {escape(one['service'])}: {escape(one['failure'])}"
    if circuit := one["circuit"]:
        until = datetime.fromtimestamp(circuit["openUntil"]).strftime("%H:%M:%S")
        failures = "a failure" if circuit["failures"] == 1 else f"{circuit['failures']} failures in a row"
        yield (
            f"[red]wrong[/]  {escape(one['service'])}: nothing more is asked of the platform until {until}, after"
            f" {failures} ({circuit['code']}): {escape(circuit['because'])}"
        )
    if wait := one["wait"]:
        yield (
            f"[red]wrong[/]  {escape(one['service'])}: the platform is not looked at until {clock(wait['until'])},"
            f" as it asks for ({wait['code']}): {escape(wait['because'])}"
        )


def clock(text: str) -> str:
    """Return a time of the API's as a clock on the wall shows it here."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone().strftime("%H:%M:%S")


def _table(rows: list[Json], columns: dict[str, str]) -> Table:
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(escape(_words(row[key])) for key in columns.values()))
    return table


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
