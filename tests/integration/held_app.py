"""An ASGI application that holds its answers back until there is the file `done`; its busy workers have files, too."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["HELD_FOLDER"])


async def app(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Awaitable[None]]) -> None:
    """Hold the request, as long work does."""
    if scope["type"] != "http":
        return
    (FOLDER / f"busy-{os.getpid()}").touch()
    while not (FOLDER / "done").exists():
        await asyncio.sleep(0.02)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})
