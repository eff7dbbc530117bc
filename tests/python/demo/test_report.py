"""What the demo says about its runs."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sysconfig
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

import selfscale
from rich.console import Console
from selfscale.demo import report
from selfscale.demo.experiment import Event, Look, Machine, Run
from selfscale.demo.scenario import DEFAULT, QUICK, Scenario
from selfscale.demo.view import View

CALM = Machine(busy=0.4, steal=0.0)


def run_of(name: str, took: float, workers: int = 4, failed: int = 0, requests: int = 1000) -> Run:
    run = Run(name, seconds=10.0)
    run.looks = [Look(-0.5, workers, workers, workers), Look(5.0, workers, workers, workers)]
    run.due = [i * 10.0 / requests for i in range(requests)]
    run.took = [took] * requests
    run.failed = [i < failed for i in range(requests)]
    return run


def three(fixed_min_took: float = 2.0) -> list[Run]:
    agent = run_of("agent", 0.1)
    agent.events = [Event(2.0, 2, 4, "the load <rose>"), Event(8.0, 4, 2, "the load fell")]
    return [agent, run_of("fixed_min", fixed_min_took, 2), run_of("fixed_max", 0.1, 10)]


def test_a_summary_has_exactly_the_keys_promised() -> None:
    summary = run_of("agent", 0.25, failed=3).summary()
    assert summary == {
        "requests": 1000, "errors": 3, "p50_seconds": 0.25, "p95_seconds": 0.25, "p99_seconds": 0.25,
        "replica_seconds": 40.0, "scale_events": 0, "offered_per_second": 100.0,
    }  # fmt: skip


def test_replica_seconds_integrate_the_living_workers_within_the_run() -> None:
    run = Run("agent", seconds=10.0)
    run.looks = [Look(-1.0, 2, 2, 2), Look(4.0, 5, 5, 2), Look(9.0, 3, 3, 3), Look(12.0, 9, 9, 9)]
    assert run.replica_seconds() == 4 * 2 + 5 * 5 + 1 * 3


def test_percentiles_over_time_know_where_nobody_asked() -> None:
    run = Run("agent", seconds=3.0, due=[0.1, 0.2, 2.5], took=[0.1, 0.3, 0.5], failed=[False] * 3)
    assert run.percentiles_over_time(1.0, 0.95) == ([0.5, 1.5, 2.5], [0.3, None, 0.5])


def test_good_figures_raise_no_doubt() -> None:
    assert report.doubts(three(), [CALM]) == []


@pytest.mark.parametrize(
    ("words", "runs", "machine"),
    [
        ("too small", three(fixed_min_took=0.11), CALM),
        ("busy", three(), Machine(busy=0.99, steal=0.0)),
        ("other virtual machines", three(), Machine(busy=0.5, steal=0.2)),
        ("fewer than", [run_of(n, t, requests=50) for n, t in (("fixed_min", 1.0), ("fixed_max", 0.1))], CALM),
    ],
)
def test_figures_that_mean_little_are_doubted(words: str, runs: list[Run], machine: Machine) -> None:
    assert any(words in doubt for doubt in report.doubts(runs, [CALM, machine]))


def test_a_late_generator_is_doubted() -> None:
    runs = three()
    runs[2].lag = 1.5
    assert any("1,500 ms late" in doubt for doubt in report.doubts(runs, [CALM]))


def test_the_files_of_the_output(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    report.write(tmp_path / "out", DEFAULT, three(), ["a doubt"], '{"kind": "policy"}\n')
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert set(summary["runs"]) == {"agent", "fixed_min", "fixed_max"}
    assert summary["began_at"] == 0.0
    assert (tmp_path / "out" / "report.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out" / "journal.jsonl").read_text() == '{"kind": "policy"}\n'
    page = (tmp_path / "out" / "report.html").read_text()
    assert "data:image/png;base64," in page
    assert 'src="http' not in page
    assert "the load &lt;rose&gt;" in page
    assert "a doubt" in page


def test_a_shell_that_knows_no_selfscale_is_told_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    lines = report.next_steps(tmp_path).splitlines()
    (told,) = (line for line in lines if "export PATH=" in line)
    ended = subprocess.run(
        ["bash", "-c", told.partition("Let it")[2] + "\ncommand -v selfscale"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(ended.stdout.strip()) == Path(sysconfig.get_path("scripts")) / "selfscale"


def test_a_shell_that_knows_this_selfscale_is_told_the_command_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=":")
    assert "export PATH=" not in report.next_steps(tmp_path)


def test_plain_lines_tell_events_once_and_figures() -> None:
    output = io.StringIO()
    runs = three()[:1]
    with View(DEFAULT, Console(file=output, width=100)) as view:
        view.begin("The agent scales")
        view.show(runs, 3.0)
        view.show(runs, 3.2)
    text = output.getvalue()
    assert text.count("the load <rose>") == 1
    assert "4 of 4 replicas ready" in text
    assert "\x1b" not in text


def test_where_nothing_was_answered_yet_there_is_no_percentile() -> None:
    output = io.StringIO()
    run = Run("agent", seconds=10.0, looks=[Look(0.1, 2, 2, 2)])
    with View(DEFAULT, Console(file=output, width=100)) as view:
        view.begin("The agent scales")
        view.show([run], 0.1)
    assert "p95 -," in output.getvalue()


def test_a_terminal_of_eighty_columns_shows_each_key_of_the_policy_whole() -> None:
    text = io.StringIO()
    Console(file=text, width=80, highlight=False).print(report.policies(DEFAULT))
    [policy] = DEFAULT.policy["policies"]
    shown = {line.split()[0]: line.split()[1:] for line in text.getvalue().splitlines() if line.strip()}
    for key, value in report._leaves(policy):
        assert shown[key][0] == value
    assert shown["behavior.scaleDown.stabilizationWindowSeconds"] == ["2", "300"]
    assert shown["service"] == ["shop", "the", "same"]


def test_a_terminal_is_restored() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=100, height=40)
    with contextlib.suppress(KeyboardInterrupt), View(DEFAULT, console) as view:
        view.begin("The agent scales")
        view.show(three()[:1], 3.0)
        raise KeyboardInterrupt
    assert output.getvalue().rindex("\x1b[?25h") > output.getvalue().rindex("\x1b[?25l"), "the cursor is shown again"


@pytest.mark.parametrize("scenario", [DEFAULT, QUICK])
def test_the_load_fits_the_replicas(scenario: Scenario) -> None:
    from selfscale.demo.app import REQUESTS_PER_SECOND

    seconds, rates = scenario.load
    assert seconds[0] == 0
    assert seconds[-1] == pytest.approx(scenario.seconds)
    peak = max(rates) / REQUESTS_PER_SECOND
    assert 0.5 * scenario.max_replicas < peak < 0.7 * scenario.max_replicas
    assert min(rates) / REQUESTS_PER_SECOND < scenario.min_replicas
    assert 2 * scenario.seconds < 0.8 * scenario.budget_seconds, "two rounds of load leave time to start and stop"


def test_the_policies_are_valid_and_differ_in_times_alone() -> None:
    here = DEFAULT.policy
    there = Path(report.__file__).with_name("policy_real_time.json")
    assert selfscale.load_policies(here)
    real = selfscale.load_policies(there)[0]
    assert real["maxReplicas"] == DEFAULT.max_replicas
    assert [rule["type"] for rule in real["rules"]] == [rule["type"] for rule in here["policies"][0]["rules"]]
    for count in (2, 10):
        assert selfscale.load_policies(DEFAULT.fixed(count))[0]["minReplicas"] == count


def test_the_picture_knows_how_many_requests_failed() -> None:
    pytest.importorskip("matplotlib")
    runs = three()
    runs[1].failed = [i < 820 for i in range(1000)]
    assert [curve.errors for curve in report._curves(DEFAULT, runs)] == [0.0, 0.82, 0.0]


def printed(runs: list[Run], terminal: bool = True) -> str:
    text = io.StringIO()
    report.print_report(Console(file=text, width=120, force_terminal=terminal, highlight=False), QUICK, runs, [])
    return text.getvalue()


def test_in_the_end_a_terminal_shows_what_was_done_and_why() -> None:
    assert "2 → 4" in printed(three())
    assert "the load <rose>" in printed(three())
    assert "the load <rose>" not in printed(three(), terminal=False)  # told when it happened


def test_where_requests_failed_it_says_what_an_error_is() -> None:
    assert "gave up" not in printed(three())
    failed = three()
    failed[1].failed[0] = True
    assert "unanswered when its client gave up after 2 s" in printed(failed)
