"""``selfscale status``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer
from rich.markup import escape

from selfscale.cli.policies import Service
from selfscale.cli.running import ask
from selfscale.cli.terminal import AsJson, console, print_json

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def status(
    service: Service = None,
    *,
    url: Annotated[str | None, typer.Option("--url", help="An agent elsewhere.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a running agent: switches with who set them, services, what it costs."""
    found = ask("/api/autoscaling/status", service=service, url=url)["status"]
    if as_json:
        print_json(found)
        return
    for line in lines(found):
        console.print(line)


def lines(value: Mapping[str, object], depth: int = 0) -> Iterator[str]:
    """Yield an object as indented lines: "may act: no"."""
    indent = "  " * depth
    for key, item in value.items():
        name = _WORD_START.sub(" ", key).lower()
        if isinstance(item, Mapping) and item:
            yield f"{indent}[bold]{escape(name)}[/]"
            yield from lines(item, depth + 1)
        elif isinstance(item, list) and any(isinstance(one, Mapping) for one in item):
            for one in item:
                yield f"{indent}[bold]{escape(name)}[/]"
                yield from lines(one if isinstance(one, Mapping) else {"": one}, depth + 1)
        else:
            yield f"{indent}{escape(name)}: {escape(_words(item))}"


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(_words(one) for one in value)
    return str(value)
