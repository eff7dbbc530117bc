"""The driver ``vercel``: it looks, and never writes, for there is nothing to set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from selfscale.errors import DriverError, Error
from selfscale.vercel import CANNOT_SCALE, check

__all__ = ["Vercel", "make"]

_KEYS = {"driver", "description", "file"}
_USUAL_FILE = "vercel.json"


def make(_service: str, platform: Mapping[str, Any]) -> Vercel:
    """Make the driver of a policy's platform object.

    Raises:
        ValueError: a key is unknown or has no such value.
    """
    for key in platform:
        if key not in _KEYS and not key.startswith("x-"):
            raise ValueError(f"platform.{key} is no key of vercel; there is file")
    file = platform.get("file")
    if file is not None and not (isinstance(file, str) and file):
        raise ValueError(f"platform.file is {file!r}; a path is needed")
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

    def preflight(self) -> dict[str, list[str]]:
        """Return why nothing can be scaled, and what is wrong in the file."""
        if self._file is None and not Path(_USUAL_FILE).is_file():
            return {"wrong": [CANNOT_SCALE["functions"], CANNOT_SCALE["agent"]], "warnings": []}
        path = self._file or _USUAL_FILE
        try:
            found = check(path)
        except Error as error:
            return {"wrong": [CANNOT_SCALE["functions"], str(error)], "warnings": []}
        except ImportError:
            return {
                "wrong": [CANNOT_SCALE["functions"]],
                "warnings": [f"{path} was not checked: pip install 'selfscale[cli]'"],
            }
        wrong = [f"{path}{each.pointer} = {each.value}: {each.message}" for each in found.problems]
        odd = [f"{path}{each.pointer}: {each.message}" for each in found.hints]
        return {"wrong": found.cannot_scale + wrong, "warnings": odd}
