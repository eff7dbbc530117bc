"""What callers hand over: what is of the wrong kind is refused at the call, in a sentence that says what is needed."""

from __future__ import annotations

import operator

TYPE_CHECKING = False  # as in the package: importing typing takes longer than all that stands here
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "check_function",
    "checked_count",
    "checked_flag",
    "checked_text",
    "checked_texts",
    "shown",
    "shown_exception",
    "text_or_none",
]

_LONGEST = 60
_MOST = 2**31 - 1


def shown(value: object) -> str:
    """Return a value as a message names it."""
    text = f"the class {value.__qualname__}" if isinstance(value, type) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def shown_exception(error: BaseException) -> str:
    """Return what came out of people's own code as a message tells it: its kind, its words, and where it was raised."""
    import traceback

    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__}: {error} ({last.filename}, line {last.lineno})"


def checked_text(name: str, value: object) -> str:
    """Return a text.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} is {shown(value)}; a text is needed")
    return value


def text_or_none(name: str, value: object) -> str:
    """Return a text; None is an empty one.

    Raises:
        TypeError: it is something else.
    """
    return "" if value is None else checked_text(name, value)


def checked_flag(name: str, value: object) -> bool:
    """Return a value that is True or False: what merely counts as true may be a mistake, such as "no".

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} is {shown(value)}; True or False is needed")
    return value


def checked_count(name: str, value: object) -> int:
    """Return a whole number.

    Raises:
        TypeError: it is none.
        ValueError: it is larger than any count.
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # that is what is asked
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"{name} is {shown(value)}; a whole number is needed")
    if abs(number) > _MOST:
        raise ValueError(f"{name} is {shown(value)}; a whole number up to {_MOST} is needed")
    return number


def checked_texts(name: str, value: Mapping[str, str] | None, example: str) -> dict[str, str]:
    """Return a mapping of texts as a dict; None is an empty one. Its values may be secrets, and are not shown.

    Raises:
        TypeError: it is no mapping, or has anything but texts; the words end with the example.
    """
    if value is None:
        return {}
    try:
        found = dict(value.items())
    except AttributeError:
        raise TypeError(f"{name} is {shown(value)}; a dict of texts is needed, such as {example}") from None
    for key, text in found.items():
        if not isinstance(key, str):
            raise TypeError(f"{name} has the key {shown(key)}; a text is needed, as in {example}")
        if not isinstance(text, str):
            kind = type(text).__name__
            raise TypeError(f"{name} has a value of the type {kind} as {key}; a text is needed, as in {example}")
    return found


def check_function(name: str, value: object, *given: str, may_be_async: bool = False) -> None:
    """Refuse what cannot be called so, or is not done when it returns.

    Args:
        name: what the function is called in words.
        value: the function.
        given: what it is called with, in words.
        may_be_async: what it returns is awaited.

    Raises:
        TypeError: it is no function, takes other arguments, or returns before it has done anything (``async def``).
    """
    wanted = f"with {' and '.join(given)}" if given else "without arguments"
    if not callable(value):
        raise TypeError(f"{name} is {shown(value)}; a function is needed, which is called {wanted}")
    from inspect import iscoroutinefunction, signature

    if iscoroutinefunction(value) and not may_be_async:
        message = f"{name} is asynchronous, and is called on a thread without an event loop; a plain function is needed"
        raise TypeError(message)
    try:
        takes = signature(value)
    except (TypeError, ValueError):  # of some that are written in C nobody knows it
        return
    try:
        takes.bind(*given)
    except TypeError as error:
        raise TypeError(f"{name} is called {wanted}, and is {shown(value)}: {error}") from None
