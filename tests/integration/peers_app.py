"""An application whose workers differ: the first lacks nothing, the second may not lead, the others have no key."""

from __future__ import annotations

import os
from pathlib import Path

import selfscale
from fastapi import FastAPI
from selfscale.integrations.fastapi import instrument


def turn() -> int:
    """Return which worker this is, as their folder has it."""
    number = 1
    while True:
        try:
            Path(os.environ["TURNS"], str(number)).touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return number


def missing() -> list[dict[str, str]]:
    """Find out whether the key of the platform is there."""
    if os.environ.get("RACKS_KEY"):
        return []
    return [{"what": "there is no key", "why": "nothing can be scaled", "paste": "RACKS_KEY=…"}]


if (number := turn()) == 2:
    os.environ["SELFSCALE_LEADS"] = "none"
elif number > 2:
    os.environ.pop("RACKS_KEY", None)
driver = selfscale.CallbackDriver(lambda count: None, lambda: 3, missing, {"scope": "host"})
app = FastAPI()
instrument(app, agent=selfscale.Agent(os.environ["SELFSCALE_POLICIES"], driver=driver, enable=True))
