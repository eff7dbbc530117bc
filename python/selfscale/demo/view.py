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
        width = max(20, min(100, self.console.width - 24))
        if now < 0:
            return Panel(Text("starting …", style="dim"), title=self.title, title_align="left")
        parts: list[RenderableType] = [self._load_line(now, width), self._figures(runs, now)]
        for run in runs:
            parts.append(self._replica_line(run, width))
        if len(runs) == 1:
            parts.append(self._reasons(runs[0]))
        return Panel(Group(*parts), title=f"{self.title}: {min(now, self.scenario.seconds):.0f} of {self.scenario.seconds:.0f} s", title_align="left")

    def _load_line(self, now: float, width: int) -> Text:
        seconds, rates = self.scenario.load
        highest = max(rates)
        line = Text(f"{'load':<12}", style="bold")
        for i in range(width):
            at = (i + 0.5) / width * self.scenario.seconds
            level = round(_rate_at(seconds, rates, at) / highest * (len(_LEVELS) - 1))
            line.append(_LEVELS[level], style="cyan" if at <= now else "bright_black")
        line.append(f" {_rate_at(seconds, rates, now):5.0f} req/s", style="cyan")
        return line

    def _replica_line(self, run: Run, width: int) -> Text:
        line = Text(f"{run.name:<12}", style="bold")
        looks = [look for look in run.looks if look.seconds >= 0]
        times = [look.seconds for look in looks]
        for i in range(width):
            at = (i + 0.5) / width * self.scenario.seconds
            index = bisect_right(times, at) - 1
            if index < 0 or (index == len(looks) - 1 and at > times[-1] + self.scenario.seconds / width):
                line.append(" ")
                continue
            level = round(looks[index].ready / self.scenario.max_replicas * (len(_LEVELS) - 1))
            line.append(_LEVELS[min(level, len(_LEVELS) - 1)], style="green" if looks[index].ready >= looks[index].wanted else "yellow")
        if looks:
            line.append(f" {looks[-1].ready:>2} ready of {looks[-1].wanted}")
        return line

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
                *(milliseconds(percentile(recent, q)) if recent else "–" for q in (0.5, 0.95, 0.99)),
                f"{sum(run.failed):,}",
                str(look.wanted) if look else "–",
                str(look.ready) if look else "–",
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
                self.console.print(f"  {event.seconds:5.1f} s  {event.from_replicas} -> {event.to_replicas}  {event.reason}", markup=False)
        self._events_told = max((len(run.events) for run in runs), default=0)
        if now < 0 or time.monotonic() - self._last_line < LINE_SECONDS:
            return
        self._last_line = time.monotonic()
        seconds, rates = self.scenario.load
        for run in runs:
            recent = run.recent(now, RECENT_SECONDS)
            look = run.looks[-1]
            self.console.print(
                f"  {now:5.1f} s  {run.name}: {_rate_at(seconds, rates, now):.0f} req/s, p95 {milliseconds(percentile(recent, 0.95))}, "
                f"{look.ready} of {look.wanted} replicas ready, {sum(run.failed)} errors",
                markup=False,
            )


def milliseconds(seconds: float) -> str:
    """A response time for people."""
    return f"{seconds * 1000:,.0f} ms"


def _rate_at(seconds: Sequence[float], rates: Sequence[float], at: float) -> float:
    return rates[max(0, min(bisect_right(seconds, at) - 1, len(rates) - 1))]
