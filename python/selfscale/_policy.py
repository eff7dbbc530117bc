"""Policies: files, text or dicts in; checked dicts out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from os import PathLike
from typing import Any

from selfscale import _core
from selfscale._arguments import shown
from selfscale._json import Document, Json, to_text
from selfscale.errors import Error, PolicyError, Problem


def load_policies(source: str | PathLike[str] | Mapping[str, Any]) -> list[Json]:
    """Read a policy document and check it whole.

    Args:
        source: the path of a file, the document's text (comments allowed), or the document as a dict.

    Returns:
        One dict per policy: its normal form, with all defaults and presets filled in, and with its document's
        `timezone`, `guardrails` and `alerts` as keys. `decide`, `simulate` and `start` take it as it is.

    Raises:
        PolicyError: the document is wrong; `.problems` has every mistake.
        Error: there is no such file (code ``not_found``).
        TypeError: it is something else.
    """
    policies, _ = _core.load_policies(_text_of(source))
    return [json.loads(policy.to_json()) for policy in policies]


def hints(source: str | PathLike[str] | Mapping[str, Any]) -> list[Problem]:
    """Return what is odd but valid in a policy document, and how each bare number was read."""
    _, found = _core.load_policies(_text_of(source))
    return [Problem(*hint) for hint in found]


def one_policy(policy: Document) -> _core.Policy:
    """Return the compiled form of one entry of `policies`; compiling is done once per text."""
    return _compiled(to_text(policy))


@lru_cache(maxsize=64)
def _compiled(text: str) -> _core.Policy:
    policies, _ = _core.load_policies(text)
    if len(policies) != 1:
        names = ", ".join(policy.name for policy in policies)
        message = f"this document has {len(policies)} policies ({names}): pass one of load_policies()'s"
        raise PolicyError(message, [Problem("/policies", "", message)])
    return policies[0]


def _text_of(source: str | PathLike[str] | Mapping[str, Any]) -> str:
    if isinstance(source, Mapping):
        return to_text(source)
    if isinstance(source, str) and is_document(source):
        return source
    path = path_of(source)
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return file.read()
    except OSError as error:
        message = f"cannot read the policy file {path}: {error.strerror}"
        raise Error(message, "not_found" if isinstance(error, FileNotFoundError) else "storage") from None
    except UnicodeDecodeError:
        raise Error(f"the policy file {path} is not text in UTF-8", "malformed") from None


def path_of(source: str | PathLike[str]) -> str:
    """Return the path of a policy file.

    Raises:
        TypeError: it is none.
    """
    path = os.fspath(source) if isinstance(source, (str, PathLike)) else None
    if not isinstance(path, str):
        message = f"policies are {shown(source)}; a file's path, or the document as text or dict, is needed"
        raise TypeError(message)
    return path


def is_document(text: str) -> bool:
    """Whether a string is a document rather than a path."""
    return "{" in text or "\n" in text
