"""A small service that measures itself. In this folder, with `pip install "selfscale[fastapi,cli]" uvicorn`:

selfscale run --policies policies.json --enable -- uvicorn app:app --fd {fd}
"""

from __future__ import annotations

import asyncio
import os

from fastapi import FastAPI
from selfscale.integrations.fastapi import instrument

app = FastAPI()
instrument(app)


@app.get("/reports/{name}")
async def report(name: str) -> dict[str, object]:
    """Something that takes a while, as a database would."""
    await asyncio.sleep(0.2)
    return {"name": name, "worker": os.getpid()}
