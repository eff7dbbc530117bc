"""What the documents show is accepted: every whole policy in them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import selfscale

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "drivers").glob("*.md"))]


def policies_in(page: Path) -> list[str]:
    """Whole documents; what shows a part of one, or comments it, is marked jsonc."""
    blocks: list[str] = re.findall(r"^```json\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if '"policies"' in block]


EXAMPLES = [pytest.param(text, id=f"{page.name} {i}") for page in PAGES for i, text in enumerate(policies_in(page), 1)]


@pytest.mark.parametrize("text", EXAMPLES)
def test_a_policy_in_the_documents_is_accepted_without_a_hint(text: str) -> None:
    assert selfscale.load_policies(text)
    assert selfscale.hints(text) == []


def test_the_page_on_ecs_asks_for_exactly_the_rights_that_the_driver_needs() -> None:
    """Those to suspend another autoscaler, and to keep what it was, with `takeOver` alone."""
    page = (ROOT / "docs" / "drivers" / "ecs.md").read_text()
    blocks = [block for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if "Statement" in block]
    usual, for_takeover = (
        sorted(action for statement in json.loads(block)["Statement"] for action in statement["Action"])
        for block in blocks
    )
    source = (ROOT / "cpp" / "src" / "drivers" / "ecs" / "operations.cpp").read_text()
    names = {"ecs": "ecs", "scaling": "application-autoscaling"}
    needed = [f"{names[api]}:{name}" for api, name in re.findall(r'{Api::(\w+), "(\w+)"', source)]
    suspends = re.compile(r":(RegisterScalableTarget|TagResource|UntagResource)$")
    assert for_takeover == sorted(filter(suspends.search, needed))
    assert usual == sorted(set(needed) - set(for_takeover))


def test_the_page_on_policies_shows_five_whole_ones() -> None:
    assert len(policies_in(ROOT / "docs" / "policy.md")) == 5


def test_the_table_of_drivers_is_what_their_code_says() -> None:
    command = [sys.executable, str(ROOT / "docs" / "drivers" / "make_table.py"), "--check"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_the_table_of_drivers_has_each_page_and_what_it_links_to_is_there() -> None:
    folder = ROOT / "docs" / "drivers"
    linked = set(re.findall(r"\]\(([\w./-]+\.md)", (folder / "README.md").read_text()))
    assert {page.name for page in folder.glob("*.md")} - {"README.md"} <= linked
    assert all((folder / page).is_file() for page in linked)


def test_each_driver_of_the_table_has_a_page_among_the_others() -> None:
    folder = ROOT / "docs" / "drivers"
    rows = dict(re.findall(r"^\| \[`(\w+)`\]\(([^)]+)\)", (folder / "README.md").read_text(), re.MULTILINE))
    assert {"local", "callback", "memory"} <= set(rows)
    assert [page for page in rows.values() if page not in {each.name for each in DRIVER_PAGES}] == []


DRIVER_PAGES = [page for page in sorted((ROOT / "docs" / "drivers").glob("*.md")) if page.name != "README.md"]
CAN_AND_CANNOT = [["What it can do, and what not"], ["What it does", "What it cannot do"]]


@pytest.mark.parametrize("page", [pytest.param(page, id=page.stem) for page in DRIVER_PAGES])
def test_the_page_of_a_driver_answers_what_everybody_asks(page: Path) -> None:
    """In one order: how to begin, in five lines; with which rights; what it can and cannot do; how it fails."""
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page.read_text(), re.MULTILINE | re.DOTALL))
    asked = ["Set-up", "Permissions", *CAN_AND_CANNOT[0], *CAN_AND_CANNOT[1], "Failures"]
    answered = [heading for heading in sections if heading in asked]
    assert answered in [["Set-up", "Permissions", *can, "Failures"] for can in CAN_AND_CANNOT]
    assert re.findall(r"^(\d+)\. ", sections["Set-up"], re.MULTILINE) == ["1", "2", "3", "4", "5"]
    has_templates = (ROOT / "python" / "selfscale" / "templates" / page.stem).is_dir()
    assert (f"`selfscale init {page.stem}`" in sections["Set-up"]) == has_templates
    assert len(sections["Permissions"].split()) > 10
    assert re.search(r"^\| ---", sections["Failures"], re.MULTILINE), "a table"


@pytest.mark.parametrize("name", ["cloud_run", "digitalocean", "ecs", "kubernetes", "railway", "render"])
def test_the_set_up_on_a_platform_starts_an_agent_and_looks_before_it_turns_it_on(name: str) -> None:
    page = (ROOT / "docs" / "drivers" / f"{name}.md").read_text()
    set_up = page.partition("## Set-up\n")[2].partition("\n## ")[0]
    steps = [
        "`instrument(app)`",
        "`selfscale agent --policies F`",
        "`selfscale doctor --policies F`",
        "AUTOSCALING_ENABLED=true",
    ]
    places = [set_up.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)


def test_the_page_on_policies_leads_to_the_page_of_every_driver() -> None:
    text = (ROOT / "docs" / "policy.md").read_text()
    assert all(f"(drivers/{page.name})" in text for page in DRIVER_PAGES)
