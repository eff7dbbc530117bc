"""What a person tells a running agent: ``enable``, ``disable``, ``pause``, ``resume`` and ``scale``."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Annotated
from urllib.parse import quote

import typer

from selfscale._json import Json
from selfscale.cli import running
from selfscale.cli.durations import seconds
from selfscale.cli.running import ask, only_service, tell
from selfscale.cli.terminal import AsJson, print_json, refuse, refuse_usage

Named = Annotated[
    str | None, typer.Argument(metavar="S", help="The service; not needed where one agent runs.", show_default=False)
]
Switched = Annotated[str | None, typer.Argument(metavar="S", help="A service's own switch; without it the global one.")]
Url = Annotated[str | None, typer.Option("--url", help="An agent elsewhere.")]

# How a switch that is in the way is turned; {service} is whose.
_WAYS = {
    "kill": "SELFSCALE_KILL is set where the agent runs",
    "enabled": "the global switch is off; `selfscale enable` turns it on",
    "policy_enabled": "its own switch is off; `selfscale enable {service}` turns it on",
    "dry_run": "it is a dry run",
    "paused": "it is paused; `selfscale resume {service}` ends that",
    "driver": "it has no driver",
    "candidate": "its driver finds something wrong; `selfscale doctor` says what",
}


def enable(service: Switched = None, *, url: Url = None, as_json: AsJson = False) -> None:
    """Turn a service's switch on, or without a service the global one: both must be on for the agent to act.

    The global one holds for all services of this user on this host, or for all whose agents meet where SELFSCALE_FLEET
    says. A word outlives the agent: it is kept until `selfscale disable`, and goes before AUTOSCALING_ENABLED and the
    policy's "enabled". For one run alone start it with --enable.
    """
    _turn(service, url, on=True, as_json=as_json)


def disable(service: Switched = None, *, url: Url = None, as_json: AsJson = False) -> None:
    """Turn a service's switch off, or without a service the global one: the agent goes on measuring, and never acts."""
    if running.count(service, url) == 0:
        running.refuse_where_none_can_be_seen()
        refuse(
            "no agent runs here that could be told, and what was said to earlier ones holds for the next;"
            " SELFSCALE_KILL=1 holds that back, whatever was said"
        )
    _turn(service, url, on=False, as_json=as_json)


def pause(
    service: Named = None,
    *,
    until: Annotated[
        str | None, typer.Option("--until", help='Such as "2027-01-19T10:30:00Z".', metavar="TIME")
    ] = None,
    lasting: Annotated[str | None, typer.Option("--for", help='Such as "30m" or "1h30m".', metavar="DURATION")] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Hold a service where it is, until a time or until `selfscale resume`."""
    end = _end_of_pause(until, lasting)
    name = only_service(service, url)
    said = tell(_path("pause", name), {"until": end}, service=service, url=url)
    last = f"until {said['until']}" if said["until"] else f"until `selfscale resume {name}`"
    _say(said, f"{name} is paused {last}", as_json=as_json)


def resume(service: Named = None, *, url: Url = None, as_json: AsJson = False) -> None:
    """End a pause."""
    name = only_service(service, url)
    said = tell(_path("resume", name), {}, service=service, url=url)
    _say(said, f"{name} is paused no more{_what_else_is_in_the_way(name, service, url, {'paused'})}", as_json=as_json)


def scale(
    service: Named = None,
    *,
    replicas: Annotated[
        int | None, typer.Option("--replicas", min=0, help="How many.", metavar="N", show_default="needed")
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Ask for exactly so many replicas once, now, within the policy's bounds; the leader sets them.

    Ends with 1 where the agent may not act: the order is in its history as refused, and is not kept.
    """
    if replicas is None:
        is_count = service is not None and service.isdecimal()
        refuse_usage(f"say how many with --replicas: selfscale scale --replicas {service if is_count else 'N'}")
    name = only_service(service, url)
    said = tell(_path("test", name), {"replicas": replicas}, service=service, url=url)
    count = "1 replica is" if said["replicas"] == 1 else f"{said['replicas']} replicas are"
    short = "" if said["replicas"] == replicas else f" ({replicas} is outside of the policy's bounds)"
    refused = _in_the_way(name, service, url, set())
    words = f"{name}: {count} asked for{short}"
    if refused:
        words += f", which is refused: {', and '.join(refused)}. Ask again then"
    _say({**said, "refused": refused}, words, as_json=as_json)
    if refused:
        raise typer.Exit(1)


def _turn(service: str | None, url: str | None, *, on: bool, as_json: bool) -> None:
    order = {"enabled": on} if service is None else {"enabled": on, "service": service}
    said = tell("/api/autoscaling/enable", order, service=service, url=url)
    words = f"{f'the switch of {service}' if service else 'the global switch'} is {'on' if on else 'off'}"
    if on:
        words += _how_far_it_holds(service)
        turned = {"policy_enabled" if service else "enabled"}
        words += _what_else_is_in_the_way(only_service(service, url), service, url, turned)
    _say(said, words, as_json=as_json)


def _how_far_it_holds(service: str | None) -> str:
    if service:
        return f' until `selfscale disable {service}`, whatever "enabled" in its policy says'
    everywhere = "for all services of this user on this host, or all whose agents meet where SELFSCALE_FLEET says"
    return f" {everywhere}, until `selfscale disable`, whatever AUTOSCALING_ENABLED says"


def _what_else_is_in_the_way(name: str, service: str | None, url: str | None, turned: set[str]) -> str:
    ways = _in_the_way(name, service, url, turned)
    return f"; nothing is scaled yet: {', and '.join(ways)}" if ways else ""


def _in_the_way(name: str, service: str | None, url: str | None, turned: set[str]) -> list[str]:
    """Say what keeps a service from being acted on. What was just turned is not looked at: it counts from now on."""
    switches = ask("/api/autoscaling/status", service=service, url=url)["status"]["switches"]
    in_the_way = [each["name"] for each in switches if each["saysNo"] and each["name"] not in turned]
    return [_WAYS[each].format(service=name) for each in in_the_way if each in _WAYS]


def _end_of_pause(until: str | None, lasting: str | None) -> str | None:
    if lasting is None:
        return until
    if until is not None:
        refuse_usage("a pause ends once: give --until or --for")
    try:
        length = seconds(lasting)
    except ValueError as error:
        refuse_usage(f"--for: {error}")
    end = datetime.now(timezone.utc) + timedelta(seconds=length)
    return end.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _path(order: str, service: str) -> str:
    return f"/api/autoscaling/{order}/{quote(service, safe='')}"


def _say(said: Json, words: str, *, as_json: bool) -> None:
    if as_json:
        print_json({key: value for key, value in said.items() if key != "success"})
    else:
        print(words)
