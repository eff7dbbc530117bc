"""The application of the kill tests: a worker with a child of its own."""

from __future__ import annotations

import subprocess

from fastapi import FastAPI
from selfscale.integrations.fastapi import instrument

app = FastAPI()
instrument(app)
child = subprocess.Popen(["sleep", "600"])


@app.get("/work")
async def work() -> dict[str, bool]:
    """Some work."""
    return {"done": True}
