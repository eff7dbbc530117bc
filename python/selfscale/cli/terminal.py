"""What all commands say in the same way: JSON for programs, tables for people, sentences for mistakes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

# What is piped goes to a program or a file: a table's lines are not to be broken there.
_piped_width = 400
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _piped_width)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""The option that every command has which prints data."""


def print_json(data: object) -> None:
    """Print data for programs."""
    print(json.dumps(data, indent=2, ensure_ascii=False))


def refuse(message: str) -> NoReturn:
    """End with exit code 1: what was checked is wrong, or the action failed."""
    print(f"selfscale: {message}", file=sys.stderr)
    raise SystemExit(1)


def refuse_usage(message: str) -> NoReturn:
    """End with exit code 2: the command was called in a way that means nothing."""
    print(f"selfscale: {message}", file=sys.stderr)
    raise SystemExit(2)


def read_json(path: str) -> dict[str, Any]:
    """Read a JSON object from a file, or from standard input when it is called ``-``."""
    name = "standard input" if path == "-" else path
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        document = json.loads(text)
    except OSError as error:
        refuse(f"cannot read {name}: {error.strerror}")
    except ValueError as error:
        refuse(f"{name} is not JSON: {error}")
    if not isinstance(document, dict):
        refuse(f"{name} holds no JSON object, but {type(document).__name__}")
    return document
