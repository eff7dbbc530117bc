"""check_driver says which promise was broken, why that matters, and what would be right."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from selfscale import DriverError, ScaleRequest
from selfscale import drivers as drivers_module
from selfscale.testing import DRIVER_CHECKS, Fault, MemoryPlatform, check_driver

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "tests" / "cpp" / "drivers" / "conformance_test.cpp"


def test_the_checks_are_those_of_the_suite_in_cpp() -> None:
    suite = re.findall(r"^TEST_P\(DriverConformance, (\w+)\)", SUITE.read_text(), re.MULTILINE)
    named = ["".join(word.capitalize() for word in check.name.split("_")) for check in DRIVER_CHECKS]
    assert named == suite


def test_the_page_on_own_drivers_lists_them() -> None:
    page = (ROOT / "docs" / "callback.md").read_text()
    assert re.findall(r"^\| `(\w+)` \| ", page.partition("## Hold it")[2], re.MULTILINE) == [
        check.name for check in DRIVER_CHECKS
    ]


@pytest.mark.parametrize("check", DRIVER_CHECKS, ids=lambda check: check.name)
def test_each_check_says_what_is_owed_and_why_it_matters(check: Any) -> None:
    assert check.promise.endswith(".")
    assert check.matters.endswith(".")


HELD = {
    "celery_pool": ("tests/integration/test_celery_pool.py", "test_it_keeps_the_promises_of_a_driver"),
    "vercel": ("tests/python/test_vercel.py", "test_it_promises_nothing_for_there_is_nothing_to_count_or_to_set"),
}
"""Each driver of the library in Python, and the test that holds it against the promises, or says why that cannot be."""


def test_each_driver_of_the_library_in_python_is_held_against_the_promises() -> None:
    assert HELD.keys() == drivers_module._OURS.keys()
    for file, test in HELD.values():
        body = (ROOT / file).read_text().partition(f"def {test}(")[2].partition("\ndef ")[0]
        assert "check_driver(" in body


class Shelf(MemoryPlatform):
    """A platform that has versions, and fails as it is told to; what is wrong with it, the tests say."""

    def __init__(self) -> None:
        super().__init__(replicas=2)
        self.version = 0
        self.now: Fault = "none"
        self.mended = threading.Event()

    def capabilities(self) -> Any:
        return {"scope": "host", "reportsReady": True, "conditionalWrite": True, "minimum": 1}

    def meet(self, deadline: float) -> None:
        if self.now == "hangs":
            self.mended.wait(deadline)
            raise DriverError("no answer", "timed_out")
        codes = {"refuses": "unreachable", "denies": "denied"}
        if self.now in codes:
            raise DriverError(self.now, codes[self.now])

    def scale(self, replicas: ScaleRequest, /) -> None:  # type: ignore[override]
        if replicas < 1:
            raise DriverError("1 or more", "invalid_argument")
        self.meet(replicas.deadline)
        if replicas.version and replicas.version != str(self.version):
            raise DriverError("somebody was faster", "conflict")
        if replicas.from_replicas is not None and self.replicas not in (replicas.from_replicas, replicas):
            raise DriverError("somebody asks for another count", "conflict")
        self.set_truth(int(replicas))

    def observe(self) -> Any:
        self.meet(10.0)
        if self.now == "garbage":
            return -1
        return {"currentReplicas": self.replicas, "readyReplicas": self.replicas, "version": str(self.version)}

    def truth(self) -> int:
        return self.replicas

    def set_truth(self, count: int) -> None:
        if count != self.replicas:
            self.replicas = count
            self.version += 1

    def fault(self, fault: Fault) -> str | None:
        self.now = fault
        self.mended.set() if fault == "none" else self.mended.clear()
        return {"refuses": "unreachable", "denies": "denied", "garbage": "malformed", "hangs": "timed_out"}.get(fault)


def check(shelf: Shelf, seconds: float = 5.0) -> Any:
    return check_driver(shelf, truth=shelf.truth, set_truth=shelf.set_truth, fault=shelf.fault, seconds=seconds)


def test_one_that_keeps_all_of_them_passes_every_check() -> None:
    report = check(Shelf())
    assert [one.outcome for one in report.promises] == ["kept"] * len(DRIVER_CHECKS)
    assert str(report).startswith(f"{len(DRIVER_CHECKS)} promises of a driver: 14 kept, 0 broken, 0 skipped")


class Remembers(Shelf):
    """Answers from memory."""

    def __init__(self) -> None:
        super().__init__()
        self.known = 2

    def scale(self, replicas: ScaleRequest, /) -> None:  # type: ignore[override]
        super().scale(replicas)
        self.known = int(replicas)

    def observe(self) -> Any:
        return {**super().observe(), "currentReplicas": self.known} if self.now != "garbage" else -1


class Adds(Shelf):
    """Writes anew what stands already."""

    def scale(self, replicas: ScaleRequest, /) -> None:  # type: ignore[override]
        super().scale(replicas)
        self.version += 1


class OneMore(Shelf):
    """Keeps one to spare."""

    def scale(self, replicas: ScaleRequest, /) -> None:  # type: ignore[override]
        super().scale(ScaleRequest(replicas + 1, version=replicas.version, deadline=replicas.deadline))


class Overwrites(Shelf):
    """Looks at no version."""

    def scale(self, replicas: ScaleRequest, /) -> None:  # type: ignore[override]
        super().scale(ScaleRequest(replicas, deadline=replicas.deadline))


class Hasty(Shelf):
    """Looks at a version only where there is no other count to look at."""

    def scale(self, replicas: ScaleRequest, /) -> None:  # type: ignore[override]
        stale = replicas.from_replicas not in {None, self.replicas}
        super().scale(ScaleRequest(replicas, deadline=replicas.deadline) if stale else replicas)


class Mumbles(Shelf):
    """Refuses without a version, and not by the code that has the agent look again."""

    def scale(self, replicas: ScaleRequest, /) -> None:  # type: ignore[override]
        if not replicas.version and replicas.from_replicas not in {None, self.replicas}:
            raise DriverError("another count stands", "failed")
        super().scale(replicas)


class Versionless(Shelf):
    """Has versions, and does not say that it compares them."""

    def capabilities(self) -> Any:
        return {"scope": "host", "minimum": 1}


class BelowItsMinimum(Shelf):
    """Would take less than it says."""

    def capabilities(self) -> Any:
        return {**super().capabilities(), "minimum": 2}


class NeverReady(Shelf):
    """Its replicas do not serve."""

    def observe(self) -> Any:
        seen = super().observe()
        return seen if seen == -1 else {**seen, "readyReplicas": 0, "failure": "no such image"}


class SaysNothingOfReady(Shelf):
    """Says that it reports who serves, and does not."""

    def observe(self) -> Any:
        seen = super().observe()
        return seen if seen == -1 else {**seen, "readyReplicas": None}


class FindsFault(Shelf):
    """Has always something to say."""

    def preflight(self) -> Any:
        return ["the moon is full"]


class AnyCode(Shelf):
    """Does not tell its failures apart."""

    def meet(self, deadline: float) -> None:
        if self.now in ("refuses", "denies"):
            raise RuntimeError("it failed")
        super().meet(deadline)


class WritesThenFails(Shelf):
    """Does what it then refuses."""

    def scale(self, replicas: ScaleRequest, /) -> None:  # type: ignore[override]
        if self.now == "denies":
            self.set_truth(int(replicas))
        super().scale(replicas)


class Waits(Shelf):
    """Looks at no deadline."""

    def meet(self, deadline: float) -> None:
        super().meet(60.0)


class GivesUp(Shelf):
    """Fails forever once it has failed."""

    has_failed = False

    def meet(self, deadline: float) -> None:
        if self.has_failed:
            raise DriverError("the connection is closed", "unreachable")
        try:
            super().meet(deadline)
        except DriverError as error:
            self.has_failed = error.code == "timed_out"
            raise


@pytest.mark.parametrize(
    ("broken", "promise", "seen"),
    [
        (Remembers, "sees_what_somebody_else_set", "somebody else asked for 3, and observe() says 2"),
        (Adds, "asking_twice_changes_nothing", "it was written anew"),
        (OneMore, "writes_exactly_what_is_asked_for", "scale(3) had the platform make 4"),
        (Overwrites, "refuses_a_stale_version_where_it_can", "a DriverError with the code conflict is owed"),
        (
            Hasty,
            "what_somebody_else_set_after_the_look_is_not_overwritten",
            "a DriverError with the code conflict is owed",
        ),
        (Mumbles, "what_somebody_else_set_is_not_overwritten_without_a_version", "failed: conflict is owed"),
        (Versionless, "refuses_a_stale_version_where_it_can", "and capabilities() no conditionalWrite"),
        (BelowItsMinimum, "takes_its_minimum_and_nothing_below_zero", "scale(1), below the minimum, raised nothing"),
        (NeverReady, "writes_exactly_what_is_asked_for", "'readyReplicas': 0}, and as the failure"),
        (SaysNothingOfReady, "all_become_ready_where_it_reports_that", "and observe() no readyReplicas"),
        (FindsFault, "preflight_finds_nothing_wrong_with_a_healthy_platform", "the moon is full"),
        (AnyCode, "each_fault_has_its_code_and_words", "RuntimeError: it failed, whose code is failed: unreachable"),
        (WritesThenFails, "each_fault_has_its_code_and_words", "it refused, and was told"),
        (Waits, "keeps_its_deadline_when_the_platform_hangs", "went on until the platform was mended"),
        (GivesUp, "works_again_once_the_platform_does", "the connection is closed"),
    ],
)
def test_a_broken_promise_is_named_with_what_was_seen_why_it_matters_and_what_is_right(
    broken: type[Shelf], promise: str, seen: str
) -> None:
    [owed] = [each for each in DRIVER_CHECKS if each.name == promise]
    # Of those whose replicas never come about as asked for, each check waits until its time is over.
    seconds = 0.1 if broken in (NeverReady, OneMore) else 0.5
    with pytest.raises(AssertionError) as caught:
        check(broken(), seconds=seconds)
    report = str(caught.value)
    [line] = [line for line in report.splitlines() if line.startswith(f"  broken   {promise}: ")]
    assert seen in line
    assert f"why it matters: {owed.matters}" in report
    assert f"what is right: {owed.promise}" in report


def test_one_that_takes_a_count_alone_is_looked_at_by_the_agent_before_it_is_asked() -> None:
    platform = MemoryPlatform(replicas=2)
    report = check_driver(platform, set_truth=lambda count: setattr(platform, "replicas", count))
    why = {one.check.name: one.seen for one in report.of("skipped")}
    assert "the agent calls observe()" in why["what_somebody_else_set_after_the_look_is_not_overwritten"]


def test_what_cannot_be_checked_says_why() -> None:
    report = check_driver(MemoryPlatform())
    why = {one.check.name: one.seen for one in report.of("skipped")}
    assert why["sees_what_somebody_else_set"] == "it needs set_truth, which scales as somebody else would"
    assert why["keeps_its_deadline_when_the_platform_hangs"] == "it needs fault, which makes the platform fail"
    assert "no conditionalWrite" in why["refuses_a_stale_version_where_it_can"]
    assert len(report.of("kept")) == len(DRIVER_CHECKS) - len(why)


class SpeaksOtherwise(Shelf):
    """Says what it sees under a name that nobody reads."""

    def observe(self) -> Any:
        return {"desired": 2}


def test_what_breaks_many_promises_is_said_once() -> None:
    with pytest.raises(AssertionError) as caught:
        check(SpeaksOtherwise(), seconds=0.1)
    report = str(caught.value)
    broken = [line for line in report.splitlines() if line.startswith("  broken   ")]
    said = [line for line in broken if "desiredReplicas" in line or "nobody reads" in line]
    assert len(broken) > 3
    assert len(said) == len(set(said)) < len(broken)
    first = said[0].split()[1].rstrip(":")
    assert any(line.endswith(f": by the same as {first}") for line in broken)


def test_an_outcome_that_there_is_not_is_refused() -> None:
    report = check_driver(MemoryPlatform())
    with pytest.raises(ValueError, match="no promise is 'failed': kept, broken, skipped are the outcomes"):
        report.of("failed")  # type: ignore[arg-type]


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    check(Shelf())
    deadline = time.monotonic() + 60
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
