"""Ctrl-C and its like, heeded between looks: what starts or stops processes is never cut in half."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)  # SIGINT is given back last: it may raise


class Interrupts:
    """While its context lasts a signal is only noted, and `heed` raises what was noted, once; main thread only."""

    def __init__(self) -> None:
        """Change nothing yet."""
        self._noted = False
        self._raised = False
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int] = {}

    def __enter__(self) -> Interrupts:
        """Note signals from now on; one that is ignored stays so."""
        for number in _SIGNALS:
            before = signal.getsignal(number)
            if before is not None and before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back; what came too late to be heeded is raised here."""
        for number, before in self._before.items():
            signal.signal(number, before)
        if kind is None:
            self.heed()

    def heed(self) -> None:
        """Raise KeyboardInterrupt if a signal came, and if it is the first time."""
        if self._noted and not self._raised:
            self._raised = True
            raise KeyboardInterrupt

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._noted = True
