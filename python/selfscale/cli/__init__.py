"""The command line: ``selfscale``. One file per command; the library itself needs none of this."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or say what it needs."""
    try:
        from selfscale.cli._app import app

        app()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in {"typer", "rich", "click"}:
            raise
        print("The selfscale command needs more than the library: pip install 'selfscale[cli]'", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:  # before the command itself listens for it
        sys.exit(130)
