"""The driver celery_pool on a real Celery worker: what it asks for is what the worker's processes are."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from children import children_of
from waiting import until

pytest.importorskip("celery", reason="celery is not installed")

from amqp.exceptions import AccessRefused, ConnectionForced
from celery import Celery
from kombu.exceptions import ContentDisallowed, DecodeError
from selfscale import Agent, DriverError, PolicyError, ScaleRequest
from selfscale.drivers.celery_pool import CeleryPool, make
from selfscale.testing import Fault, check_driver

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
NAME = "pool@here"


class Worker:
    """A Celery worker with two processes, and the truth about them: the kernel's."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.log = folder / "worker.log"
        for each in ("queue", "control"):
            (folder / each).mkdir(exist_ok=True)
        command = ["-m", "celery", "--app=celery_pool_app", "worker", "--concurrency=2", f"--hostname={NAME}"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command, "--without-mingle", "--without-gossip", *options],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_for_answers(self, app: Any) -> None:
        """Until it hears what it is told; it is ended where it never does."""
        try:
            until(lambda: app.control.ping(destination=[NAME], timeout=0.5, limit=1), self.log.read_text)
        except BaseException:
            self.kill()
            raise

    def children(self) -> list[int]:
        """Its processes."""
        return children_of(self.process.pid)

    def processes(self) -> int:
        """How many children the worker has."""
        return len(self.children())

    def stop(self) -> None:
        """Have it answer nothing, until it goes on."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Have it answer, also what it was asked meanwhile."""
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it and its children."""
        with contextlib.suppress(ProcessLookupError):  # they have ended before
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The application, whose broker is this test's folder."""
    monkeypatch.setenv("CELERY_FOLDER", str(tmp_path))
    monkeypatch.syspath_prepend(str(HERE))
    sys.modules.pop("celery_pool_app", None)
    module = importlib.import_module("celery_pool_app")
    yield module
    module.app.close()


@pytest.fixture
def worker(tmp_path: Path, app: Any) -> Iterator[Worker]:
    worker = Worker(tmp_path)
    worker.wait_for_answers(app.app)
    yield worker
    worker.kill()


@pytest.fixture
def nowhere() -> Iterator[Any]:
    """An application at whose broker's address nobody listens."""
    app = Celery("nowhere", broker="amqp://127.0.0.1:1//")
    app.conf.broker_transport_options = {"max_retries": 1}
    yield app
    app.close()


def test_it_keeps_the_promises_of_a_driver(
    worker: Worker, app: Any, nowhere: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> int:
        # A process that was told to end, or to start, takes a moment.
        return until(
            lambda: (count := worker.processes()) == driver.observe()["currentReplicas"] and count, worker.log.read_text
        )

    def grow_behind_its_back(replicas: int) -> None:
        before = worker.processes()
        app.app.control.pool_grow(replicas - before, destination=[NAME], reply=True, limit=1)
        until(lambda: worker.processes() == replicas, worker.log.read_text)

    orders = tmp_path / "control" / "celery.pidbox.exchange"

    def fail(fault: Fault) -> str | None:
        """Fail as a worker, its broker and the way to it do."""
        worker.go_on()
        monkeypatch.setattr(driver, "_app", nowhere if fault == "refuses" else app.app)
        if orders.is_dir():
            orders.rmdir()
            orders.with_suffix(".kept").rename(orders)
        (tmp_path / "stats.json").unlink(missing_ok=True)
        if fault == "denies":
            orders.rename(orders.with_suffix(".kept"))
            orders.mkdir()
        if fault == "garbage":
            (tmp_path / "stats.json").write_text('{"pool": {"processes": "many"}}')
        if fault == "hangs":
            worker.stop()
        return {"refuses": "unreachable", "denies": "denied", "garbage": "malformed", "hangs": "unreachable"}.get(fault)

    driver = CeleryPool(app.app, NAME, timeout=2)
    report = check_driver(driver, replicas=2, truth=told, set_truth=grow_behind_its_back, fault=fail)
    # Celery has no versions: a stale one cannot be refused.
    assert [one.check.name for one in report.of("skipped")] == ["refuses_a_stale_version_where_it_can"]
    assert "Traceback" not in worker.log.read_text()


def test_an_agent_acts_through_it_where_its_policy_names_it(worker: Worker, app: Any, tmp_path: Path) -> None:
    policy = {
        "service": "mail",
        "minReplicas": 3,
        "maxReplicas": 4,
        "evaluationInterval": "250ms",
        "platform": {"driver": "celery_pool", "app": "celery_pool_app:app", "worker": NAME, "timeout": 2},
        "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 100, "scaleDown": 0}],
    }
    environment = {
        "SELFSCALE_RUN_DIR": str(tmp_path / "run"),
        "SELFSCALE_STATE_DIR": str(tmp_path / "state"),
        "AUTOSCALING_LOG_LEVEL": "off",
        "SELFSCALE_FLEET": "single",
    }
    with Agent(policy, enable=True, environment=environment) as agent:
        until(lambda: worker.processes() == 3, lambda: f"{worker.log.read_text()}\n{agent.status()}")
        until(lambda: {event.to_replicas for event in agent.history("mail")} == {3}, lambda: str(agent.status()))


@pytest.mark.parametrize(
    ("worker", "scope"),
    [
        (f"mail@{socket.gethostname()}", "host"),
        ("mail@elsewhere", "platform"),
        ("mail", "platform"),
        (None, "platform"),
    ],
)
def test_a_worker_of_another_host_is_reached_from_everywhere(worker: str | None, scope: str) -> None:
    assert CeleryPool(None, worker).capabilities()["scope"] == scope


def shrinks_to_one(driver: CeleryPool) -> bool:
    """Whether it takes the step; it does not while it has too few idle processes."""
    try:
        driver.scale(1)
    except DriverError as error:
        if error.code != "throttled":
            raise
        return False
    return True


def test_busy_processes_are_left_alone(worker: Worker, app: Any) -> None:
    driver = CeleryPool(app.app, NAME, timeout=2)
    for number in range(2):
        app.busy.delay(number)
        until((worker.folder / f"busy-{number}").exists, worker.log.read_text)
    with pytest.raises(DriverError, match="busy") as caught:
        driver.scale(1)
    assert caught.value.code == "throttled"
    assert caught.value.retryable
    (worker.folder / "enough").touch()
    until(lambda: all((worker.folder / f"done-{number}").exists() for number in range(2)), worker.log.read_text)
    until(lambda: shrinks_to_one(driver), worker.log.read_text)  # the pool hears of a task's end a moment later
    until(lambda: worker.processes() == 1, worker.log.read_text)


def test_of_a_worker_that_ends_while_it_is_told_it_is_not_known_what_it_did(
    worker: Worker, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow = app.app.control.pool_grow

    def tell_and_end_it(*told: Any, **how: Any) -> Any:
        answers = grow(*told, **how)
        worker.kill()
        return answers

    monkeypatch.setattr(app.app.control, "pool_grow", tell_and_end_it)
    with pytest.raises(DriverError, match=rf"{NAME} was told to have 3 processes.*did not answer") as caught:
        CeleryPool(app.app, NAME, timeout=1.6).scale(3)
    assert caught.value.code == "timed_out"


def test_a_step_to_a_worker_that_hangs_ends_within_its_deadline(worker: Worker, app: Any) -> None:
    worker.stop()
    began = time.monotonic()
    with pytest.raises(DriverError, match="did not answer") as caught:
        CeleryPool(app.app, NAME, timeout=60).scale(ScaleRequest(3, deadline=6.0))
    assert time.monotonic() - began < 30.0  # and not its timeout
    assert caught.value.code == "unreachable"


def test_where_the_worker_is_misspelt_those_that_answer_are_named(worker: Worker, app: Any) -> None:
    [found] = CeleryPool(app.app, "mali@vm", timeout=3).preflight()["wrong"]
    assert found["what"] == f"mali@vm did not answer within 3 s; these answer: {NAME}"


def test_where_the_deadline_was_shorter_than_the_timeout_it_says_so(worker: Worker, app: Any) -> None:
    worker.stop()
    driver = CeleryPool(app.app, NAME, timeout=0.5)
    with pytest.raises(DriverError, match=r"within 0\.2 s, all that the call's deadline leaves .*timeout is 0\.5 s"):
        driver.scale(ScaleRequest(3, deadline=1.2))
    with pytest.raises(DriverError, match=r"within 0\.5 s$"):
        driver.scale(ScaleRequest(3, deadline=9.0))
    with pytest.raises(DriverError, match=r"within 0\.5 s$"):
        driver.observe()


def test_reading_back_from_a_worker_that_hangs_ends_within_the_deadline(
    worker: Worker, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow = app.app.control.pool_grow

    def stop_and_tell(*told: Any, **how: Any) -> Any:
        worker.stop()
        return grow(*told, **how)

    monkeypatch.setattr(app.app.control, "pool_grow", stop_and_tell)
    began = time.monotonic()
    with pytest.raises(DriverError, match="it is not known whether it has") as caught:
        CeleryPool(app.app, NAME, timeout=60).scale(ScaleRequest(3, deadline=10.0))
    assert time.monotonic() - began < 50.0  # and not its timeout
    assert caught.value.code == "timed_out"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The driver's clock, which a test puts forward."""
    clock = SimpleNamespace(ahead=0.0, sleep=time.sleep)
    clock.monotonic = lambda: time.monotonic() + clock.ahead
    monkeypatch.setattr("selfscale.drivers.celery_pool.time", clock)
    return clock


def test_once_the_deadline_is_over_nothing_is_ordered(
    worker: Worker, app: Any, monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace
) -> None:
    broadcast = app.app.control.broadcast
    asked = []

    def answer_late(command: str, *told: Any, **how: Any) -> Any:
        asked.append(command)
        answers = broadcast(command, *told, **how)
        clock.ahead = 60.0
        return answers

    driver = CeleryPool(app.app, NAME, timeout=2)
    monkeypatch.setattr(app.app.control, "broadcast", answer_late)
    with pytest.raises(DriverError, match="nothing was asked for") as caught:
        driver.scale(ScaleRequest(3, deadline=60.0))
    assert caught.value.code == "timed_out"
    assert asked == ["stats"]


def test_after_an_order_that_took_all_the_time_nothing_more_is_asked(
    worker: Worker, app: Any, monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace
) -> None:
    grow = app.app.control.pool_grow

    def grow_late(*told: Any, **how: Any) -> Any:
        answers = grow(*told, **how)
        monkeypatch.setattr(app.app.control, "broadcast", lambda *_, **__: pytest.fail("it was read too late"))
        clock.ahead = 60.0
        return answers

    monkeypatch.setattr(app.app.control, "pool_grow", grow_late)
    with pytest.raises(DriverError, match="it is not known whether it has: no time is left") as caught:
        CeleryPool(app.app, NAME, timeout=2).scale(ScaleRequest(3, deadline=60.0))
    assert caught.value.code == "timed_out"


def test_a_process_that_is_replaced_meanwhile_is_nobody_elses_count(worker: Worker, app: Any) -> None:
    driver = CeleryPool(app.app, NAME, timeout=2)
    assert driver.observe()["desiredReplicas"] == 2
    ended = worker.children()[0]
    os.kill(ended, signal.SIGKILL)
    driver.scale(ScaleRequest(3, from_replicas=2))
    until(lambda: worker.processes() == 3 and ended not in worker.children(), worker.log.read_text)


def test_a_worker_with_an_autoscaler_of_its_own_is_left_to_it(tmp_path: Path, app: Any) -> None:
    worker = Worker(tmp_path, "--autoscale=4,1")
    worker.wait_for_answers(app.app)
    try:
        [found] = CeleryPool(app.app, NAME, timeout=2).preflight()["wrong"]
        assert "--autoscale" in found["what"]
    finally:
        worker.kill()


def test_what_is_not_there_is_said(app: Any, tmp_path: Path) -> None:
    for each in ("queue", "control"):
        (tmp_path / each).mkdir()
    driver = make("mail", {"driver": "celery_pool", "app": "celery_pool_app:app", "worker": NAME, "timeout": 0.2})
    [found] = driver.preflight()["wrong"]
    assert NAME in found["what"]
    assert found["why"]
    assert "worker --pool prefork" in found["paste"]
    with pytest.raises(DriverError) as caught:
        driver.scale(2)
    assert caught.value.code == "unreachable"


def test_a_broker_that_is_not_there_is_unreachable(nowhere: Any) -> None:
    with pytest.raises(DriverError, match="broker") as caught:
        CeleryPool(nowhere, timeout=0.1).observe()
    assert caught.value.code == "unreachable"


def said(answers: Any) -> Any:
    """What workers answer; an exception is what the broker's client raises."""
    if isinstance(answers, Exception):
        raise answers
    return answers


def says(answers: Any) -> Any:
    """An application whose workers answer so."""
    app = Celery("foreign", broker="memory://")
    app.control.broadcast = lambda *_, **__: said(answers)
    return app


def test_a_broker_that_refuses_is_said_in_its_words() -> None:
    refusal = Celery("refused", broker="memory://").connection_for_write().channel_errors[0]("no right to publish")
    [found] = CeleryPool(says(refusal)).preflight()["wrong"]
    assert "the broker refuses: no right to publish" in found["what"]
    assert "broker_url" in found["paste"]


@pytest.mark.parametrize(
    "answers",
    [
        "pong",
        {NAME: {"pool": {"processes": [1, 2]}}},
        [None],
        ["pong"],
        [[NAME, {"pool": {"processes": [1, 2]}}]],
        [{3: {"pool": {"processes": [1, 2]}}}],
        [{NAME: None}],
        [{NAME: "pong"}],
        [{NAME: []}],
        [{NAME: {}}],
        [{NAME: {"error": "KeyError('pool')"}}],
        [{NAME: {"pool": None}}],
        [{NAME: {"pool": "N/A"}}],
        [{NAME: {"pool": [1, 2]}}],
        [{NAME: {"pool": {"processes": None}}}],
        [{NAME: {"pool": {"processes": 2}}}],
        [{NAME: {"pool": {"processes": "12"}}}],
        [{NAME: {"pool": {"processes": {"1": 2}}}}],
        DecodeError("no JSON"),
        ContentDisallowed("Refusing to deserialize untrusted content of type pickle"),
    ],
    ids=str,
)
def test_an_answer_of_a_foreign_shape_is_malformed(answers: Any) -> None:
    driver = CeleryPool(says(answers), NAME, timeout=0.1)
    for ask in (driver.observe, lambda: driver.scale(3)):
        with pytest.raises(DriverError, match="cannot be understood") as caught:
            ask()
        assert caught.value.code == "malformed"
    [found] = driver.preflight()["wrong"]
    assert "cannot be understood" in found["what"]
    assert "inspect stats" in found["paste"]


UNREADABLE = [[None], [{NAME: "done"}], [{NAME: ["ok"]}], "done", DecodeError("no JSON"), ConnectionForced("restart")]


@pytest.mark.parametrize("answers", UNREADABLE, ids=repr)
def test_an_order_that_is_done_is_done_whatever_is_answered(
    worker: Worker, app: Any, monkeypatch: pytest.MonkeyPatch, answers: Any
) -> None:
    grow = app.app.control.pool_grow

    def grow_and_say(*told: Any, **how: Any) -> Any:
        grow(*told, **how)
        return said(answers)

    monkeypatch.setattr(app.app.control, "pool_grow", grow_and_say)
    CeleryPool(app.app, NAME, timeout=2).scale(3)
    until(lambda: worker.processes() == 3, worker.log.read_text)


@pytest.mark.parametrize("answers", UNREADABLE, ids=repr)
def test_of_an_order_that_is_answered_in_a_foreign_shape_it_is_not_known_whether_it_will_be_done(
    worker: Worker, app: Any, monkeypatch: pytest.MonkeyPatch, answers: Any
) -> None:
    monkeypatch.setattr(app.app.control, "pool_grow", lambda *_, **__: said(answers))
    with pytest.raises(DriverError, match=r"cannot be understood|broker cannot be reached") as caught:
        CeleryPool(app.app, NAME, timeout=2).scale(3)
    assert caught.value.code == "timed_out"
    assert worker.processes() == 2


def test_an_order_that_the_broker_refuses_is_denied_where_the_pool_shows_that_it_was_not_done(
    worker: Worker, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.app.control, "pool_grow", lambda *_, **__: said(AccessRefused("no right to publish")))
    with pytest.raises(DriverError, match=r"has 2: the broker refuses: .*no right to publish") as caught:
        CeleryPool(app.app, NAME, timeout=2).scale(3)
    assert caught.value.code == "denied"


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ([{NAME: {"pool": {"processes": "many"}}}], "cannot be understood"),
        ([{NAME: {"pool": {"implementation": "celery.concurrency.thread:TaskPool"}}}], "only prefork"),
        ([{NAME: {}}, {"mail@there": {}}], "several workers answer"),
        (AccessRefused("no right to read"), "the broker refuses"),
    ],
    ids=str,
)
def test_of_an_order_after_which_the_pool_cannot_be_read_it_is_not_known_whether_it_was_done(
    worker: Worker, app: Any, monkeypatch: pytest.MonkeyPatch, shown: Any, words: str
) -> None:
    grow = app.app.control.pool_grow

    def grow_and_be_read_no_more(*told: Any, **how: Any) -> Any:
        answers = grow(*told, **how)
        monkeypatch.setattr(app.app.control, "broadcast", lambda *_, **__: said(shown))
        return answers

    monkeypatch.setattr(app.app.control, "pool_grow", grow_and_be_read_no_more)
    with pytest.raises(DriverError, match=rf"it is not known whether it has.*{words}") as caught:
        CeleryPool(app.app, NAME, timeout=2).scale(3)
    assert caught.value.code == "timed_out"
    until(lambda: worker.processes() == 3, worker.log.read_text)


def test_a_pool_of_threads_is_refused() -> None:
    with pytest.raises(DriverError, match=r"concurrency\.thread:TaskPool; only prefork") as caught:
        CeleryPool(says([{NAME: {"pool": {"implementation": "celery.concurrency.thread:TaskPool"}}}]), NAME).observe()
    assert caught.value.code == "unsupported"


def test_where_no_worker_answers_it_says_so(app: Any, tmp_path: Path) -> None:
    for each in ("queue", "control"):
        (tmp_path / each).mkdir()
    with pytest.raises(DriverError, match="no worker answered within"):
        CeleryPool(app.app, timeout=0.2).observe()


@pytest.mark.parametrize(
    ("platform", "words"),
    [
        ({"wroker": "a"}, "wroker"),
        ({"timeout": 0}, "timeout"),
        ({"worker": 3}, "worker"),
        ({"app": "no_such_module:app"}, "no_such_module"),
        ({"app": "os:no_such_attribute"}, "no_such_attribute"),
        ({"app": "os:path"}, "no Celery application"),
    ],
)
def test_a_wrong_platform_is_refused(platform: dict[str, Any], words: str) -> None:
    with pytest.raises(PolicyError, match=words) as caught:
        make("mail", {"driver": "celery_pool", **platform})
    [problem] = caught.value.problems
    assert problem.pointer == "/platform/" + next(iter(platform))


def test_an_app_that_fails_while_it_is_imported_is_refused_in_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app_without_its_settings.py").write_text("import os; os.environ['NO_SUCH_VARIABLE']")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PolicyError, match="KeyError: 'NO_SUCH_VARIABLE'"):
        make("mail", {"driver": "celery_pool", "app": "app_without_its_settings"})
