"""What a person sees while the demo runs: a live view in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from selfscale.demo.experiment import Run, percentile
from selfscale.demo.scenario import Scenario

RECENT_SECONDS = 2.0
LINE_SECONDS = 2.0
LAST_REASONS = 6
_LEVELS = " ▁▂▃▄▅▆▇█"


class View(AbstractContextManager["View"]):
    """Shows runs as they go on. Leaving it restores the terminal."""

    def __init__(self, scenario: Scenario, console: Console) -> None:
        """Show nothing yet."""
        self.scenario = scenario
        self.console = console
        self.title = ""
        self._live = Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        self._last_line = 0.0
        self._events_told = 0

    def __enter__(self) -> View:
        """Take the terminal."""
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the terminal back."""
        if self._live:
            self._live.stop()

    def begin(self, title: str) -> None:
        """Say what comes now."""
        self.title = title
        self._last_line = 0.0
        self._events_told = 0
        self.console.print(f"[bold]{title}[/bold]")

    def show(self, runs: Sequence[Run], now: float) -> None:
        """Show the runs at a time of the load; below 0 the service is still starting."""
        if self._live:
            self._live.update(self._panel(runs, now))
        else:
            self._tell(runs, now)

    def _panel(self, runs: Sequence[Run], now: float) -> RenderableType:
        if now < 0:
            return Panel(Text("starting …", style="dim"), title=self.title, title_align="left")
        parts: list[RenderableType] = [
            chart(self.scenario, runs, self.console.width - 4, now),
            self._figures(runs, now),
        ]
        if len(runs) == 1:
            parts.append(self._reasons(runs[0]))
        progress = f"{min(now, self.scenario.seconds):.0f} of {self.scenario.seconds:.0f} s"
        return Panel(Group(*parts), title=f"{self.title}: {progress}", title_align="left")

    def _figures(self, runs: Sequence[Run], now: float) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for heading in ("", "requests", "p50", "p95", "p99", "errors", "replicas wanted", "ready"):
            table.add_column(heading, justify="left" if heading == "" else "right")
        for run in runs:
            recent = run.recent(now, RECENT_SECONDS)
            look = run.looks[-1] if run.looks else None
            table.add_row(
                run.name,
                f"{len(run.took):,}",
                *(_percentile_in_words(recent, q) for q in (0.5, 0.95, 0.99)),
                f"{sum(run.failed):,}",
                str(look.wanted) if look else "-",
                str(look.ready) if look else "-",
            )
        return table

    def _reasons(self, run: Run) -> Text:
        text = Text("\n")
        for event in run.events[-LAST_REASONS:]:
            text.append(f"{event.seconds:5.1f} s  ", style="dim")
            text.append(f"{event.from_replicas:>2} → {event.to_replicas:<2}  ", style="bold")
            text.append(event.reason + "\n")
        return text

    def _tell(self, runs: Sequence[Run], now: float) -> None:
        """Plain lines: every event, and the figures now and then."""
        for run in runs:
            for event in run.events[self._events_told :]:
                self.console.print(
                    f"  {event.seconds:5.1f} s  {event.from_replicas} -> {event.to_replicas}  {event.reason}",
                    markup=False,
                    soft_wrap=True,
                )
        self._events_told = max((len(run.events) for run in runs), default=0)
        if now < 0 or time.monotonic() - self._last_line < LINE_SECONDS:
            return
        self._last_line = time.monotonic()
        seconds, rates = self.scenario.load
        for run in runs:
            recent = run.recent(now, RECENT_SECONDS)
            look = run.looks[-1]
            p95 = _percentile_in_words(recent, 0.95)
            self.console.print(
                f"  {now:5.1f} s  {run.name}: {_rate_at(seconds, rates, now):.0f} req/s, p95 {p95}, "
                f"{look.ready} of {look.wanted} replicas ready, {sum(run.failed)} errors",
                markup=False,
                soft_wrap=True,
            )


def chart(scenario: Scenario, runs: Sequence[Run], width: int, now: float | None = None) -> Text:
    """Load, replicas and p95 of the runs over time, in characters; up to `now`, or whole."""
    columns = max(20, min(100, width - 36))
    until = scenario.seconds if now is None else now
    seconds, rates = scenario.load
    text = Text()
    text.append("load         ", style="bold")
    for i in range(columns):
        at = (i + 0.5) / columns * scenario.seconds
        text.append(_level(_rate_at(seconds, rates, at) / max(rates)), style="cyan" if at <= until else "bright_black")
    text.append(
        f" {_rate_at(seconds, rates, until):5.0f} req/s\n" if now is not None else f" up to {max(rates):.0f} req/s\n"
    )
    for run in runs:
        text.append(f"{run.name:<13}", style="bold")
        for i in range(columns):
            text.append(*_replicas_at(scenario, run, (i + 0.5) / columns * scenario.seconds, until))
        last = run.looks[-1] if run.looks else None
        if last:
            text.append(
                f" {last.ready} of {last.wanted} ready\n"
                if now is not None
                else f" {run.replica_seconds():,.0f} replica-seconds\n"
            )
    return text


def _replicas_at(scenario: Scenario, run: Run, at: float, until: float) -> tuple[str, str]:
    """One character: how many replicas were ready then; yellow while more were on their way."""
    index = bisect_right([look.seconds for look in run.looks], at) - 1
    if index < 0 or at > until:
        return " ", ""
    look = run.looks[index]
    return _level(look.ready / scenario.max_replicas), "green" if look.ready >= look.wanted else "yellow"


def _level(share: float) -> str:
    return _LEVELS[max(0, min(len(_LEVELS) - 1, round(share * (len(_LEVELS) - 1))))]


def milliseconds(seconds: float) -> str:
    """A response time for people."""
    return f"{seconds * 1000:,.0f} ms"


def _percentile_in_words(ordered: Sequence[float], q: float) -> str:
    """Return a percentile of response times for people; a dash where nothing was answered."""
    return milliseconds(percentile(ordered, q)) if ordered else "-"


def _rate_at(seconds: Sequence[float], rates: Sequence[float], at: float) -> float:
    return rates[max(0, min(bisect_right(seconds, at) - 1, len(rates) - 1))]
