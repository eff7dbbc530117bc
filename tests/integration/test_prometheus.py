"""A real Prometheus server scrapes a real server with two workers: what it answers is what was sent."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ports import free_port
from waiting import until

pytest.importorskip("fastapi", reason="the extra fastapi is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not installed (Debian's package of that name)"
)
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian's package prometheus)"
)
pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
QUERIES = (HERE.parent / "fixtures" / "guides" / "neurocred" / "metrics.promql").read_text()
CPU, MEMORY, IN_PROGRESS, P95 = [line for line in QUERIES.splitlines() if line and not line.startswith("#")]
TEXT = "text/plain;version=0.0.4"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
POLICY = {
    "service": "scraped",
    "maxReplicas": 4,
    "evaluationInterval": "1s",
    "rules": [{"type": "target", "metric": "cpu_usage", "target": 70}],
}
WINDOW = 300  # seconds: the guide's [5m]


def ask(url: str, accept: str | None = None) -> tuple[str, bytes]:
    """Content type and body, over a connection of its own."""
    request = urllib.request.Request(url, headers={"Accept": accept} if accept else {})
    with urllib.request.urlopen(request, timeout=20) as response:
        return response.headers["Content-Type"], response.read()


def answers(url: str) -> bool:
    try:
        ask(url)
    except OSError:
        return False
    return True


class Service:
    """The application under uvicorn with two workers."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        policy = folder / "policy.json"
        policy.write_text(json.dumps(POLICY))
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
            "SELFSCALE_SERVICE": "scraped",
            "SELFSCALE_RUN_DIR": str(folder / "run"),
            "SELFSCALE_STATE_DIR": str(folder / "state"),
            "SELFSCALE_POLICIES": str(policy),
        }
        program = [sys.executable, "-m", "uvicorn", "scraped_app:app", "--port", str(self.port), "--workers", "2"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*program, "--log-level", "warning"],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def get(self, path: str) -> Any:
        return json.loads(ask(self.url + path)[1])

    def workers(self) -> set[int]:
        """Ask until both workers have answered."""
        pids: set[int] = set()

        def both() -> bool:
            pids.add(self.get("/pid"))
            return len(pids) == 2

        until(lambda: answers(self.url + "/pid"), self.log.read_text)
        until(both, self.log.read_text)
        return pids

    def count(self, name: str) -> float:
        """The sum of a metric's series, as text has them."""
        text = ask(self.url + "/metrics", TEXT)[1].decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(rf"{name}[{{ ]", line))


class Prometheus:
    """A server that scrapes the service once a second."""

    def __init__(self, service: Service, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.log = folder / "prometheus.log"
        config = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{"job_name": "scraped", "static_configs": [{"targets": [f"127.0.0.1:{service.port}"]}]}],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))
        arguments = [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            *options,
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(arguments, stdout=log, stderr=log)
        until(lambda: answers(f"http://127.0.0.1:{self.port}/-/ready"), self.log.read_text)

    def query(self, text: str) -> list[tuple[dict[str, str], float]]:
        """The vector that a query gives now."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": text})
        result = json.loads(ask(url)[1])["data"]["result"]
        return [(one["metric"], float(one["value"][1])) for one in result]

    def value(self, text: str) -> float | None:
        found = self.query(text)
        return found[0][1] if found else None

    def targets(self) -> str:
        return ask(f"http://127.0.0.1:{self.port}/api/v1/targets")[1].decode()

    def sees(self, text: str, wanted: float) -> None:
        """Wait until a query has that answer."""
        until(lambda: self.value(text) == wanted, lambda: f"{text}: {self.query(text)}\n{self.targets()}")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    try:
        os.killpg(service.process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    service.process.wait(10)


@pytest.fixture
def scrape(service: Service, tmp_path: Path) -> Iterator[Callable[..., Prometheus]]:
    """Start Prometheus servers, which are gone in the end."""
    started: list[Prometheus] = []

    def start(*options: str) -> Prometheus:
        started.append(Prometheus(service, tmp_path, *options))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait(10)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def send(service: Service, path: str, times: int) -> list[float]:
    """Send requests, ten at a time, and return how long each took."""

    def one(_: int) -> float:
        began = time.monotonic()
        service.get(path)
        return time.monotonic() - began

    with ThreadPoolExecutor(10) as senders:
        return sorted(senders.map(one, range(times)))


@needs_prometheus
def test_the_guides_queries_are_answered_right(service: Service, scrape: Callable[..., Prometheus]) -> None:
    workers = service.workers()
    send(service, "/wait/300", 2)
    prometheus = scrape()
    prometheus.sees('sum(http_requests_total{handler="/wait/{milliseconds}",method="GET"})', 2)

    send(service, "/burn", 20)
    took = send(service, "/wait/300", 40)
    prometheus.sees('sum(http_requests_total{handler="/wait/{milliseconds}"})', 42)
    prometheus.sees('sum(http_request_duration_seconds_count{handler="/burn"})', 20)
    prometheus.sees('sum(http_server_request_duration_seconds_count{http_route="/burn"})', 20)

    # 0.3 s is in the bucket from 0.25 to 0.5; of it the server knows no more. None is wider than 2.5 times its start.
    p95 = {labels["handler"]: value for labels, value in prometheus.query(P95)}
    assert 0.25 < p95["/wait/{milliseconds}"] <= max(0.5, 2.5 * took[-1])

    memory = sum(resident_bytes(pid) for pid in workers) / 1024 / 1024
    assert prometheus.value(MEMORY) == pytest.approx(memory, rel=0.1)

    cpu = "process_cpu_seconds_total[5m]"
    used = f"max_over_time({cpu}) - min_over_time({cpu})"
    # Twenty requests used a tenth of a second each; workers tell of it now and then.
    increase: float = until(lambda: (found := prometheus.value(used)) and found > 1.9 and found, prometheus.targets)
    percent = prometheus.value(CPU)
    assert percent is not None
    samples = prometheus.value(f"count_over_time({cpu})")
    assert samples is not None
    # rate() extrapolates to what lies before the first sample and after the last, and divides by all five minutes.
    assert 0.99 <= percent / (increase / WINDOW * 100) <= 1.1 + 1.6 / (samples - 1)
    until(
        lambda: prometheus.value("process_cpu_seconds_total") == pytest.approx(sum(map(cpu_seconds, workers)), abs=0.5),
        prometheus.targets,
    )

    prometheus.sees(IN_PROGRESS, 0)
    held = [threading.Thread(target=service.get, args=("/wait/15000",)) for _ in range(5)]
    for each in held:
        each.start()
    prometheus.sees(IN_PROGRESS, 5)
    prometheus.sees("avg(http_requests_inprogress)", 5)
    for each in held:
        each.join()
    prometheus.sees(IN_PROGRESS, 0)


def asked_in_vain(url: str) -> int:
    """The status of a request that is not answered with 200."""
    with pytest.raises(urllib.error.HTTPError) as error:
        ask(url)
    with error.value as answer:
        status: int = answer.code
    return status


@needs_prometheus
def test_requests_add_up_by_status_with_and_without_a_route(
    service: Service, scrape: Callable[..., Prometheus]
) -> None:
    service.workers()
    # A request is counted a moment after it was answered.
    until(lambda: service.count("http_requests_inprogress") == 0, service.log.read_text)
    pids = service.count("http_requests_total")
    prometheus = scrape()
    prometheus.sees("sum(http_requests_total)", pids)
    send(service, "/wait/0", 7)
    assert [asked_in_vain(f"{service.url}/fail") for _ in range(3)] == [500] * 3
    assert [asked_in_vain(f"{service.url}/teapot") for _ in range(2)] == [418] * 2
    assert [asked_in_vain(f"{service.url}/nowhere/{i}") for i in range(4)] == [404] * 4
    assert asked_in_vain(f"{service.url}/wait/no-number") == 422
    prometheus.sees("sum(http_requests_total)", pids + 7 + 3 + 2 + 4 + 1)
    prometheus.sees('sum(http_requests_total{status=~"5.."})', 3)
    prometheus.sees('sum(http_requests_total{status="500",handler="/fail"})', 3)
    prometheus.sees('sum(http_requests_total{status=~"4.."})', 7)
    prometheus.sees('sum(http_requests_total{status="404",handler=""})', 4)
    prometheus.sees('sum(http_requests_total{handler="/wait/{milliseconds}",status="422"})', 1)
    prometheus.sees("sum(http_request_errors_total)", 3)
    prometheus.sees("sum(http_request_duration_seconds_count) - sum(http_requests_total)", 0)
    ratio = 'sum(http_requests_total{status=~"5.."}) / sum(http_requests_total)'
    assert prometheus.value(ratio) == pytest.approx(3 / (pids + 17))


@needs_prometheus
def test_an_event_loop_that_is_held_up_shows_its_lag(service: Service, scrape: Callable[..., Prometheus]) -> None:
    service.workers()
    prometheus = scrape()
    lag = "selfscale_event_loop_lag_seconds"
    until(lambda: (prometheus.value(f"sum({lag}_count)") or 0) > 0, prometheus.targets)
    send(service, "/hold/3000", 1)
    # A look that was due in those three seconds came late by what was left of them, two at least.
    until(lambda: (prometheus.value(f"sum({lag}_sum)") or 0) > 1.9, prometheus.targets)
    late = prometheus.value(f'sum({lag}_count) - sum({lag}_bucket{{le=~"1.0|1"}})')
    assert late is not None
    assert late >= 1
    labels = [labels for labels, _ in prometheus.query(f"{lag}_count")]
    assert {one["loop"] for one in labels} <= {"asyncio", "uvloop"}


@needs_prometheus
def test_what_the_agent_decides_is_counted(service: Service, scrape: Callable[..., Prometheus]) -> None:
    service.workers()
    prometheus = scrape()
    decided = "sum(selfscale_decisions_total)"
    until(lambda: (prometheus.value(decided) or 0) > 0, prometheus.targets)
    counted = prometheus.value(decided)
    assert counted is not None
    until(lambda: (prometheus.value(decided) or 0) > counted, prometheus.targets)
    labels = [labels for labels, _ in prometheus.query("selfscale_decisions_total")]
    assert all(one["service"] == "scraped" and one["outcome"] in {"scale", "hold", "none"} for one in labels)
    assert all(count == 0 for _, count in prometheus.query("resets(selfscale_decisions_total[5m])"))


@needs_prometheus
def test_counters_never_go_backwards_when_a_worker_dies(service: Service, scrape: Callable[..., Prometheus]) -> None:
    workers = service.workers()
    prometheus = scrape()
    send(service, "/wait/0", 30)
    prometheus.sees('sum(http_requests_total{handler="/wait/{milliseconds}"})', 30)
    burnt = prometheus.value("process_cpu_seconds_total")
    assert burnt is not None

    killed = workers.pop()
    os.kill(killed, signal.SIGKILL)
    until(lambda: killed not in service.workers(), service.log.read_text)  # uvicorn starts another
    send(service, "/wait/0", 30)
    prometheus.sees('sum(http_requests_total{handler="/wait/{milliseconds}"})', 60)
    assert prometheus.value("process_cpu_seconds_total") > burnt
    for name in ("http_requests_total", "http_request_duration_seconds_sum", "process_cpu_seconds_total"):
        resets = prometheus.query(f"resets({name}[5m])")
        assert resets
        assert all(count == 0 for _, count in resets), resets


@needs_prometheus
def test_native_histograms_are_scraped(service: Service, scrape: Callable[..., Prometheus]) -> None:
    service.workers()
    send(service, "/wait/300", 2)
    prometheus = scrape("--enable-feature=native-histograms")
    route = 'http_request_duration_seconds{handler="/wait/{milliseconds}"}'
    prometheus.sees(f"histogram_count({route})", 2)
    took = send(service, "/wait/300", 40)
    prometheus.sees(f"histogram_count({route})", 42)
    p95 = prometheus.value(f"histogram_quantile(0.95, rate({route}[5m]))")
    assert p95 is not None
    assert 0.27 < p95 < took[-1] * 1.1  # a bucket of a labelled distribution is 9 % wide
    total = prometheus.value(f"histogram_sum({route})")
    assert total is not None
    assert 42 * 0.3 <= total < 42 * took[-1]


@needs_promtool
def test_the_text_has_nothing_that_prometheus_objects_to(service: Service) -> None:
    service.workers()
    content_type, text = ask(service.url + "/metrics", TEXT)
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert checked.returncode == 0, (checked.stdout + checked.stderr).decode()


def test_every_format_says_the_same(service: Service) -> None:
    service.workers()
    send(service, "/wait/0", 5)
    for accept in (OPENMETRICS, PROTOBUF):
        content_type, body = ask(service.url + "/metrics", accept)
        assert content_type.split(";")[0] == accept.split(";")[0]
        assert b"http_requests_total" in body
    assert ask(service.url + "/metrics", OPENMETRICS)[1].endswith(b"# EOF\n")
    until(
        lambda: service.count("http_request_duration_seconds_count") == service.count("http_requests_total"),
        "they differ",
    )
