"""Run every case of every conformance table in a folder.

python tests/conformance/run_decisions.py DIR

Prints what fails, and ends with `N passed, M failed`; the exit status is 1 where one failed, 2 where there was no case.
Whole decisions go through `selfscale.decide` and `selfscale.record`, single stages through `selfscale.stages`, faults
of the platform through an agent. Nothing is computed here: names and units are translated, and what was answered is
compared with what a case expects, by `checks.py` alone. Whether a stage changed something is what the stage says of
itself, its adjustments, and not whether two numbers differ; everything else that is compared is a word of the corpus.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import translate_aws
import translate_hpa
import translate_kpa
from checks import Check

Json = dict[str, Any]

SCHEMA = "autoscale-conformance/1"

TABLES: dict[str, Callable[[Json], Iterator[Check]]] = {
    "hpa_replica_calc": translate_hpa.replica_calc,
    "hpa_classify": translate_hpa.classify,
    "hpa_behavior_stabilize": translate_hpa.behavior_stabilize,
    "hpa_behavior_rate": translate_hpa.limits,
    "hpa_behavior_limit": translate_hpa.behavior_limit,
    "hpa_legacy_stabilize": translate_hpa.legacy_stabilize,
    "hpa_legacy_limits": translate_hpa.limits,
    "hpa_trace": translate_hpa.trace,
    "hpa_reconcile": translate_hpa.reconcile,
    "kpa_window": translate_kpa.window,
    "kpa_scale": translate_kpa.scale,
    "kpa_apply": translate_kpa.apply,
    "aws_step": translate_aws.step,
}


def tables_in(folder: Path) -> Iterator[Json]:
    """Every document of the corpus' schema in a folder."""
    for path in folder.glob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and document.get("schema") == SCHEMA:
            yield document


def failure_of(table: str, case: Json) -> str | None:
    """What is wrong with a case, the first thing alone; None: nothing."""
    if table not in TABLES:
        return f"there is no translation of the table {table}; there are {', '.join(TABLES)}"
    try:
        checks = list(TABLES[table](case))
    except Exception:  # whatever a case brings about is that case's failure
        return traceback.format_exc()
    if not checks:
        return "nothing of it was checked"
    return next((str(check) for check in checks if not check.holds), None)


def main() -> int:
    """Run the cases of the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    folder = parser.parse_args().folder
    cases = [(table["table"], case) for table in tables_in(folder) for case in table["cases"]]
    if not cases:
        print(f"{folder} has no case of the schema {SCHEMA}", file=sys.stderr)
        return 2
    failures = [(case, failure_of(table, case)) for table, case in cases]
    failed = [(case, failure) for case, failure in failures if failure is not None]
    for case, failure in failed:
        print(f"{case['id']} {case['name']}: {failure}")
    passed = [case for case, failure in failures if failure is None]
    print(f"{len(passed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
