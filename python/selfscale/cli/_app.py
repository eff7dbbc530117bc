"""The table of commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from selfscale import __version__
from selfscale.cli import (
    advice,
    agent,
    decide,
    doctor,
    explain,
    history,
    init,
    orders,
    replay,
    run,
    simulate,
    status,
    validate,
)
from selfscale.cli.demo import demo
from selfscale.cli.terminal import refuse
from selfscale.errors import Error, PolicyError


class _Commands(typer.core.TyperGroup):
    """Turns the library's errors into a sentence and exit code 1."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except PolicyError as error:
            validate.show_problems(error.problems)
            sys.exit(1)
        except Error as error:
            refuse(str(error))


app = typer.Typer(
    name="selfscale",
    cls=_Commands,
    help="Autoscaling from inside your app.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[  # its callback does all
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass


app.command()(demo)
app.command(context_settings={"allow_interspersed_args": False})(run.run)
app.command()(agent.agent)
app.command()(init.init)
app.command()(doctor.doctor)
app.command()(validate.validate)
app.command()(decide.decide)
app.command()(explain.explain)
app.command()(history.history)
app.command()(simulate.simulate)
app.command()(replay.replay)
app.command()(status.status)
app.command()(advice.policies)
app.command()(advice.recommendations)
app.command()(orders.enable)
app.command()(orders.disable)
app.command()(orders.pause)
app.command()(orders.resume)
app.command()(orders.scale)
