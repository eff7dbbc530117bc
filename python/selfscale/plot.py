"""Pictures of load, replicas and response times over time. Needs ``selfscale[plot]`` (Matplotlib)."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

try:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MultipleLocator
except ImportError as problem:
    raise ImportError("plots need Matplotlib:  pip install 'selfscale[plot]'") from problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from selfscale.simulate import SimulationResult

__all__ = ["Curve", "Mark", "picture", "simulation_picture"]

MOST_REASONS = 40
"""So many reasons are listed; further events are drawn without a number."""

_MOST_COUNTS = 6
"""So many counts of a step are listed one by one."""
_WIDTH = 133
"""Letters of a line below the drawing."""
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_HOUR = 3600.0
_COLOURS = ("#1f6feb", "#d1731a", "#2f9e62", "#8250df", "#b3261e", "#57606a")


@dataclass(frozen=True)
class Mark:
    """A scaling event on the time axis."""

    seconds: float
    from_replicas: int
    to_replicas: int
    reason: str


@dataclass(frozen=True)
class Curve:
    """One run: what it had and what its users felt, at each time."""

    name: str
    seconds: Sequence[float]
    ready: Sequence[float]
    response_seconds: Sequence[float | None]
    """p95 of the time since the point before; None where nobody asked."""
    wanted: Sequence[float] | None = None
    marks: Sequence[Mark] = field(default=())
    errors: float = 0.0
    """Share of the requests that failed, 0 to 1: a percentile alone hides those whose client gave up."""


def picture(load: tuple[Sequence[float], Sequence[float]], curves: Sequence[Curve], *, title: str) -> Figure:
    """Draw load, replicas and response times one above the other.

    Args:
        load: seconds, and requests per second at them.
        curves: the runs to compare; their marks are drawn, numbered, and listed with their reasons.
        title: what the picture shows, in one line.
    """
    steps = [step for curve in curves for step in _steps(curve.marks)]
    lines = _lines(steps)
    text_height = 0.132 * len(lines) + (0.25 if lines else 0.0)
    figure = Figure(figsize=(10.0, 7.4 + text_height), dpi=110)
    bottom = (text_height + 0.55) / (7.4 + text_height)
    top = 1 - 0.5 / (7.4 + text_height)
    axes = figure.subplots(3, 1, sharex=True, height_ratios=(2, 3, 3))
    figure.subplots_adjust(left=0.08, right=0.985, bottom=bottom, top=top, hspace=0.22)
    figure.suptitle(title, x=0.08, y=1 - 0.12 / (7.4 + text_height), ha="left", va="top", fontsize=12, weight="bold")

    _draw_load(axes[0], load)
    _draw_replicas(axes[1], curves, numbered=sum(map(len, steps[:MOST_REASONS])))
    _draw_responses(axes[2], curves)
    for each in axes:
        each.grid(True, color="#d0d7de", linewidth=0.5)
        each.spines[["top", "right"]].set_visible(False)
        each.margins(x=0)
    _label_time(axes[2], max(load[0], default=0.0))
    if lines:
        figure.text(0.08, 0.08 / (7.4 + text_height), "\n".join(lines), va="bottom", family="monospace", fontsize=8)
    return figure


def simulation_picture(result: SimulationResult) -> Figure:
    """Draw a simulation: the load once, and every policy."""
    curves = []
    load: tuple[Sequence[float], Sequence[float]] = ((), ())
    for name in result.summary():
        columns = result.columns(name)
        load = (columns["seconds"], columns["offered_per_second"])
        marks = [
            Mark(event.started_at, event.from_replicas, event.to_replicas, event.reason)
            for event in result.events[name]
        ]
        responses = [
            value if offered > 0 else None
            for value, offered in zip(columns["p95_seconds"], columns["offered_per_second"], strict=True)
        ]
        curves.append(
            Curve(
                name,
                columns["seconds"],
                columns["ready_replicas"],
                responses,
                columns["desired_replicas"],
                marks,
            )
        )
    return picture(load, curves, title="Simulation: " + ", ".join(curve.name for curve in curves))


def _draw_load(axes: Axes, load: tuple[Sequence[float], Sequence[float]]) -> None:
    axes.fill_between(load[0], load[1], color="#57606a", alpha=0.25, linewidth=0)
    axes.plot(load[0], load[1], color="#57606a", linewidth=1)
    axes.set_ylabel("requests / s")
    axes.set_ylim(bottom=0)


def _draw_replicas(axes: Axes, curves: Sequence[Curve], *, numbered: int) -> None:
    number = 0
    for curve, colour in zip(curves, _COLOURS * len(curves), strict=False):
        axes.step(
            curve.seconds,
            curve.ready,
            where="post",
            color=colour,
            linewidth=1.8,
            label=f"{curve.name}: ready",
        )
        if curve.wanted is not None:
            axes.step(
                curve.seconds,
                curve.wanted,
                where="post",
                color=colour,
                linewidth=1,
                linestyle=":",
                label=f"{curve.name}: wanted",
            )
        for marker, up in (("^", True), ("v", False)):
            marks = [mark for mark in curve.marks if (mark.to_replicas > mark.from_replicas) == up]
            axes.scatter([m.seconds for m in marks], [m.to_replicas for m in marks], 36, color=colour, marker=marker)
        for mark in islice(curve.marks, numbered - number):
            number += 1
            axes.annotate(
                str(number), (mark.seconds, mark.to_replicas), textcoords="offset points", ha="center",
                xytext=(0, 6 if mark.to_replicas > mark.from_replicas else -13), fontsize=7, color=colour,
            )  # fmt: skip
    axes.set_ylabel("replicas")
    highest = max((max(curve.ready, default=0) for curve in curves), default=0)
    axes.set_ylim(0, highest + 1.5)
    _legend(axes)


def _draw_responses(axes: Axes, curves: Sequence[Curve]) -> None:
    for curve, colour in zip(curves, _COLOURS * len(curves), strict=False):
        values = [float("nan") if value is None else value for value in curve.response_seconds]
        label = f"{curve.name}, {curve.errors:.2%} errors" if curve.errors else curve.name
        axes.plot(curve.seconds, values, color=colour, linewidth=1.2, label=label)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else "")
    axes.set_ylabel("p95 response time, s")
    _legend(axes)


def _label_time(axes: Axes, longest: float) -> None:
    """Hours for hours, seconds for seconds."""
    if longest < 3 * _HOUR:
        axes.set_xlabel("seconds")
        return
    axes.xaxis.set_major_locator(MultipleLocator(_HOUR * max(1, round(longest / _HOUR / 12))))
    axes.xaxis.set_major_formatter(lambda seconds, _: f"{seconds / _HOUR:g}")
    axes.set_xlabel("hours")


def _legend(axes: Axes) -> None:
    """Above the drawing, where it hides nothing."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0.97), fontsize=8, frameon=False, ncols=6)


def _steps(marks: Sequence[Mark]) -> list[list[Mark]]:
    """Put what follows on each other in one direction, for reasons that differ in their numbers alone, together."""
    steps: list[list[Mark]] = []
    for mark in marks:
        if steps and _goes_on(steps[-1][-1], mark):
            steps[-1].append(mark)
        else:
            steps.append([mark])
    return steps


def _goes_on(before: Mark, mark: Mark) -> bool:
    same_way = (before.to_replicas > before.from_replicas) == (mark.to_replicas > mark.from_replicas)
    same_words = _NUMBER.split(before.reason) == _NUMBER.split(mark.reason)
    return before.to_replicas == mark.from_replicas and same_way and same_words


def _lines(steps: Sequence[Sequence[Mark]]) -> list[str]:
    """Word what happened, step by step: its numbers in the drawing, when it began, the counts, the whole reason."""
    changes = [_change(step) for step in steps[:MOST_REASONS]]
    width = max(map(len, changes), default=0)
    lines = []
    number = 1
    for step, change in zip(steps, changes, strict=False):
        numbers = f"{number}-{number + len(step) - 1}" if len(step) > 1 else str(number)
        begin = f"{numbers:>5}  {step[0].seconds:6.1f} s  {change:{width}}  "
        indent = " " * len(begin)
        lines += textwrap.wrap(begin + _reason(step), _WIDTH, subsequent_indent=indent, break_on_hyphens=False)
        number += len(step)
    left = sum(map(len, steps[MOST_REASONS:]))
    return [*lines, f"… and {left} more"] if left else lines


def _change(step: Sequence[Mark]) -> str:
    counts = [str(one) for one in [step[0].from_replicas, *(mark.to_replicas for mark in step)]]
    return " → ".join(counts if len(counts) <= _MOST_COUNTS else [*counts[:2], "…", *counts[-2:]])


def _reason(step: Sequence[Mark]) -> str:
    """Word why all of a step was done: a number that was another in the end stands beside it."""
    first, last = step[0].reason, step[-1].reason
    ends = iter(_NUMBER.findall(last))

    def from_to(found: re.Match[str]) -> str:
        end = next(ends)
        return found[0] if found[0] == end else f"{found[0]} … {end}"

    return _NUMBER.sub(from_to, first)
