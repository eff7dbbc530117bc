"""``selfscale validate``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.markup import escape

from selfscale import hints, load_policies, vercel
from selfscale._json import Json
from selfscale.cli.driver_module import DriverModule, register_from
from selfscale.cli.terminal import AsJson, console, print_json
from selfscale.drivers import names_of_ours, registered_names
from selfscale.errors import Error, PolicyError, Problem

_OWN = "One of your own is known by the module that registers it: --driver-module MODULE"


def validate(
    file: Annotated[str, typer.Argument(help="The policy file; or a vercel.json.")],
    as_json: AsJson = False,
    driver_module: DriverModule = None,
) -> None:
    """Check a policy file whole: every mistake at once, and how each bare number was read.

    A driver with nearly the name of one of selfscale's is a mistake, unless --driver-module registers it.

    Of a vercel.json: what is out of Vercel's limits, what it sets, and why nothing in it can be scaled.
    """
    register_from(driver_module)
    try:
        if Path(file).name == "vercel.json":
            _validate_vercel(file, as_json)
        else:
            _validate_policies(file, as_json)
    except Error as error:
        if not as_json:
            raise
        print_json({"valid": False, "problems": [Problem("", "", str(error))._asdict()]})
        raise typer.Exit(1) from None


def _validate_policies(file: str, as_json: bool) -> None:
    try:
        policies = load_policies(file)
    except PolicyError as error:
        _refuse(error.problems, as_json)
    odd = hints(file)
    found = [hint for hint in odd if not (_is_on_driver(hint) and json.loads(hint.value) in registered_names())]
    misspelt = [_misspelt(hint) for hint in found if _is_of_misspelt_driver(hint)]
    if misspelt:
        _refuse(misspelt, as_json)
    found += _of_unknown_drivers(policies)
    if as_json:
        print_json({"valid": True, "hints": [hint._asdict() for hint in found], "policies": policies})
        return
    for policy in policies:
        console.print(f"[green]ok[/]  {escape(_summary(policy))}")
    for hint in found:
        _show("[yellow]hint[/]", hint)


def _of_unknown_drivers(policies: Sequence[Json]) -> list[Problem]:
    """Hint at names that an agent in an app may know; those that are near ones of ours the library hints at."""
    known = {*names_of_ours(), *registered_names()}
    named = {policy["platform"]["driver"]: policy["service"] for policy in policies if policy.get("platform")}
    return [
        Problem(
            f"{service}: /platform/driver",
            json.dumps(driver),
            f"is none of selfscale's: nothing is scaled where no driver of yours is registered by that name. {_OWN}",
        )
        for driver, service in named.items()
        if driver not in known
    ]


def _refuse(problems: Sequence[Problem], as_json: bool) -> NoReturn:
    if as_json:
        print_json({"valid": False, "problems": [problem._asdict() for problem in problems]})
    else:
        show_problems(problems)
    raise typer.Exit(1)


def _is_on_driver(hint: Problem) -> bool:
    return hint.pointer.endswith("/platform/driver")


def _is_of_misspelt_driver(hint: Problem) -> bool:
    """Whether it is on a name that is near one of ours, or another word for it."""
    return _is_on_driver(hint) and "did you mean" in hint.message


def _misspelt(hint: Problem) -> Problem:
    return hint._replace(message=f"{hint.message} {_OWN}")


def _validate_vercel(file: str, as_json: bool) -> None:
    found = vercel.check(file)
    if as_json:
        print_json(found.to_dict())
    else:
        if found.problems:
            show_problems(found.problems)
        for pattern, settings in found.functions.items():
            console.print(f"[green]ok[/]  function {escape(pattern)}: {escape(_settings(settings, found.regions))}")
        for name, instances in found.daemons.items():
            console.print(f"[green]ok[/]  daemon {escape(name)}: {escape(_settings(instances, []))}")
        for hint in found.hints:
            _show("[yellow]hint[/]", hint)
        for reason in found.cannot_scale:
            console.print(f"[dim]note[/]  {escape(reason)}")
    if found.problems:
        raise typer.Exit(1)


def _settings(settings: Json, regions: list[str]) -> str:
    everywhere = {"regions": regions} if regions and "regions" not in settings else {}
    words = [f"{key} {', '.join(value) if isinstance(value, list) else value}" for key, value in settings.items()]
    words += [f"{key} {', '.join(value)}" for key, value in everywhere.items()]
    return "; ".join(words) or "nothing set"


def _summary(policy: Json) -> str:
    bounds = f"{policy['minReplicas']} to {policy['maxReplicas']} replicas"
    enabled = "enabled" if policy["enabled"] else "not enabled: it recommends and never acts"
    return f"{policy['service']}: {bounds}, {_counted(len(policy['rules']), 'rule')}, {enabled}"


def show_problems(problems: Sequence[Problem]) -> None:
    """Print every mistake of a policy document."""
    for problem in problems:
        _show("[red]wrong[/]", problem)
    console.print(_counted(len(problems), "mistake"))


def _show(kind: str, problem: Problem) -> None:
    value = f" = {problem.value}" if problem.value else ""
    console.print(f"{kind}  {escape((problem.pointer or 'the document') + value)}\n      {escape(problem.message)}")


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
