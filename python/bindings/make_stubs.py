"""Make python/selfscale/_core.pyi: what pybind11-stubgen sees, and by hand the types made on the C API.

PYTHONPATH=python python python/bindings/make_stubs.py
"""

from __future__ import annotations

import ast
import tempfile
from pathlib import Path

from pybind11_stubgen import main as generate

HERE = Path(__file__).parent
STUB = HERE.parent / "selfscale" / "_core.pyi"
FUTURE = "from __future__ import annotations\n"


def made() -> str:
    """Return the stub of the module as it is built now."""
    with tempfile.TemporaryDirectory() as folder:
        generate(["selfscale._core", "-o", folder])
        generated = (Path(folder) / "selfscale" / "_core.pyi").read_text()
    imports, classes = _parts((HERE / "heap_types.pyi").read_text())
    by_hand = {node.name for node in ast.parse(classes).body if isinstance(node, ast.ClassDef)}
    rest = _without(generated, by_hand | {"_Tracking", "_Timing"})
    return rest.replace(FUTURE, FUTURE + imports, 1).replace("-> dict:", "-> dict[str, typing.Any]:") + classes


def _parts(text: str) -> tuple[str, str]:
    """Split a stub into its imports and its classes."""
    first = next(node.lineno for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    lines = text.splitlines(keepends=True)
    imports = [line for line in lines[: first - 1] if line.startswith(("import ", "from "))]
    return "".join(imports), "".join(lines[first - 1 :])


def _without(text: str, names: set[str]) -> str:
    lines = text.splitlines(keepends=True)
    for node in reversed(ast.parse(text).body):
        if isinstance(node, ast.ClassDef) and node.name in names:
            del lines[node.lineno - 1 : node.end_lineno]
    return "".join(lines)


if __name__ == "__main__":
    STUB.write_text(made())
