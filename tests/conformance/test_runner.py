"""The conformance runner: what it passes, what it fails, and that it computes nothing itself."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CASES = HERE.parent / "fixtures" / "conformance"
RUNNER = HERE / "run_decisions.py"
SOURCES = sorted(path for path in HERE.glob("*.py") if path != Path(__file__))


def run(folder: Path) -> tuple[int, list[str]]:
    """Run the runner as people do; return its exit status and the lines that it prints."""
    done = subprocess.run([sys.executable, RUNNER, folder], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def cases_of(table: str) -> list[dict[str, Any]]:
    return json.loads((CASES / f"{table}.json").read_text())["cases"]


def write(folder: Path, table: str, cases: list[dict[str, Any]], schema: str = "autoscale-conformance/1") -> None:
    document = {"schema": schema, "table": table, "part": "open", "cases": cases}
    (folder / f"{table}.json").write_text(json.dumps(document))


# ---- the recorded cases


def test_every_recorded_case_passes() -> None:
    recorded = sum(len(json.loads(path.read_text())["cases"]) for path in CASES.glob("*.json"))
    assert run(CASES) == (0, [f"{recorded} passed, 0 failed"])


def doubled(value: Any) -> Any:
    """Another result: every number and truth in it differs."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value * 2 + 1
    if isinstance(value, dict):
        return {key: doubled(one) for key, one in value.items()}
    if isinstance(value, list):
        return [doubled(one) for one in value]
    return value


@pytest.mark.parametrize("table", sorted(path.stem for path in CASES.glob("*.json")))
def test_no_case_passes_with_another_result(table: str, tmp_path: Path) -> None:
    cases = [case for case in cases_of(table) if set(case["expected"]) != {"error"}]
    for case in cases:
        case["expected"] = doubled(case["expected"])
    write(tmp_path, table, cases)
    status, lines = run(tmp_path)
    assert status == 1
    assert lines[-1] == f"0 passed, {len(cases)} failed"


def with_replicas(case: dict[str, Any]) -> None:
    case["expected"]["replicas"] += 1


def with_a_condition(case: dict[str, Any]) -> None:
    case["expected"]["conditions"]["AbleToScale"]["reason"] = "SucceededGetScale"


def with_an_error(case: dict[str, Any]) -> None:
    case["expected"]["error"] = not case["expected"]["error"]


FAULTS = [case["inputs"]["fault"] for case in cases_of("hpa_reconcile") if case["inputs"]["fault"]]


@pytest.mark.parametrize("wrong", [with_replicas, with_a_condition, with_an_error])
@pytest.mark.parametrize("fault", ["driver_update_failed", "driver_update_conflict_once", "driver_get_failed"])
def test_a_fault_of_the_platform_is_met_by_a_real_agent(
    fault: str, wrong: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    [case] = [case for case in cases_of("hpa_reconcile") if case["inputs"]["fault"] == fault]
    wrong(case)
    write(tmp_path, "hpa_reconcile", [case])
    assert run(tmp_path)[0] == 1


# ---- what it does with what it is given


def test_a_table_that_it_does_not_know_fails(tmp_path: Path) -> None:
    write(tmp_path, "tarot", [{"id": "tarot/1", "name": "the Fool"}])
    status, [failure, summary] = run(tmp_path)
    assert status == 1
    assert failure.startswith(
        "tarot/1 the Fool: there is no translation of the table tarot; there are hpa_replica_calc,"
    )
    assert summary == "0 passed, 1 failed"


def test_a_case_that_it_cannot_read_is_that_case_s_failure(tmp_path: Path) -> None:
    good = cases_of("aws_step")[0]
    write(tmp_path, "aws_step", [{**good, "config": {}}, good])
    status, lines = run(tmp_path)
    assert status == 1
    assert lines[-1] == "1 passed, 1 failed"
    assert "KeyError" in "".join(lines)


def test_a_file_of_another_schema_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "aws_step", cases_of("aws_step"))
    write(tmp_path, "other", [{}], schema="something/1")
    (tmp_path / "list.json").write_text("[]")
    assert run(tmp_path) == (0, ["18 passed, 0 failed"])


def test_a_folder_without_a_case_is_no_success(tmp_path: Path) -> None:
    assert run(tmp_path) == (2, [])


# ---- it translates, and computes nothing

ARITHMETIC = (
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult),
    *(ast.LShift, ast.RShift, ast.BitAnd, ast.BitXor, ast.USub, ast.Invert),
)
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
COMPUTING = {"min", "max", "sum", "round", "abs", "sorted", "divmod", "pow", "eval", "exec", "reduce", "sort"}
COMPUTING_MODULES = {"math", "operator", "statistics", "decimal", "fractions", "functools", "heapq", "bisect", "numpy"}

# The places that may: the one comparison, with the tolerance that the corpus allows, and the one change of units.
ALLOWED = {"checks.py": {"math"}, "units.py": {"float"}}

# What may be compared, beside anything with a word that is written there: what was answered with what is expected,
# names with names, a number that stands for "unknown", and whether there is a change to record.
COMPARED = {
    "checks.py": {"self.found == self.expected"},
    "conditions.py": {"row.condition == condition", "row.reason == reason"},
    "run_decisions.py": {"document.get('schema') == SCHEMA"},
    "translate_hpa.py": {"standing == word", "replicas != current"},
    "translate_kpa.py": {"inputs['desired'] == UNKNOWN"},
}


def is_of_words(compared: ast.Compare) -> bool:
    """Whether an equality is with a word that is written there."""
    sides = [compared.left, *compared.comparators]
    is_word = [isinstance(side, ast.Constant) and isinstance(side.value, str) for side in sides]
    return any(is_word) and all(isinstance(op, (ast.Eq, ast.NotEq)) for op in compared.ops)


def computations(path: Path) -> list[str]:
    """Everything in a source that computes or compares."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        names: set[str] = set()
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            continue  # a number below 0
        if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.AugAssign)) and isinstance(node.op, ARITHMETIC):
            names = {type(node.op).__name__}
        elif isinstance(node, ast.Compare):
            if is_of_words(node) or ast.unparse(node) in COMPARED.get(path.name, set()):
                continue
            names = {type(op).__name__ for op in node.ops if isinstance(op, COMPARISONS)}
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            names = COMPUTING_MODULES.intersection(modules)
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            names = (COMPUTING | {"int", "float"}).intersection({called})
        found += [f"{path.name}:{node.lineno}: {name}" for name in names - ALLOWED.get(path.name, set())]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_runner_translates_and_computes_nothing(path: Path) -> None:
    assert computations(path) == []


@pytest.mark.parametrize(
    "source",
    [
        *("a + 1", "a += 1", "-a", "a & b", "a < b", "a == b", "a != 1", "a == b == 'c' < d", "a < 'b'"),
        *("max(a, b)", "xs.sort()", "sorted(xs)", "float(a)", "import math"),
    ],
)
def test_what_computes_is_found(source: str, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(source)
    assert computations(tmp_path / "one.py")


@pytest.mark.parametrize("source", ["a == 'word'", "'word' != a", "a is None", "a in b"])
def test_what_tells_names_apart_is_none(source: str, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(source)
    assert computations(tmp_path / "one.py") == []


def test_every_comparison_that_is_allowed_is_made() -> None:
    for name, compared in COMPARED.items():
        made = {ast.unparse(node) for node in ast.walk(ast.parse((HERE / name).read_text()))}
        assert compared <= made, name
