"""What every driver owes, as checks with names: those of the suite in C++ (tests/cpp/drivers/conformance_test.cpp)."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from selfscale._agent import Agent
from selfscale._arguments import check_function, checked_count
from selfscale._driver_bench import Bench, Broken, Call, Fault, Skipped, break_promise, in_words
from selfscale.drivers import CallbackDriver, Driver, Finding, Findings, ScaleRequest, check_driver_object
from selfscale.drivers._bridge import read_observation

__all__ = ["DRIVER_CHECKS", "CheckedPromise", "DriverCheck", "DriverReport", "check_driver"]

_TOO_SHORT = 0.05
_HOUR = 3600.0
_OUTCOMES: tuple[Literal["kept", "broken", "skipped"], ...] = ("kept", "broken", "skipped")


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
        """Return those with that outcome.

        Raises:
            ValueError: there is no such outcome.
        """
        if outcome not in _OUTCOMES:
            raise ValueError(f"no promise is {outcome!r}: {', '.join(_OUTCOMES)} are the outcomes")
        return [each for each in self.promises if each.outcome == outcome]

    def __str__(self) -> str:
        """Return a line for each check, and more for what is broken."""
        counts = ", ".join(f"{len(self.of(outcome))} {outcome}" for outcome in _OUTCOMES)
        lines = [f"{len(self.promises)} promises of a driver: {counts}"]
        first: dict[str, str] = {}  # the check that saw it; one mistake may break many promises
        for each in self.promises:
            lines.append(_line(each, first.setdefault(each.seen, each.check.name)))
        return "\n".join(lines)


def _line(one: CheckedPromise, first: str) -> str:
    if one.outcome == "kept":
        return f"  kept     {one.check.name}"
    if one.outcome == "broken" and first != one.check.name:
        return f"  broken   {one.check.name}: by the same as {first}"
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
        TypeError: `driver` is no object with the methods of `Driver`, or another argument of another kind.
        ValueError: `replicas` is less than 1, or the driver's capabilities cannot be read.
    """
    if isinstance(driver, CallbackDriver):
        raise TypeError("driver is a CallbackDriver; an object of a class with the methods of a Driver is needed")
    check_driver_object("driver", driver, "an object with the methods of a Driver")
    if checked_count("replicas", replicas) < 1:
        raise ValueError(f"replicas is {replicas}; 1 or more are needed")
    functions: list[tuple[str, object, list[str]]] = [
        ("truth", truth, []),
        ("set_truth", set_truth, ["a count"]),
        ("fault", fault, ["what is to go wrong"]),
    ]
    for name, function, given in functions:
        if function is not None:
            check_function(name, function, *given)
    bench = Bench(driver, replicas=replicas, truth=truth, set_truth=set_truth, fault=fault, seconds=seconds)
    report = DriverReport(tuple(_checked(check, run, bench) for check, run in _CHECKS.items()))
    assert not report.of("broken"), str(report)
    return report


def _checked(check: DriverCheck, run: Callable[[Bench], None], bench: Bench) -> CheckedPromise:
    try:
        run(bench)
    except Broken as broken:
        return CheckedPromise(check, "broken", str(broken))
    except Skipped as skipped:
        return CheckedPromise(check, "skipped", str(skipped))
    return CheckedPromise(check, "kept")


def _sees_the_truth(bench: Bench) -> None:
    seen = bench.observe()["desiredReplicas"]
    if seen != (told := bench.told()):
        raise Broken(f"{told} are asked for, and observe() says {seen}")


def _writes_exactly_what_is_asked_for(bench: Bench) -> None:
    for count in (bench.replicas + 1, bench.replicas, bench.replicas + 2):
        bench.scale(count)
        bench.see(count, f"scale({count})")
        bench.settle(count)


def _asking_twice_changes_nothing(bench: Bench) -> None:
    count = bench.replicas
    bench.scale(count)
    bench.settle(count)
    version = bench.see(count, f"scale({count})")["version"]
    bench.scale(count)
    after = bench.see(count, f"scale({count}), asked twice,")["version"]
    if after != version:
        raise Broken(f"scale({count}), asked twice, made the version {after!r} of {version!r}: it was written anew")


def _takes_its_minimum_and_nothing_below_zero(bench: Bench) -> None:
    least = bench.can["minimum"]
    bench.scale(least)
    bench.see(least, f"scale({least}), the minimum,")
    if least > 0:
        below = ScaleRequest(least - 1)
        bench.refused(f"scale({least - 1}), below the minimum,", lambda: bench.driver.scale(below), "invalid_argument")
        bench.see(least, f"scale({least - 1}), which was refused,")
    bench.scale(bench.replicas)
    bench.settle(bench.replicas)


def _sees_what_somebody_else_set(bench: Bench) -> None:
    count = bench.replicas + 1
    bench.set_truth(count)
    seen = bench.observe()["desiredReplicas"]
    if seen != count:
        raise Broken(f"somebody else asked for {count}, and observe() says {seen}")
    bench.settle(count)


def _refuses_a_stale_version_where_it_can(bench: Bench) -> None:
    if not bench.can["conditionalWrite"]:
        if version := bench.observe()["version"]:
            raise Broken(f"observe() has the version {version!r}, and capabilities() no conditionalWrite")
        raise Skipped("capabilities() has no conditionalWrite: two that write at once are not told apart")
    mine, theirs = bench.replicas, bench.replicas + 1
    bench.scale(mine)
    stale = bench.settle(mine)["version"]
    if not stale:
        raise Broken("capabilities() has conditionalWrite, and observe() no version")
    bench.set_truth(theirs)
    request = ScaleRequest(mine, version=stale)
    bench.refused(f"scale({mine}) at a version that stands no more", lambda: bench.driver.scale(request), "conflict")
    fresh = bench.see(theirs, f"scale({mine}), which was refused,")["version"]
    bench.scale(mine, version=fresh)
    bench.see(mine, f"scale({mine}) at the version that stands")
    bench.settle(mine)


def _what_somebody_else_set_after_the_look_is_not_overwritten(bench: Bench) -> None:
    _leaves_alone_what_somebody_else_set(bench, at_version=True)


def _what_somebody_else_set_is_not_overwritten_without_a_version(bench: Bench) -> None:
    _leaves_alone_what_somebody_else_set(bench, at_version=False)


def _leaves_alone_what_somebody_else_set(bench: Bench, *, at_version: bool) -> None:
    mine, before, theirs = bench.replicas, bench.replicas + 1, bench.replicas + 2
    bench.scale(before)
    version = bench.settle(before)["version"]
    bench.set_truth(theirs)
    request = ScaleRequest(mine, from_replicas=before, version=version if at_version else "")
    what = f"scale({mine}), decided from {before} where {theirs} are asked for now,"
    try:
        bench.refused(what, lambda: bench.driver.scale(request), "conflict")
    except Broken:
        compares_versions = at_version and bench.can["conditionalWrite"]
        if compares_versions or bench.told() != mine:
            raise
        raise Skipped("scale() does not look at from_replicas: the agent calls observe() right before it") from None
    fresh = bench.see(theirs, f"scale({mine}), which was refused,")["version"]
    bench.accept(ScaleRequest(mine, from_replicas=theirs, version=fresh if at_version else ""))
    bench.see(mine, f"scale({mine}), decided from what stood there,")
    bench.settle(mine)


def _all_become_ready_where_it_reports_that(bench: Bench) -> None:
    count = bench.replicas + 1
    bench.scale(count)
    seen = bench.settle(count)
    if seen["failure"]:
        raise Broken(f"all {count} are there, and observe() says as the failure {seen['failure']!r}")
    if seen["readyReplicas"] is None:
        if bench.can["reportsReady"]:
            raise Broken("capabilities() has reportsReady, and observe() no readyReplicas")
        raise Skipped("observe() has no readyReplicas: those that exist count as serving")


def _preflight_finds_nothing_wrong_with_a_healthy_platform(bench: Bench) -> None:
    try:
        found = bench.driver.preflight()
    except Exception as error:
        break_promise(f"preflight() raised {in_words(error)}", error)
    if wrong := _wrong(found):
        raise Broken(f"preflight() says that this process may not act: {wrong}")


def _each_fault_has_its_code_and_words(bench: Bench) -> None:
    before = bench.told()
    faults: tuple[Fault, ...] = ("refuses", "denies", "garbage")
    have_failed = [fault for fault in faults if _fails_well(bench, fault)]
    if not have_failed:
        raise Skipped("this platform cannot be made to fail")
    if (after := bench.told()) != before:
        raise Broken(f"the platform was told {before}; it refused, and was told {after}")


def _fails_well(bench: Bench, fault: Fault) -> bool:
    with bench.failing(fault) as owed:
        if owed is None:
            return False
        bench.refused(f"{fault}: observe()", lambda: read_observation(bench.driver.observe()), owed)
        if fault != "garbage":  # a write has nothing to read
            request = ScaleRequest(bench.replicas + 2)
            bench.refused(f"{fault}: scale({request})", lambda: bench.driver.scale(request), owed)
    return True


def _keeps_its_deadline_when_the_platform_hangs(bench: Bench) -> None:
    _give_up(bench)
    bench.scale(bench.replicas)  # whatever became of the other


def _works_again_once_the_platform_does(bench: Bench) -> None:
    _give_up(bench)
    count = bench.replicas + 2
    bench.scale(count)
    bench.see(count, f"scale({count}), once the platform was well again,")
    bench.settle(count)


def _give_up(bench: Bench) -> None:
    request = ScaleRequest(bench.replicas + 1, deadline=_TOO_SHORT)
    with bench.hanging() as owed:
        call = Call(lambda: bench.driver.scale(request))
        has_ended = call.ended.wait(bench.seconds)
        if has_ended:
            bench.refused(f"scale() with a deadline of {_TOO_SHORT} s", call.result, owed)
    call.ended.wait(bench.seconds)
    if not has_ended:
        raise Broken(f"scale() with a deadline of {_TOO_SHORT} s went on until the platform was mended")


def _is_cancelled_at_once(bench: Bench) -> None:
    bench.scale(bench.replicas)
    bench.settle(bench.replicas)
    with bench.hanging(), tempfile.TemporaryDirectory(prefix="selfscale-check-") as folder:
        scales = _Scales(bench.driver)
        agent = _agent(CallbackDriver(scales, lambda: bench.replicas, capabilities={"scope": "host"}), bench, folder)
        agent.start()
        has_begun = scales.begun.wait(bench.seconds)
        was_early = scales.ended.is_set()
        stop = Call(agent.stop)
        has_stopped = stop.ended.wait(bench.seconds)
    scales.ended.wait(bench.seconds)
    stop.ended.wait(bench.seconds)
    if not has_begun:
        raise Broken(f"an agent did not ask for anything within {bench.seconds:g} s")
    if was_early:
        raise Broken("scale() with a deadline of an hour ended, though the platform hung")
    if not has_stopped:
        raise Broken("an agent that was stopped while scale() hung waited for it")
    if scales.count != 1:
        raise Broken(f"an agent that was stopped while scale() hung asked {scales.count - 1} times more")
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


def _agent(driver: CallbackDriver, bench: Bench, folder: str) -> Agent:
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


_CHECKS: Mapping[DriverCheck, Callable[[Bench], None]] = {
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
        "what_somebody_else_set_after_the_look_is_not_overwritten",
        "scale() raises a DriverError with the code conflict and writes nothing where the platform is asked for "
        "neither from_replicas nor the new count; where it is asked for from_replicas, it does what is asked.",
        "what a person sets between the agent's look and its write is lost.",
    ): _what_somebody_else_set_after_the_look_is_not_overwritten,
    DriverCheck(
        "what_somebody_else_set_is_not_overwritten_without_a_version",
        "scale() compares from_replicas where its request has no version, too; where it does not, the agent calls "
        "observe() right before it and compares by itself.",
        "a step back, which has no version, overwrites what a person set since the step that failed.",
    ): _what_somebody_else_set_is_not_overwritten_without_a_version,
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
        raise Broken(f"preflight() may have wrong and warnings, not {sorted(by_kind)}")
    sentences: dict[str, list[str]] = {}
    for kind, findings in by_kind.items():
        if isinstance(findings, str):
            raise Broken(f"preflight() returns a list of sentences as {kind}, not one string")
        sentences[kind] = [_sentence(each) for each in findings]
    return sentences.get("wrong", [])


def _sentence(finding: Finding) -> str:
    if isinstance(finding, str):
        return finding
    if not set(finding) <= {"what", "why", "paste"}:
        raise Broken(f"a finding may have what, why and paste, not {sorted(finding)}")
    if not finding.get("what"):
        raise Broken(f"a finding without what: {finding}")
    return finding["what"]
