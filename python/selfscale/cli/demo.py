"""``selfscale demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selfscale.cli.terminal import refuse_usage


def demo(
    quick: Annotated[bool, typer.Option("--quick", help="Half a minute instead of one and a half.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Keep report, picture, journal and figures there.", metavar="DIR"),
    ] = None,
) -> None:
    """Watch a real app scale itself under recorded load."""
    try:
        from selfscale.demo import play
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in {"fastapi", "uvicorn"}:
            raise
        refuse_usage("the demo needs more than the command line: pip install 'selfscale[demo]'")
    raise typer.Exit(play.demo(quick=quick, output=output))
