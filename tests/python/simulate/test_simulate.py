"""The simulation from Python: its inputs in all their forms, its results, its complaints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import selfscale
from selfscale import Error, PolicyError, ServiceModel
from selfscale.simulate import load_trace, shipped_trace

SERVICE = ServiceModel(capacity_per_replica=20, startup=30)
LOAD = [(0.0, 5.0), (1800.0, 120.0), (3600.0, 5.0)]
KEYS = {
    "requests", "errors", "p50_seconds", "p95_seconds", "p99_seconds", "replica_seconds", "scale_events",
    "offered_per_second",
}  # fmt: skip
POLICY = {
    "name": "follow",
    "service": "web",
    "maxReplicas": 10,
    "metrics": [{"name": "requests_per_second", "across": "sum"}],
    "rules": [{"type": "target", "metric": "requests_per_second", "targetPerReplica": 12}],
}


def test_a_policy_is_run_under_its_own_name() -> None:
    summary = selfscale.simulate(POLICY, LOAD, service=SERVICE).summary()
    assert set(summary) == {"follow"}
    assert set(summary["follow"]) == KEYS
    assert summary["follow"]["requests"] == pytest.approx(225_000, rel=1e-3)
    assert summary["follow"]["scale_events"] > 2


def test_several_policies_are_compared_by_the_names_given() -> None:
    fixed = POLICY | {"minReplicas": 2, "maxReplicas": 2}
    result = selfscale.simulate({"few": fixed, "many": POLICY}, LOAD, service=SERVICE)
    summary = result.summary()
    assert set(summary) == {"few", "many"}
    assert summary["few"]["scale_events"] == 0
    assert summary["few"]["replica_seconds"] == pytest.approx(2 * 3600)
    assert summary["few"]["p95_seconds"] > 2 * summary["many"]["p95_seconds"]
    assert result.events["few"] == ()
    assert {row["policy"] for row in result.rows()} == {"few", "many"}


def test_policies_come_as_dict_text_file_or_document(tmp_path: Path) -> None:
    document = {"policies": [POLICY]}
    path = tmp_path / "policies.json"
    path.write_text(json.dumps(document))
    forms = [POLICY, json.dumps(POLICY), document, path, str(path), selfscale.load_policies(path)[0]]
    summaries = [selfscale.simulate(form, LOAD, service=SERVICE).summary() for form in forms]
    assert all(summary == summaries[0] for summary in summaries)


def test_the_same_seed_gives_the_same_result() -> None:
    noisy = ServiceModel(capacity_per_replica=20, random_arrivals=True)
    runs = [selfscale.simulate(POLICY, LOAD, service=noisy, seed=seed) for seed in (3, 3, 4)]
    assert runs[0] == runs[1]
    assert runs[0].summary() != runs[2].summary()


def test_rows_have_every_column_and_events_their_reasons() -> None:
    result = selfscale.simulate(POLICY, LOAD, service=SERVICE)
    rows = result.rows()
    assert len(rows) == 3600 / 15
    assert rows[0].keys() >= {"policy", "seconds", "offered_per_second", "ready_replicas", "p95_seconds", "code"}
    event = result.events["follow"][0]
    assert event.outcome == "succeeded"
    assert event.from_replicas < event.to_replicas
    assert event.reason


def test_the_frame_is_a_table_of_the_rows() -> None:
    pandas = pytest.importorskip("pandas")
    result = selfscale.simulate(POLICY, LOAD, service=SERVICE)
    frame = result.frame()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.to_dict("records") == result.rows()


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = selfscale.simulate({"one": POLICY, "two": POLICY}, LOAD, service=SERVICE)
    path = tmp_path / "picture.png"
    result.plot().savefig(path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_shipped_trace_is_a_day() -> None:
    points = load_trace(shipped_trace("nasa_http_day"))
    assert points[0][0] == 0
    assert points[-1][0] == 86_400
    assert all(rate >= 0 for _, rate in points)
    assert selfscale.simulate(POLICY, shipped_trace("nasa_http_day"), service=SERVICE).summary()


def test_a_trace_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(Error, match=r"nowhere\.csv") as caught:
        selfscale.simulate(POLICY, tmp_path / "nowhere.csv", service=SERVICE)
    assert caught.value.code == "not_found"
    with pytest.raises(Error, match="nasa_http_day"):
        shipped_trace("no such trace")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("0,1\n60,1\n180,1\n", "line 6: 120 s after the row before"),
        ("60,1\n0,1\n", "sort the rows"),
        ("0,-1\n", "negative"),
        ("", "no rows"),
    ],
)
def test_a_wrong_trace_is_refused_with_file_and_line(tmp_path: Path, rows: str, words: str) -> None:
    path = tmp_path / "load.csv"
    path.write_text("# unit: requests per minute\n# step_s: 60\nt_seconds,value\n" + rows)
    with pytest.raises(Error, match=words) as caught:
        load_trace(path)
    assert "load.csv" in str(caught.value)
    assert caught.value.code == "malformed"


@pytest.mark.parametrize(
    ("unit", "rate"),
    [
        ("rps", 60.0), ("requests per second", 60.0), ("Requests/s", 60.0), ("req/s", 60.0), ("requests per step", 2.0),
        ("requests per minute", 1.0), ("rpm", 1.0), ("requests per hour", 60 / 3600),
    ],
)  # fmt: skip
def test_a_unit_means_what_it_says_whatever_the_step(tmp_path: Path, unit: str, rate: float) -> None:
    path = tmp_path / "load.csv"
    path.write_text(f"# unit: {unit}\n# step_s: 30\nt_seconds,value\n0,60\n30,60\n")
    assert [value for _, value in load_trace(path)] == pytest.approx([rate] * 4)


@pytest.mark.parametrize("unit", ["widgets", "widgets per second", "per second", "requests per fortnight", ""])
def test_an_unknown_unit_is_refused_with_the_known_ones(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "load.csv"
    path.write_text(f"# unit: {unit}\n# step_s: 30\nt_seconds,value\n0,60\n")
    with pytest.raises(Error, match=r"line 1: the unit '.*' is not known; known are 'requests per second'") as caught:
        load_trace(path)
    assert caught.value.code == "malformed"


def test_rows_alone_are_requests_per_second_at_instants(tmp_path: Path) -> None:
    path = tmp_path / "load.csv"
    path.write_text("t_seconds,value\n0,5\n1800,120\n3600,5\n")
    assert load_trace(path) == LOAD


def test_every_mistake_of_a_trace_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "load.csv"
    path.write_text("# step_s: soon\n0,1\n")
    with pytest.raises(Error, match=r"step_s is 'soon'.*no '# unit: ….*no line 't_seconds,value'"):
        load_trace(path)
    path.write_text("0,1\n5,x\n3,-1\n")
    with pytest.raises(Error, match=r"no line 't_seconds,value'.*line 2: '5,x'.*line 3: the value -1"):
        load_trace(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("capacity_per_replica", -1), ("capacity_per_replica", 0), ("capacity_per_replica", float("nan")),
        ("startup", -1), ("service_time", 0), ("timeout", -3), ("memory_percent", 101), ("memory_percent", -1),
    ],
)  # fmt: skip
def test_a_service_that_cannot_be_is_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} is {value}: it must be "):
        ServiceModel(**{"capacity_per_replica": 20.0, field: value})


def test_a_result_is_shown_in_a_line_per_policy() -> None:
    result = selfscale.simulate({"one": POLICY, "other": POLICY}, LOAD, service=SERVICE)
    shown = repr(result)
    assert len(shown.splitlines()) == 3
    assert len(shown) < 400
    assert "other: p95" in shown


def test_mistakes_are_refused() -> None:
    with pytest.raises(PolicyError):
        selfscale.simulate(POLICY | {"maxReplicas": -1}, LOAD, service=SERVICE)
    with pytest.raises(Error, match="sort the points"):
        selfscale.simulate(POLICY, [(10, 1), (0, 1)], service=SERVICE)
