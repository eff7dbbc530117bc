"""``selfscale simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

import selfscale
from selfscale.cli.policies import PolicyFile, Service, policy_of
from selfscale.cli.terminal import AsJson, console, print_json, refuse, refuse_usage
from selfscale.simulate import SimulationResult

_LABELS = {"errors": "errors (timed out)", "offered_per_second": "requests per second, mean"}


def simulate(
    *,
    policy: PolicyFile,
    trace: Annotated[str, typer.Option("--trace", help="The load: a CSV, see docs/simulate.md.", metavar="FILE")],
    capacity: Annotated[float, typer.Option("--capacity", help="Requests per second that one replica serves.")],
    startup: Annotated[float, typer.Option("--startup", help="Seconds until a new replica serves.")],
    service: Service = None,
    seed: Annotated[int, typer.Option("--seed", help="For the noise of the arrivals.")] = 0,
    plot: Annotated[
        str | None,
        typer.Option("--plot", help="Draw load, replicas and latency into this file.", metavar="FILE"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try a policy on a recorded load, in virtual time."""
    if capacity <= 0 or startup < 0:
        refuse_usage("--capacity must be over 0, and --startup at least 0")
    chosen = policy_of(policy, service)
    model = selfscale.ServiceModel(capacity_per_replica=capacity, startup=startup)
    name = str(chosen["service"])
    result = selfscale.simulate({name: chosen}, trace, service=model, seed=seed)
    if plot is not None:
        _save(result, plot)
    summary = result.summary()
    if as_json:
        print_json(summary)
        return
    console.print(_table(name, summary[name], model.timeout))


def _table(name: str, numbers: dict[str, float], timeout: float) -> Table:
    table = Table("", name)
    for key, value in numbers.items():
        is_cut = key.endswith("_seconds") and key.startswith("p") and value >= timeout
        words = f"{value:,.3f}".rstrip("0").rstrip(".") + (" (the client's timeout)" if is_cut else "")
        table.add_row(_LABELS.get(key, key.replace("_", " ")), words)
    return table


def _save(result: SimulationResult, path: str) -> None:
    try:
        result.plot().savefig(Path(path))
    except OSError as error:
        refuse(f"cannot write {path}: {error.strerror}")
    except ValueError as error:
        refuse_usage(f"--plot {path}: {error}")
