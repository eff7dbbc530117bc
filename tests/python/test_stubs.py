"""The stub of the native module says what the module has."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("pybind11_stubgen", reason="pybind11-stubgen is not installed")

MAKER = Path(__file__).parents[2] / "python" / "bindings" / "make_stubs.py"


def test_the_committed_stub_is_up_to_date() -> None:
    specification = importlib.util.spec_from_file_location("make_stubs", MAKER)
    assert specification is not None
    assert specification.loader is not None
    maker = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(maker)
    assert maker.STUB.read_text() == maker.made(), f"run {MAKER}"
