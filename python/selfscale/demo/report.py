"""What the demo leaves: a table, a picture, next steps, and the files of `--output`."""

from __future__ import annotations

import base64
import html
import io
import json
import shlex
import shutil
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from selfscale.demo.experiment import Machine, Run
from selfscale.demo.load import Plan
from selfscale.demo.scenario import Scenario
from selfscale.demo.view import chart, milliseconds

if TYPE_CHECKING:
    from selfscale.plot import Curve

LATE_SECONDS = 0.25  # a generator later than this has measured itself
BUSY_SHARE = 0.92
STEAL_SHARE = 0.05
FEWEST_REQUESTS = 300

_TITLES = {"agent": "agent", "fixed_min": "fixed min", "fixed_max": "fixed max"}
_COLUMNS = ("requests", "p50", "p95", "p99", "errors", "replica·s", "events")


def doubts(runs: Sequence[Run], machines: Sequence[Machine]) -> list[str]:
    """Why the figures of these runs may mean little; empty: they mean what they say."""
    found = []
    lag = max(run.lag for run in runs)
    if lag > LATE_SECONDS:
        found.append(f"the load generator was up to {milliseconds(lag)} late: this machine was too busy")
    busy = max(machine.busy for machine in machines)
    if busy > BUSY_SHARE:
        found.append(f"the CPUs were {busy:.0%} busy: the figures show the machine, not the policy")
    steal = max(machine.steal for machine in machines)
    if steal > STEAL_SHARE:
        found.append(f"{steal:.0%} of the CPU time was taken by other virtual machines")
    if min(len(run.took) for run in runs) < FEWEST_REQUESTS:
        found.append(f"fewer than {FEWEST_REQUESTS} requests: too few for percentiles")
    by_name = {run.name: run.summary() for run in runs}
    if by_name["fixed_min"]["p95_seconds"] < 1.5 * by_name["fixed_max"]["p95_seconds"]:
        found.append("the load was too small: the minimum of replicas served it nearly as well as the maximum")
    return found


def table(runs: Sequence[Run]) -> Table:
    """The runs side by side."""
    result = Table(title="The same load, three ways", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    result.add_column("", no_wrap=True)
    for column in _COLUMNS:
        result.add_column(column, justify="right")
    for run in runs:
        result.add_row(_TITLES[run.name], *_cells(run))
    return result


def _cells(run: Run) -> list[str]:
    numbers = run.summary()
    return [
        f"{numbers['requests']:,}",
        *(milliseconds(numbers[f"{p}_seconds"]) for p in ("p50", "p95", "p99")),
        f"{_share_of_errors(run):.2%}",
        f"{numbers['replica_seconds']:,.0f}",
        f"{numbers['scale_events']}",
    ]


def _share_of_errors(run: Run) -> float:
    return sum(run.failed) / max(1, len(run.took))


def verdict(runs: Sequence[Run]) -> str:
    """What the table says, in one sentence."""
    by_name = {run.name: run.summary() for run in runs}
    agent, least, most = by_name["agent"], by_name["fixed_min"], by_name["fixed_max"]
    return (
        f"With the agent, p95 was {_ratio('p95_seconds', agent, most)} times that of the fixed maximum and "
        f"{_ratio('p95_seconds', agent, least)} times that of the fixed minimum, "
        f"for {_ratio('replica_seconds', agent, most)} of the maximum's replica-seconds."
    )


def _ratio(key: str, one: Mapping[str, float], other: Mapping[str, float]) -> str:
    return f"{one[key] / max(1e-9, other[key]):.2f}"


def next_steps(output: Path) -> str:
    """What to do now, in a few lines."""
    run = ["selfscale run --policies policies.json --enable -- uvicorn app:app --fd {fd}"]
    own = Path(sysconfig.get_path("scripts"))
    if (own / "selfscale").exists() and shutil.which("selfscale") != str(own / "selfscale"):
        run.insert(0, f'export PATH={shlex.quote(str(own))}:"$PATH"   # this selfscale, and its uvicorn')
    return (
        f"See       {output / 'report.html'}  and the picture, the journal and the figures beside it\n"
        "Your app  from selfscale.integrations.fastapi import instrument; instrument(app)   # recommends only\n"
        "Let it    " + "\n          ".join(run)
    )


def draw(scenario: Scenario, runs: Sequence[Run]) -> bytes:
    """The picture, as PNG."""
    from selfscale.plot import picture

    title = "selfscale demo: a real app scales itself under recorded load"
    figure = picture(scenario.load, _curves(scenario, runs), title=title)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()


def _curves(scenario: Scenario, runs: Sequence[Run]) -> list[Curve]:
    from selfscale.plot import Curve, Mark

    step = scenario.seconds / 68
    curves = []
    for run in runs:
        times, responses = run.percentiles_over_time(step, 0.95)
        ready = [_at(run, seconds, "ready") for seconds in times]
        wanted = [_at(run, seconds, "wanted") for seconds in times] if run.name == "agent" else None
        marks = [Mark(e.seconds, e.from_replicas, e.to_replicas, e.reason) for e in run.events]
        curves.append(Curve(_TITLES[run.name], times, ready, responses, wanted, marks, _share_of_errors(run)))
    return curves


def _at(run: Run, seconds: float, what: str) -> float:
    before = [look for look in run.looks if look.seconds <= seconds] or run.looks[:1]
    return float(getattr(before[-1], what))


def write(output: Path, scenario: Scenario, runs: Sequence[Run], doubtful: Sequence[str], journal: str) -> None:
    """Write report.html, report.png, summary.json and journal.jsonl."""
    output.mkdir(parents=True, exist_ok=True)
    image = draw(scenario, runs)
    summary = {
        "runs": {run.name: run.summary() for run in runs},
        "began_at": runs[0].began_at,
        "trace": {
            "name": "nasa_http_day",
            "compression": round(scenario.compression, 1),
            "seconds": scenario.seconds,
        },
        "doubts": list(doubtful),
    }
    (output / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    (output / "report.png").write_bytes(image)
    (output / "journal.jsonl").write_text(journal, encoding="utf-8")
    (output / "report.html").write_text(_page(output, scenario, runs, image, doubtful), encoding="utf-8")


_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { padding: .3rem .8rem; border-bottom: 1px solid #d0d7de; text-align: right }
td:first-child, th:first-child, td.why, th.why { text-align: left }
img { max-width: 100% } pre { background: #f6f8fa; padding: 1rem; overflow: auto }
.doubt { background: #fff8c5; padding: .6rem 1rem; border-left: 4px solid #d4a72c }
"""


def _page(output: Path, scenario: Scenario, runs: Sequence[Run], image: bytes, doubtful: Sequence[str]) -> str:
    rows = "".join(
        f"<tr><td>{_TITLES[run.name]}</td>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(run)) + "</tr>"
        for run in runs
    )
    warnings = "".join(f'<p class="doubt">{html.escape(doubt)}</p>' for doubt in doubtful)
    changes = "".join(
        f"<tr><td>{event.seconds:.1f} s</td><td>{event.from_replicas} → {event.to_replicas}</td>"
        f'<td class="why">{html.escape(event.reason)}</td></tr>'
        for run in runs
        for event in run.events
    )
    picture = base64.b64encode(image).decode()
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>selfscale demo</title><style>{_STYLE}</style>
<h1>A real app scales itself under recorded load</h1>
<p>{html.escape(about(scenario))}</p>
<p><b>{html.escape(verdict(runs))}</b> {html.escape(about_errors(runs))}</p>{warnings}
<table><tr><th></th>{"".join(f"<th>{column}</th>" for column in _COLUMNS)}</tr>{rows}</table>
<img alt="Load, replicas and response times over time" src="data:image/png;base64,{picture}">
<h2>What the agent did, and why</h2>
<table><tr><th>when</th><th>replicas</th><th class="why">reason</th></tr>{changes}</table>
<h2>The policy</h2><pre>{html.escape(json.dumps(scenario.policy, indent=2))}</pre>
<h2>Next steps</h2><pre>{html.escape(next_steps(output))}</pre></html>
"""


def about(scenario: Scenario) -> str:
    """What is being played, in a few sentences."""
    from selfscale.demo.app import POOL, QUERY_SECONDS, REQUESTS_PER_SECOND

    low, high = (round(seconds * 1000) for seconds in QUERY_SECONDS)
    return (
        "The load is that of NASA's web server on 10 July 1995, "
        f"{scenario.from_hour:.0f} to {scenario.to_hour:.0f} h, played {scenario.compression:,.0f} times faster "
        "and scaled to this app. Each worker is bounded as a database-backed service is: a pool of "
        f"{POOL} connections, {low} to {high} ms a query, so {REQUESTS_PER_SECOND:.0f} requests a second and "
        f"little CPU; that is why two cores can carry {scenario.max_replicas} of them. The fixed runs take the "
        "same requests, side by side."
    )


def policies(scenario: Scenario) -> Table:
    """The demo's policy beside its form for real time: the trace is compressed, so its windows are short."""
    real = json.loads((Path(__file__).parent / "policy_real_time.json").read_text(encoding="utf-8"))
    here, there = dict(_leaves(scenario.policy["policies"][0])), dict(_leaves(real["policies"][0]))
    title = "The policy: in the demo, and in real time"
    result = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    result.add_column("", no_wrap=True)  # a key that is cut says nothing
    result.add_column("demo", overflow="fold")
    result.add_column("real time", overflow="fold")
    for key, value in here.items():
        is_same = value == there.get(key)
        result.add_row(key, value, "the same" if is_same else there.get(key, "-"), style="dim" if is_same else None)
    return result


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value of a document with the way to it, as text."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves({key: each for key, each in item.items() if key != "name"}, f"{path}.{item['name']}")
    else:
        yield path, str(value)


def events(runs: Sequence[Run]) -> Table:
    """What was done, and why."""
    result = Table(title="What the agent did, and why", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    result.add_column("when", justify="right", no_wrap=True)
    result.add_column("replicas", no_wrap=True)
    result.add_column("reason")
    for run in runs:
        for event in run.events:
            change = f"{event.from_replicas} → {event.to_replicas}"
            result.add_row(f"{event.seconds:.1f} s", change, escape(event.reason))
    return result


def about_errors(runs: Sequence[Run]) -> str:
    """What an error is, where there were any; else empty."""
    if not any(any(run.failed) for run in runs):
        return ""
    return f"An error is a request that was refused, or unanswered when its client gave up after {Plan.timeout:g} s."


def print_report(console: Console, scenario: Scenario, runs: Sequence[Run], doubtful: Sequence[str]) -> None:
    """Print the picture in characters, the table, what it says, what was done and why, and doubts."""
    console.print(chart(scenario, runs, console.width))
    console.print(table(runs))
    console.print(verdict(runs))
    if errors := about_errors(runs):
        console.print(errors)
    if console.is_terminal:  # elsewhere each was told when it happened
        console.print(events(runs))
    for doubt in doubtful:
        console.print(f"[yellow]Take the figures with care:[/yellow] {doubt}.")
    console.print()
