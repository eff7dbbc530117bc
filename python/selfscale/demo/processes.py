"""How the demo starts its own programs."""

from __future__ import annotations

import sys


def started_by(module: str) -> list[str]:
    """Return the command that calls `main()` of a module, and ends with what that returns.

    `python -m` would look in the folder that the demo is run in first, and take a `queue.py` there for Python's.
    """
    code = f"import sys; sys.path[:] = filter(None, sys.path); from {module} import main; sys.exit(main())"
    return [sys.executable, "-c", code]
