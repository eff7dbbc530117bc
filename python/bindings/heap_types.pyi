# What pybind11-stubgen cannot see: the types made on the C API. make_stubs.py puts it into _core.pyi.
class Counter:
    """A count that only grows."""

    def inc(self, amount: int = 1, /) -> None: ...

class Gauge:
    """A value that goes up and down."""

    def set(self, value: float, /) -> None: ...
    def inc(self, amount: float = 1.0, /) -> None: ...
    def dec(self, amount: float = 1.0, /) -> None: ...
    def add(self, amount: float, /) -> None: ...
    def track(self) -> contextlib.AbstractContextManager[object]: ...

class Distribution:
    """A distribution of values, for quantiles."""

    def observe(self, value: float, /) -> None: ...
    def time(self) -> contextlib.AbstractContextManager[object]: ...

class Request:
    """One request in flight; stands for `send`."""

    def __call__(
        self, message: collections.abc.MutableMapping[str, typing.Any]
    ) -> collections.abc.Awaitable[None]: ...
    def leave(self, cancelled: bool, /) -> None: ...

class Recorder:
    """Measures requests on an agent's metrics."""

    def enter(
        self,
        scope: collections.abc.MutableMapping[str, typing.Any],
        send: collections.abc.Callable[
            [collections.abc.MutableMapping[str, typing.Any]], collections.abc.Awaitable[None]
        ],
        /,
    ) -> Request: ...
    def drain(self) -> None: ...
