"""The children of a process, as the kernel has them."""

import contextlib
from pathlib import Path


def children_of(parent: int) -> list[int]:
    """Those that any of its threads started. A thread may end while it is looked at: its children pass to another."""
    children: set[int] = set()
    for thread in Path(f"/proc/{parent}/task").iterdir():
        with contextlib.suppress(OSError):
            children |= {int(pid) for pid in (thread / "children").read_text().split()}
    return sorted(children)
