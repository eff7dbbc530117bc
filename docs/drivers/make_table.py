"""Make the table of docs/drivers/README.md: what drivers can do, by the code, beside what people know of them.

``python docs/drivers/make_table.py`` writes it anew; with ``--check`` it ends with 1 where the page says otherwise.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from selfscale import _core
from selfscale.drivers._bridge import read_capabilities
from selfscale.drivers.celery_pool import CeleryPool

PAGE = Path(__file__).parent / "README.md"
BEGIN = "<!-- made by make_table.py: begin -->\n"
END = "<!-- made by make_table.py: end -->\n"


class Row(NamedTuple):
    """What a driver's own code does not tell."""

    platform: dict[str, str]
    """The least that a policy has to say, as its options are checked when a driver is made."""
    looked_for: str
    taken_over: str
    tested_on: str


ROWS = {
    "callback": Row({}, "-", "-", "functions"),
    "cloud_run": Row(
        {"project": "shop", "location": "europe-west1", "service": "web"},
        "the scaling mode AUTOMATIC",
        "`takeOver`",
        "a server that plays it by Google's discovery document",
    ),
    "compose": Row(
        {"project": "shop"},
        "there is none",
        "-",
        "Docker Engine, docker-compose 1.29, Compose 2",
    ),
    "digitalocean": Row(
        {"app": "4f6c71e2-1e90-4762-9fee-6cc4a0a9f2cf"},
        "`autoscaling` of the component",
        "`takeOver`",
        "a server that plays it by its OpenAPI document",
    ),
    "ecs": Row({}, "Application Auto Scaling", "`takeOver`", "moto, and a scripted server for deployments"),
    "gunicorn": Row({}, "there is none", "-", "gunicorn"),
    "kubernetes": Row(
        {},
        "HorizontalPodAutoscalers, those of KEDA too",
        "`takeOver`",
        "a control plane of Kubernetes 1.34, whose node KWOK plays",
    ),
    "local": Row({}, "there is none", "-", "worker processes"),
    "memory": Row({}, "-", "-", "itself: it is for tests"),
    "railway": Row(
        {
            "project": "1f0bd1e9-3fb2-4b1b-8b0a-3d1c4a9d7e10",
            "environment": "2f0bd1e9-3fb2-4b1b-8b0a-3d1c4a9d7e11",
            "service": "3f0bd1e9-3fb2-4b1b-8b0a-3d1c4a9d7e12",
        },
        "there is none",
        "-",
        "a server that plays it by its GraphQL schema",
    ),
    "render": Row(
        {"service": "srv-cukouhrtq21c73e9scng"},
        "Render's own",
        "`takeOver`",
        "a server that plays it by its OpenAPI document",
    ),
    "swarm": Row({}, "there is none", "-", "Docker Engine"),
    "uvicorn": Row({}, "there is none", "-", "uvicorn"),
}
# In Python, and run by the driver `callback`.
OF_PYTHON = {
    "celery_pool": (
        Row({}, "`--autoscale` of the worker", "no", "Celery"),
        read_capabilities(CeleryPool(None).capabilities()),
    )
}


def table() -> str:
    """Return the table as Markdown."""
    rows = {name: (row, capabilities(name, row)) for name, row in ROWS.items()} | OF_PYTHON
    head = (
        "| driver | scope | conditional write | chooses who goes | says who is ready | least | native autoscaler looked"
        " for | taken over by consent | tested on |"
    )
    lines = [head, "| " + " | ".join(["---"] * 9) + " |"]
    for name, (row, can) in sorted(rows.items()):
        yes = ["yes" if can[key] else "no" for key in ("conditionalWrite", "choosesVictims", "reportsReady")]
        cells = [f"[`{name}`]({name}.md)", can["scope"], *yes, str(can["minimum"])]
        lines.append("| " + " | ".join([*cells, row.looked_for, row.taken_over, row.tested_on]) + " |")
    return "\n".join(lines) + "\n"


def capabilities(name: str, row: Row) -> dict[str, Any]:
    """Ask the driver, as its least policy makes it."""
    found: dict[str, Any] = json.loads(_core.driver_capabilities(name, json.dumps({"driver": name, **row.platform})))
    return found


def page_with(made: str) -> str:
    """Return the page with the table in its place."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return before + BEGIN + made + END + rest.split(END)[1]


def main() -> str | None:
    """Write the page, or compare it; what is wrong, in a sentence."""
    if missing := set(_core.driver_names()) ^ set(ROWS):
        return f"make_table.py: drivers without a row, or rows without a driver: {', '.join(sorted(missing))}"
    made = page_with(table())
    if "--check" not in sys.argv:
        PAGE.write_text(made, encoding="utf-8")
    elif made != PAGE.read_text(encoding="utf-8"):
        return f"make_table.py: {PAGE} is not what the code says; run it without --check"
    return None


if __name__ == "__main__":
    sys.exit(main())
