"""What `selfscale init` has written, and what it is held against."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator

Run = Callable[..., Any]
Written = Callable[..., Path]

ROOT = Path(__file__).parents[3]
TEMPLATES = ROOT / "python" / "selfscale" / "templates"
FIXTURES = ROOT / "tests" / "fixtures"


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def parsed(path: Path) -> Any:
    """The one document of a YAML or JSON file."""
    text = path.read_text()
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


def mistakes(schema: dict[str, Any], document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(document)]


def shown(page: str, language: str, word: str) -> str:
    """The first block of a page on a driver that has a word in it."""
    text = (ROOT / "docs" / "drivers" / page).read_text()
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return next(block for block in blocks if word in block)


def stand_in(path: Path, does: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
