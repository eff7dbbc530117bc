"""Make python/selfscale/_core.pyi: what pybind11-stubgen sees, and by hand the types made on the C API.

    PYTHONPATH=python python python/bindings/make_stubs.py
"""

from __future__ import annotations

import ast
import sys
import tempfile
from pathlib import Path

from pybind11_stubgen import main as generate

HERE = Path(__file__).parent
STUB = HERE.parent / "selfscale" / "_core.pyi"
ADDED_IMPORTS = "import contextlib\n"


def made() -> str:
    """Return the stub of the module as it is built now."""
    with tempfile.TemporaryDirectory() as folder:
        generate(["selfscale._core", "-o", folder])
        generated = (Path(folder) / "selfscale" / "_core.pyi").read_text()
    by_hand = (HERE / "heap_types.pyi").read_text()
    text = _without(generated, _classes(by_hand)).replace("import typing\n", f"{ADDED_IMPORTS}import typing\n", 1)
    return text.replace("-> dict:", "-> dict[str, typing.Any]:") + by_hand


def _classes(text: str) -> set[str]:
    named = {node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
    return named | {"_Tracking", "_Timing"}


def _without(text: str, names: set[str]) -> str:
    lines = text.splitlines(keepends=True)
    for node in reversed(ast.parse(text).body):
        if isinstance(node, ast.ClassDef) and node.name in names:
            del lines[node.lineno - 1 : node.end_lineno]
    return "".join(lines)


if __name__ == "__main__":
    STUB.write_text(made())
    print(f"wrote {STUB}", file=sys.stderr)
