"""The driver ``vercel``: it looks, and never writes, for there is nothing to set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from selfscale.drivers import Finding
from selfscale.drivers._platform import check_keys, refuse_key
from selfscale.errors import DriverError, Error
from selfscale.vercel import CANNOT_SCALE, check

__all__ = ["Vercel", "make"]

_USUAL_FILE = "vercel.json"
_KEYS = {"file": f'"file": "{_USUAL_FILE}"   # in the policy\'s platform: its path from where the agent runs'}
_RECOMMENDS_ONLY = '"enabled": false   # in the policy: it recommends, and there is no more that it could do'
_ELSEWHERE = "selfscale agent --policies FILE   # on a host that stays up: there it can recommend"
_MENDED_BY = {
    "functions": ("no agent can ever act on it", _RECOMMENDS_ONLY),
    "warm": ("more replicas of a policy keep nothing warm", _RECOMMENDS_ONLY),
    "agent": ("an agent that stands still recommends nothing", _ELSEWHERE),
    "daemons": (
        "their number is changed by a deployment alone",
        '"instances": {"iad1": 2}   # of the daemon, in that file',
    ),
}


def make(_service: str, platform: Mapping[str, Any]) -> Vercel:
    """Make the driver of a policy's platform object.

    Raises:
        PolicyError: a key is unknown or has no such value.
    """
    check_keys("vercel", platform, _KEYS)
    file = platform.get("file")
    if file is not None and not (isinstance(file, str) and file):
        refuse_key("file", file, "must be a path", _KEYS["file"])
    return Vercel(file)


class Vercel:
    """Says why nothing on Vercel can be scaled, and what is wrong with its configuration.

    It asks nothing of Vercel, needs no token, and may be used from any thread.

    Args:
        file: the path of a ``vercel.json``; without it the one of this directory, where there is one.
    """

    def __init__(self, file: str | None = None) -> None:
        """Keep the path; nothing is read yet."""
        self._file = file

    def observe(self) -> NoReturn:
        """Raise DriverError with the code ``unsupported``: Vercel counts nothing."""
        raise DriverError(f"there is nothing to count: {CANNOT_SCALE['functions']}", "unsupported")

    def scale(self, replicas: int, /) -> NoReturn:
        """Raise DriverError with the code ``unsupported``: nothing is ever written."""
        raise DriverError(f"scale: {replicas} replicas; {CANNOT_SCALE['functions']}", "unsupported")

    def preflight(self) -> dict[str, list[Finding]]:
        """Return why nothing can be scaled, and what is wrong in the file."""
        if self._file is None and not Path(_USUAL_FILE).is_file():
            return {"wrong": _cannot_scale([CANNOT_SCALE["functions"], CANNOT_SCALE["agent"]]), "warnings": []}
        path = self._file or _USUAL_FILE
        functions = _cannot_scale([CANNOT_SCALE["functions"]])
        try:
            found = check(path)
        except Error as error:
            unread: Finding = {
                "what": str(error),
                "why": "what it asks of Vercel was not checked",
                "paste": _KEYS["file"],
            }
            return {"wrong": [*functions, unread], "warnings": []}
        except ImportError:
            unchecked = {
                "what": f"{path} was not checked: the package jsonschema is not installed",
                "why": "what is wrong in it shows when it is deployed",
                "paste": "pip install 'selfscale[cli]'",
            }
            return {"wrong": functions, "warnings": [unchecked]}
        again = f"selfscale validate {path}   # once it is mended"
        wrong: list[Finding] = [
            {
                "what": f"{path}{each.pointer} = {each.value}: {each.message}",
                "why": "Vercel refuses such a file, or does not do what it says",
                "paste": again,
            }
            for each in found.problems
        ]
        odd: list[Finding] = [
            {"what": f"{path}{each.pointer}: {each.message}", "why": "Vercel does nothing by it", "paste": again}
            for each in found.hints
        ]
        return {"wrong": [*_cannot_scale(found.cannot_scale), *wrong], "warnings": odd}


def _cannot_scale(reasons: list[str]) -> list[Finding]:
    known = {CANNOT_SCALE[key]: mended for key, mended in _MENDED_BY.items()}
    return [{"what": each, "why": known[each][0], "paste": known[each][1]} for each in reasons]
