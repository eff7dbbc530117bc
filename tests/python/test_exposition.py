"""What a Prometheus server scrapes, read by the parsers of prometheus_client."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import Any

import pytest
from selfscale import Agent, aio

pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"


def samples(families: Iterable[Any]) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Values by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def text_of(agent: Agent, accept: str | None = None) -> str:
    return agent.exposition(accept)[1].decode()


def record(agent: Agent) -> None:
    agent.counter("orders_total", {"shop": 'a "b"\\\n'}).inc(3)
    agent.gauge("depth").set(7.5)
    for wait in (0.0001, 0.02, 0.3, 0.3, 40.0):
        agent.distribution("wait_seconds").observe(wait)


def test_the_text_reads_as_what_was_recorded(agent: Agent) -> None:
    record(agent)
    content_type, body = agent.exposition()
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    read = samples(parse_text(body.decode()))
    assert read["orders_total", frozenset({("shop", 'a "b"\\\n')})] == 3
    assert read["depth", frozenset()] == 7.5
    assert read["wait_seconds_count", frozenset()] == 5
    assert read["wait_seconds_sum", frozenset()] == pytest.approx(40.6201)
    assert read["wait_seconds_bucket", frozenset({("le", "0.005")})] == 1
    assert read["wait_seconds_bucket", frozenset({("le", "0.025")})] == 2
    assert read["wait_seconds_bucket", frozenset({("le", "10.0")})] == 4
    assert read["wait_seconds_bucket", frozenset({("le", "+Inf")})] == 5


def test_openmetrics_says_the_same_to_a_strict_parser(agent: Agent) -> None:
    record(agent)
    content_type, body = agent.exposition(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    families = list(parse_openmetrics(body.decode()))
    assert samples(families) == samples(parse_text(text_of(agent)))
    assert {family.name: family.unit for family in families}["wait_seconds"] == "seconds"


def test_a_running_agent_exposes_what_strict_parsers_read(agent: Agent) -> None:
    record(agent)
    agent.start()
    families = {family.name: family.type for family in parse_openmetrics(text_of(agent, OPENMETRICS))}
    assert families["process_cpu_seconds"] == "counter"
    assert families["process_resident_memory_bytes"] == "gauge"


def test_protobuf_is_bytes(agent: Agent) -> None:
    record(agent)
    content_type, body = agent.exposition(PROTOBUF)
    assert content_type.startswith("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily")
    assert b"orders_total" in body


def test_it_can_be_awaited(agent: Agent) -> None:
    record(agent)
    assert asyncio.run(aio.exposition(agent)) == agent.exposition()


def test_a_childs_counts_are_exposed_by_its_parent_and_stay_when_it_has_ended(agent: Agent) -> None:
    agent.start()
    agent.counter("orders").inc(2)
    agent.gauge("depth").set(1)
    child = os.fork()
    if child == 0:
        agent.counter("orders").inc(3)
        agent.gauge("depth").set(5)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    read = samples(parse_text(text_of(agent)))
    assert read["orders_total", frozenset()] == 5
    assert read["depth", frozenset()] == 1
