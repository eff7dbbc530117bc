"""What every driver owes, as checks with names: those of the suite in C++ (tests/cpp/drivers/conformance_test.cpp)."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeAlias

from selfscale._agent import Agent
from selfscale.drivers import CallbackDriver, CapableDriver, Driver, Finding, Findings, ScaleRequest
from selfscale.drivers._bridge import read_capabilities, read_observation
from selfscale.errors import Error

__all__ = ["DRIVER_CHECKS", "CheckedPromise", "DriverCheck", "DriverReport", "Fault", "check_driver"]

Fault: TypeAlias = Literal["none", "refuses", "denies", "garbage", "hangs"]
"""What a platform can be made to do wrong: ``refuses`` (nobody answers), ``denies`` (a right is missing), ``garbage``
(its answer cannot be understood), ``hangs`` (no answer comes); ``none`` mends it."""

_TOO_SHORT = 0.05
_LOOK_AGAIN = 0.05
_HOUR = 3600.0


class _Broken(Exception):
    """A promise is."""


class _Skipped(Exception):
    """A check cannot be made, and why."""


@dataclass(frozen=True)
class DriverCheck:
    """One promise of a driver.

    Attributes:
        name: the check's, the same in C++.
        promise: what a driver owes.
        matters: what comes of it where it is broken.
    """

    name: str
    promise: str
    matters: str


@dataclass(frozen=True)
class CheckedPromise:
    """What came of one check.

    Attributes:
        check: which one.
        outcome: ``skipped``: it does not apply, or `check_driver` was not given what it needs.
        seen: of a broken one what was seen, of a skipped one why.
    """

    check: DriverCheck
    outcome: Literal["kept", "broken", "skipped"]
    seen: str = ""


@dataclass(frozen=True)
class DriverReport:
    """What came of all checks, in order. As text: what was broken, why it matters and what would be right."""

    promises: tuple[CheckedPromise, ...]

    def of(self, outcome: Literal["kept", "broken", "skipped"]) -> list[CheckedPromise]:
        """Return those with that outcome."""
        return [each for each in self.promises if each.outcome == outcome]

    def __str__(self) -> str:
        """Return a line for each check, and more for what is broken."""
        counts = ", ".join(f"{len(self.of(outcome))} {outcome}" for outcome in ("kept", "broken", "skipped"))
        return "\n".join([f"{len(self.promises)} promises of a driver: {counts}", *map(_line, self.promises)])


def _line(one: CheckedPromise) -> str:
    if one.outcome == "kept":
        return f"  kept     {one.check.name}"
    line = f"  {one.outcome:8} {one.check.name}: {one.seen}"
    if one.outcome == "skipped":
        return line
    return f"{line}\n           why it matters: {one.check.matters}\n           what is right: {one.check.promise}"


def check_driver(
    driver: Driver,
    *,
    replicas: int = 2,
    truth: Callable[[], int] | None = None,
    set_truth: Callable[[int], object] | None = None,
    fault: Callable[[Fault], str | None] | None = None,
    seconds: float = 30.0,
) -> DriverReport:
    """Check that a driver of your own keeps its promises. It scales: point it at something made for tests.

    The checks are those that the library's own drivers pass, `DRIVER_CHECKS`.

    Args:
        driver: an object with the methods of `Driver`.
        replicas: a count, 1 or more; the platform is brought to it, to one more, to the driver's minimum, and back.
        truth: how many replicas the platform was told to have, asked behind the driver's back.
        set_truth: scales as somebody else would, behind the driver's back.
        fault: makes the platform fail so, and returns the code that the driver's `DriverError` owes then; None where
            this platform cannot fail so. ``"none"`` mends it. Asked to hang, it hangs until then or until the driver's
            own timeout.
        seconds: how long replicas may take to start and to end, and a call that hangs to be given up.

    Returns:
        What came of each check: which were skipped, and why.

    Raises:
        AssertionError: a promise was broken. Its words are the report: what was seen, why it matters, what is right.
    """
    bench = _Bench(driver, replicas=replicas, truth=truth, set_truth=set_truth, fault=fault, seconds=seconds)
    report = DriverReport(tuple(_checked(check, run, bench) for check, run in _CHECKS.items()))
    assert not report.of("broken"), str(report)
    return report


def _checked(check: DriverCheck, run: Callable[[_Bench], None], bench: _Bench) -> CheckedPromise:
    try:
        run(bench)
    except _Broken as broken:
        return CheckedPromise(check, "broken", str(broken))
    except _Skipped as skipped:
        return CheckedPromise(check, "skipped", str(skipped))
    return CheckedPromise(check, "kept")


class _Bench:
    """A driver under test, with what is known behind its back."""

    def __init__(
        self,
        driver: Driver,
        *,
        replicas: int,
        truth: Callable[[], int] | None,
        set_truth: Callable[[int], object] | None,
        fault: Callable[[Fault], str | None] | None,
        seconds: float,
    ) -> None:
        self.driver = driver
        self.replicas = replicas
        self.seconds = seconds
        self._truth = truth
        self._set_truth = set_truth
        self._fault = fault
        self.can = read_capabilities(driver.capabilities() if isinstance(driver, CapableDriver) else {})

    def observe(self) -> dict[str, Any]:
        """Look, as the agent does."""
        try:
            return read_observation(self.driver.observe())
        except Exception as error:
            _break(f"observe() raised {_words(error)}", error)

    def scale(self, count: int, *, version: str = "", deadline: float = 10.0) -> None:
        """Ask for a count, which must be accepted."""
        try:
            self.driver.scale(ScaleRequest(count, version=version, deadline=deadline))
        except Exception as error:
            _break(f"scale({count}) raised {_words(error)}", error)

    def see(self, count: int, after: str) -> dict[str, Any]:
        """Hold what the platform was told, and what the driver says of it, against a count."""
        if self._truth is not None and (told := self._truth()) != count:
            raise _Broken(f"{after} had the platform make {told}")
        seen = self.observe()
        if seen["desiredReplicas"] != count:
            raise _Broken(f"after {after}, observe() says that {seen['desiredReplicas']} are asked for")
        return seen

    def told(self) -> int:
        """Return what the platform was told: the truth where it is known, else what the driver says."""
        return self.observe()["desiredReplicas"] if self._truth is None else self._truth()

    def set_truth(self, count: int) -> None:
        """Scale as somebody else."""
        if self._set_truth is None:
            raise _Skipped("it needs set_truth, which scales as somebody else would")
        self._set_truth(count)

    def settle(self, count: int) -> dict[str, Any]:
        """Wait until there are so many replicas, and ready ones, as far as the driver tells."""
        deadline = time.monotonic() + self.seconds
        while True:
            counts = self.observe()
            names = ("currentReplicas", "readyReplicas")
            seen = {name: counts[name] for name in names if counts[name] is not None}
            if all(value == count for value in seen.values()):
                return counts
            if time.monotonic() >= deadline:
                failure = f", and as the failure {counts['failure']!r}" if counts["failure"] else ""
                raise _Broken(f"{self.seconds:g} s after scale({count}), observe() says {seen}{failure}")
            time.sleep(_LOOK_AGAIN)

    def refused(self, what: str, call: Callable[[], object], owed: str) -> None:
        """Hold what a call raises against the code that is owed."""
        try:
            call()
        except Exception as error:
            code = error.code if isinstance(error, Error) else "failed"
            if code != owed:
                _break(f"{what} raised {_words(error)}, whose code is {code}: {owed} is owed", error)
            if not str(error):
                _break(f"{what} raised {type(error).__name__} without words", error)
            return
        raise _Broken(f"{what} raised nothing: a DriverError with the code {owed} is owed")

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[str | None]:
        """Have the platform fail, and mend it in the end; gives the code that is owed."""
        if self._fault is None:
            raise _Skipped("it needs fault, which makes the platform fail")
        owed = self._fault(fault)
        try:
            yield owed
        finally:
            self._fault("none")

    @contextmanager
    def hanging(self) -> Iterator[str]:
        """Have it hang."""
        with self.failing("hangs") as owed:
            if owed is None:
                raise _Skipped("this platform cannot be made to hang")
            yield owed


class _Call:
    """A call on a thread of its own, for as long as it takes."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._error: BaseException | None = None
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="selfscale-checked-call", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._call()
        except Exception as error:
            self._error = error
        finally:
            self.ended.set()

    def result(self) -> None:
        """Raise what it raised."""
        if self._error is not None:
            raise self._error


def _sees_the_truth(bench: _Bench) -> None:
    seen = bench.observe()["desiredReplicas"]
    if seen != (told := bench.told()):
        raise _Broken(f"{told} are asked for, and observe() says {seen}")


def _writes_exactly_what_is_asked_for(bench: _Bench) -> None:
    for count in (bench.replicas + 1, bench.replicas, bench.replicas + 2):
        bench.scale(count)
        bench.see(count, f"scale({count})")
        bench.settle(count)


def _asking_twice_changes_nothing(bench: _Bench) -> None:
    count = bench.replicas
    bench.scale(count)
    bench.settle(count)
    version = bench.see(count, f"scale({count})")["version"]
    bench.scale(count)
    after = bench.see(count, f"scale({count}), asked twice,")["version"]
    if after != version:
        raise _Broken(f"scale({count}), asked twice, made the version {after!r} of {version!r}: it was written anew")


def _takes_its_minimum_and_nothing_below_zero(bench: _Bench) -> None:
    least = bench.can["minimum"]
    bench.scale(least)
    bench.see(least, f"scale({least}), the minimum,")
    if least > 0:
        below = ScaleRequest(least - 1)
        bench.refused(f"scale({least - 1}), below the minimum,", lambda: bench.driver.scale(below), "invalid_argument")
        bench.see(least, f"scale({least - 1}), which was refused,")
    bench.scale(bench.replicas)
    bench.settle(bench.replicas)


def _sees_what_somebody_else_set(bench: _Bench) -> None:
    count = bench.replicas + 1
    bench.set_truth(count)
    seen = bench.observe()["desiredReplicas"]
    if seen != count:
        raise _Broken(f"somebody else asked for {count}, and observe() says {seen}")
    bench.settle(count)


def _refuses_a_stale_version_where_it_can(bench: _Bench) -> None:
    if not bench.can["conditionalWrite"]:
        if version := bench.observe()["version"]:
            raise _Broken(f"observe() has the version {version!r}, and capabilities() no conditionalWrite")
        raise _Skipped("capabilities() has no conditionalWrite: two that write at once are not told apart")
    mine, theirs = bench.replicas, bench.replicas + 1
    bench.scale(mine)
    stale = bench.settle(mine)["version"]
    if not stale:
        raise _Broken("capabilities() has conditionalWrite, and observe() no version")
    bench.set_truth(theirs)
    request = ScaleRequest(mine, version=stale)
    bench.refused(f"scale({mine}) at a version that stands no more", lambda: bench.driver.scale(request), "conflict")
    fresh = bench.see(theirs, f"scale({mine}), which was refused,")["version"]
    bench.scale(mine, version=fresh)
    bench.see(mine, f"scale({mine}) at the version that stands")
    bench.settle(mine)


def _all_become_ready_where_it_reports_that(bench: _Bench) -> None:
    count = bench.replicas + 1
    bench.scale(count)
    seen = bench.settle(count)
    if seen["failure"]:
        raise _Broken(f"all {count} are there, and observe() says as the failure {seen['failure']!r}")
    if seen["readyReplicas"] is None:
        if bench.can["reportsReady"]:
            raise _Broken("capabilities() has reportsReady, and observe() no readyReplicas")
        raise _Skipped("observe() has no readyReplicas: those that exist count as serving")


def _preflight_finds_nothing_wrong_with_a_healthy_platform(bench: _Bench) -> None:
    try:
        found = bench.driver.preflight()
    except Exception as error:
        _break(f"preflight() raised {_words(error)}", error)
    if wrong := _wrong(found):
        raise _Broken(f"preflight() says that this process may not act: {wrong}")


def _each_fault_has_its_code_and_words(bench: _Bench) -> None:
    before = bench.told()
    faults: tuple[Fault, ...] = ("refuses", "denies", "garbage")
    have_failed = [fault for fault in faults if _fails_well(bench, fault)]
    if not have_failed:
        raise _Skipped("this platform cannot be made to fail")
    if (after := bench.told()) != before:
        raise _Broken(f"the platform was told {before}; it refused, and was told {after}")


def _fails_well(bench: _Bench, fault: Fault) -> bool:
    with bench.failing(fault) as owed:
        if owed is None:
            return False
        bench.refused(f"{fault}: observe()", lambda: read_observation(bench.driver.observe()), owed)
        if fault != "garbage":  # a write has nothing to read
            request = ScaleRequest(bench.replicas + 2)
            bench.refused(f"{fault}: scale({request})", lambda: bench.driver.scale(request), owed)
    return True


def _keeps_its_deadline_when_the_platform_hangs(bench: _Bench) -> None:
    _give_up(bench)
    bench.scale(bench.replicas)  # whatever became of the other


def _works_again_once_the_platform_does(bench: _Bench) -> None:
    _give_up(bench)
    count = bench.replicas + 2
    bench.scale(count)
    bench.see(count, f"scale({count}), once the platform was well again,")
    bench.settle(count)


def _give_up(bench: _Bench) -> None:
    request = ScaleRequest(bench.replicas + 1, deadline=_TOO_SHORT)
    with bench.hanging() as owed:
        call = _Call(lambda: bench.driver.scale(request))
        has_ended = call.ended.wait(bench.seconds)
        if has_ended:
            bench.refused(f"scale() with a deadline of {_TOO_SHORT} s", call.result, owed)
    call.ended.wait(bench.seconds)
    if not has_ended:
        raise _Broken(f"scale() with a deadline of {_TOO_SHORT} s went on until the platform was mended")


def _is_cancelled_at_once(bench: _Bench) -> None:
    bench.scale(bench.replicas)
    bench.settle(bench.replicas)
    with bench.hanging(), tempfile.TemporaryDirectory(prefix="selfscale-check-") as folder:
        scales = _Scales(bench.driver)
        agent = _agent(CallbackDriver(scales, lambda: bench.replicas, capabilities={"scope": "host"}), bench, folder)
        agent.start()
        has_begun = scales.begun.wait(bench.seconds)
        was_early = scales.ended.is_set()
        stop = _Call(agent.stop)
        has_stopped = stop.ended.wait(bench.seconds)
    scales.ended.wait(bench.seconds)
    stop.ended.wait(bench.seconds)
    if not has_begun:
        raise _Broken(f"an agent did not ask for anything within {bench.seconds:g} s")
    if was_early:
        raise _Broken("scale() with a deadline of an hour ended, though the platform hung")
    if not has_stopped:
        raise _Broken("an agent that was stopped while scale() hung waited for it")
    if scales.count != 1:
        raise _Broken(f"an agent that was stopped while scale() hung asked {scales.count - 1} times more")
    bench.scale(bench.replicas)  # whatever became of the other


class _Scales:
    """Hands on what an agent asks for, with an hour for each call."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.count = 0

    def __call__(self, replicas: ScaleRequest) -> None:
        self.count += 1
        self.begun.set()
        try:
            self._driver.scale(ScaleRequest(replicas, deadline=_HOUR))
        finally:
            self.ended.set()


def _agent(driver: CallbackDriver, bench: _Bench, folder: str) -> Agent:
    """Make an agent that asks for one replica more, and leaves no trace."""
    policy = {
        "service": "checked",
        "minReplicas": bench.replicas + 1,
        "maxReplicas": bench.replicas + 1,
        "evaluationInterval": "50ms",
        "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 100, "scaleDown": 0}],
    }
    environment = {
        "SELFSCALE_RUN_DIR": folder,
        "SELFSCALE_STATE_DIR": folder,
        "SELFSCALE_FLEET": "host",
        "SELFSCALE_LEADS": "auto",
        "AUTOSCALING_DRY_RUN": "false",
        "AUTOSCALING_LOG_LEVEL": "off",
    }
    return Agent(policy, service="checked", driver=driver, enable=True, environment=environment)


_CHECKS: Mapping[DriverCheck, Callable[[_Bench], None]] = {
    DriverCheck(
        "sees_the_truth",
        "observe() returns what the platform was asked for, whoever asked.",
        "the agent decides on a count that is not there.",
    ): _sees_the_truth,
    DriverCheck(
        "writes_exactly_what_is_asked_for",
        "scale(n) asks the platform for exactly n, up and down, observe() says so from then on, and n come about.",
        "the agent takes what it does not find again for somebody else's work, and starts over.",
    ): _writes_exactly_what_is_asked_for,
    DriverCheck(
        "asking_twice_changes_nothing",
        "scale(n) with n asked for already writes nothing: set a count, never add to one.",
        "after an answer that was lost the agent asks again, and would have one replica too many each time.",
    ): _asking_twice_changes_nothing,
    DriverCheck(
        "takes_its_minimum_and_nothing_below_zero",
        "scale(minimum of capabilities()) is done; less is refused with the code invalid_argument and not written.",
        "a policy may go down to a count that the platform does not take, and each such step fails.",
    ): _takes_its_minimum_and_nothing_below_zero,
    DriverCheck(
        "sees_what_somebody_else_set",
        "observe() asks the platform each time, and remembers nothing of its own.",
        "the agent overwrites what a person has set, and does not know of it.",
    ): _sees_what_somebody_else_set,
    DriverCheck(
        "refuses_a_stale_version_where_it_can",
        "with conditionalWrite, observe() has a version, and scale() at one that stands no more raises a DriverError "
        "with the code conflict and writes nothing; without it, observe() has no version.",
        "what somebody else set between the agent's look and its write is lost.",
    ): _refuses_a_stale_version_where_it_can,
    DriverCheck(
        "all_become_ready_where_it_reports_that",
        "once all replicas serve, currentReplicas and readyReplicas are what was asked for, and failure is empty.",
        "each step up counts as failed when its time is over, and is taken back.",
    ): _all_become_ready_where_it_reports_that,
    DriverCheck(
        "preflight_finds_nothing_wrong_with_a_healthy_platform",
        'preflight() returns a list of what is wrong, or a dict with "wrong" and "warnings"; nothing wrong: no entry.',
        "while anything is wrong, this process does not act.",
    ): _preflight_finds_nothing_wrong_with_a_healthy_platform,
    DriverCheck(
        "each_fault_has_its_code_and_words",
        "what fails raises a DriverError with words, and the code that says what can be done about it; "
        "what was refused is not done.",
        "the agent tries again what cannot succeed, or gives up what would have.",
    ): _each_fault_has_its_code_and_words,
    DriverCheck(
        "keeps_its_deadline_when_the_platform_hangs",
        "scale() ends within the deadline of its request: pass it as the timeout of what you call.",
        "all functions of yours run on one thread: while one hangs, nothing is seen and nothing asked for.",
    ): _keeps_its_deadline_when_the_platform_hangs,
    DriverCheck(
        "works_again_once_the_platform_does",
        "after a call that was given up, the next one works: keep no connection that has failed.",
        "one failure of the platform ends the scaling until the process is started anew.",
    ): _works_again_once_the_platform_does,
    DriverCheck(
        "is_cancelled_at_once",
        "an agent that is stopped while scale() hangs ends, and asks nothing more.",
        "the process does not end when it is told to.",
    ): _is_cancelled_at_once,
}

DRIVER_CHECKS: tuple[DriverCheck, ...] = tuple(_CHECKS)
"""The promises of a driver, in the order in which they are checked."""


def _wrong(found: Findings) -> list[str]:
    by_kind = found if isinstance(found, Mapping) else {"wrong": found}
    if not set(by_kind) <= {"wrong", "warnings"}:
        raise _Broken(f"preflight() may have wrong and warnings, not {sorted(by_kind)}")
    sentences: dict[str, list[str]] = {}
    for kind, findings in by_kind.items():
        if isinstance(findings, str):
            raise _Broken(f"preflight() returns a list of sentences as {kind}, not one string")
        sentences[kind] = [_sentence(each) for each in findings]
    return sentences.get("wrong", [])


def _sentence(finding: Finding) -> str:
    if isinstance(finding, str):
        return finding
    if not set(finding) <= {"what", "why", "paste"}:
        raise _Broken(f"a finding may have what, why and paste, not {sorted(finding)}")
    if not finding.get("what"):
        raise _Broken(f"a finding without what: {finding}")
    return finding["what"]


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _break(words: str, cause: BaseException) -> NoReturn:
    raise _Broken(words) from cause
