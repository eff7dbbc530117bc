"""What a ``vercel.json`` asks of Vercel: held against its schema and its limits, and why nothing in it is scaled.

The schema is that of the Vercel CLI 64.0.2's own check (Apache-2.0), trimmed to what concerns scaling; ``regions`` and
``fluid`` are added. Further limits are those of Vercel's documentation, October 2026.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module, resources
from os import PathLike
from pathlib import Path
from typing import Any

from selfscale._json import Json
from selfscale.errors import Error, Problem

__all__ = ["CANNOT_SCALE", "VercelFile", "check"]

CANNOT_SCALE = {
    "functions": "Vercel scales functions by itself: there is no count of instances to set or to read",
    "warm": "functions cannot be kept warm by a count, and web traffic is scaled by the platform alone",
    "agent": "an agent cannot live in a function: its threads and leases stand still between requests",
    "daemons": "daemons run the number that stands here for each region, from the next production deployment on; "
    "Vercel's call that overrides it is in beta and not used",
}
"""What cannot be scaled on Vercel, and why."""

_LIMITS = {
    ("functions", "memory"): "must be MB from 128 to 10240",
    ("functions", "maxDuration"): 'must be whole seconds from 1 to 3600, or "max"',
    ("functions", "maxConcurrency"): "must be a whole number from 1 to 8192",
    ("functions", "architecture"): 'must be "x86_64" or "arm64"',
    ("functions", "mode"): 'must be "strict"',
    ("daemons", "terminationGracePeriodSeconds"): "must be whole seconds, 0 or more",
    ("crons", "schedule"): "must be a cron expression of 9 to 256 letters",
}
_MOST_INSTANCES = 100
_SHOWN = 60


@dataclass(frozen=True)
class VercelFile:
    """What was found in a ``vercel.json``.

    Attributes:
        problems: what Vercel refuses, or is out of its limits.
        hints: what is odd, and accepted.
        functions: of each pattern what bears on load: ``memory`` (MB), ``maxDuration`` (s), ``maxConcurrency``, ...
        regions: where functions run that name no regions of their own.
        daemons: of each the instances in every region.
        cannot_scale: what cannot be scaled there, and why.
    """

    problems: list[Problem] = field(default_factory=list)
    hints: list[Problem] = field(default_factory=list)
    functions: dict[str, Json] = field(default_factory=dict)
    regions: list[str] = field(default_factory=list)
    daemons: dict[str, dict[str, int]] = field(default_factory=dict)
    cannot_scale: list[str] = field(default_factory=list)

    def to_dict(self) -> Json:
        """Return the JSON form."""
        found = asdict(self)
        return {
            "valid": not self.problems,
            "problems": [each._asdict() for each in self.problems],
            "hints": [each._asdict() for each in self.hints],
            "functions": found["functions"],
            "regions": found["regions"],
            "daemons": found["daemons"],
            "cannotScale": found["cannot_scale"],
        }


def check(source: str | PathLike[str] | Mapping[str, Any]) -> VercelFile:
    """Hold a ``vercel.json`` against Vercel's schema and limits, with the extra ``cli``; Vercel is asked nothing.

    Args:
        source: the path of a file, or the document as a dict.

    Raises:
        Error: there is no such file (code ``not_found``), or it is no JSON object (``malformed``).
        ImportError: the package ``jsonschema`` is not installed.
    """
    document = dict(source) if isinstance(source, Mapping) else _read(Path(source))
    problems = [*_against_schema(document), *_against_limits(document)]
    if problems:
        return VercelFile(problems=problems, cannot_scale=_cannot_scale(document))
    return VercelFile(
        hints=list(_odd(document)),
        functions={pattern: _of_load(settings) for pattern, settings in document.get("functions", {}).items()},
        regions=document.get("regions", []),
        daemons={name: _instances(daemon) for name, daemon in document.get("daemons", {}).items()},
        cannot_scale=_cannot_scale(document),
    )


def _read(path: Path) -> Json:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise Error(f"{path}: {error.strerror}", "not_found") from error
    except ValueError as error:
        raise Error(f"{path} is no JSON: {error}", "malformed") from error
    if not isinstance(document, dict):
        raise Error(f"{path} is no JSON object", "malformed")
    return document


def _against_schema(document: Json) -> Iterator[Problem]:
    schema = json.loads(resources.files("selfscale").joinpath("schemas/vercel.json").read_bytes())
    validator = import_module("jsonschema").Draft7Validator(schema)
    for error in sorted(validator.iter_errors(document), key=lambda error: [str(key) for key in error.absolute_path]):
        path = list(error.absolute_path)
        words = _LIMITS.get((str(path[0]), str(path[-1]))) if path else None
        yield _problem(path, error.instance, words or error.message)


def _against_limits(document: Json) -> Iterator[Problem]:
    """What the schema cannot say, or does not."""
    functions = _object(document.get("functions"))
    if "functions" in document and "builds" in document:
        yield Problem("/builds", "", "cannot stand beside functions: Vercel takes one or the other")
    for pattern, settings in functions.items():
        at = ["functions", pattern]
        memory, regions = _object(settings).get("memory"), _object(settings).get("regions")
        if memory is not None and (isinstance(memory, bool) or not isinstance(memory, int | float)):
            yield _problem([*at, "memory"], memory, _LIMITS["functions", "memory"])
        if "affinity" in _object(settings) and isinstance(regions, list) and len(regions) > 1:
            yield _problem([*at, "regions"], regions, "must be one region at most beside affinity")
    for name, daemon in _object(document.get("daemons")).items():
        for key in ("instances", "replicas"):
            for region, count in _object(_object(daemon).get(key)).items():
                if isinstance(count, int) and count > _MOST_INSTANCES:
                    words = f"must be {_MOST_INSTANCES} at most in one region"
                    yield _problem(["daemons", name, key, region], count, words)


def _odd(document: Json) -> Iterator[Problem]:
    for pattern, settings in document.get("functions", {}).items():
        if not _of_load(settings) and "regions" not in settings:
            yield _problem(["functions", pattern], settings, "sets nothing that bears on load")
    for name, daemon in document.get("daemons", {}).items():
        if "replicas" in daemon:
            words = "is deprecated: call it instances"
            if "instances" in daemon:
                words = "is ignored beside instances: leave it out"
            yield _problem(["daemons", name, "replicas"], daemon["replicas"], words)


def _of_load(settings: Json) -> Json:
    keys = ("memory", "maxDuration", "maxConcurrency", "architecture", "regions", "functionFailoverRegions")
    return {key: settings[key] for key in keys if key in settings}


def _instances(daemon: Json) -> dict[str, int]:
    return dict(daemon["instances"] if "instances" in daemon else daemon["replicas"])


def _cannot_scale(document: Json) -> list[str]:
    keys = ["functions", "warm", "agent"] + (["daemons"] if document.get("daemons") else [])
    return [CANNOT_SCALE[key] for key in keys]


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _problem(path: list[Any], value: object, message: str) -> Problem:
    pointer = "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in path)
    text = json.dumps(value)
    return Problem(pointer, text if len(text) <= _SHOWN else text[:_SHOWN] + "…", message)
