"""Continuous integration skips nothing: a skip there is a failure, for it has all that the tests need."""

from __future__ import annotations

import os

import pytest

skipped: list[str] = []


def pytest_collectreport(report: pytest.CollectReport) -> None:
    note(report)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    note(report)


def note(report: pytest.CollectReport | pytest.TestReport) -> None:
    """Remember what was skipped, and why; tests that are expected to fail are no skips."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        skipped.append(f"{report.nodeid}: {reason}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if skipped and os.environ.get("CI") == "true" and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if skipped and os.environ.get("CI") == "true":
        terminalreporter.section("skipped, which fails in continuous integration")
        for line in skipped:
            terminalreporter.line(line)
