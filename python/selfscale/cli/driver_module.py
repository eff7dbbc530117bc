"""A driver of people's own, for commands that run no code of theirs otherwise."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from selfscale._arguments import shown_exception
from selfscale.cli.terminal import refuse, refuse_usage
from selfscale.drivers import registered_names

DriverModule = Annotated[
    str | None,
    typer.Option(
        "--driver-module",
        help="A Python module that registers drivers of your own; found in PYTHONPATH and here.",
        metavar="MODULE",
        envvar="SELFSCALE_DRIVER_MODULE",
    ),
]
_REGISTERS = "selfscale.register_driver(NAME, FACTORY)"


def register_from(module: str | None) -> None:
    """Import a module that registers drivers, before policies that name them are read. None: there is none."""
    if module is None:
        return
    before = registered_names()
    if str(Path.cwd()) not in sys.path and "" not in sys.path:
        # Last: what lies there may be called as a module of the standard library.
        sys.path.append(str(Path.cwd()))
    _import(module)
    if registered_names() == before:
        refuse(f"the driver module {module} registers no driver: have it call {_REGISTERS} where it is imported")


def _import(module: str) -> None:
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            refuse(f"the driver module {module} cannot be imported: {error}. Install that in {sys.prefix}")
        refuse_usage(
            f"there is no driver module {module} ({error}): name it as an import does (mypkg.mydriver), and set"
            f" PYTHONPATH to the folder in which {module.partition('.')[0]} lies, where that is not {Path.cwd()}"
        )
    except Exception as error:  # the import runs people's own code
        refuse(f"the driver module {module} cannot be imported: {shown_exception(error)}")
