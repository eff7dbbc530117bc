"""Counters, gauges and distributions: exact under threads and forks, and refusing what is no number."""

from __future__ import annotations

import math
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from selfscale import Agent, Error
from selfscale.testing import Distribution, recorded


def test_a_counter_counts(agent: Agent) -> None:
    orders = agent.counter("orders")
    orders.inc()
    orders.inc(3)
    orders.inc(0)
    assert recorded(agent)["orders"] == 4


@pytest.mark.parametrize(
    ("wrong", "error"), [(-1, ValueError), (2**64, ValueError), (1.5, TypeError), ("1", TypeError)]
)
def test_a_counter_takes_whole_numbers_alone(agent: Agent, wrong: object, error: type[Exception]) -> None:
    orders = agent.counter("orders")
    with pytest.raises(error, match="counter"):
        orders.inc(wrong)  # type: ignore[arg-type]
    assert recorded(agent)["orders"] == 0


def test_a_counter_takes_at_most_one_argument(agent: Agent) -> None:
    with pytest.raises(TypeError, match="at most one"):
        agent.counter("orders").inc(1, 2)  # type: ignore[call-arg]


def test_a_gauge_goes_up_and_down(agent: Agent) -> None:
    depth = agent.gauge("depth")
    depth.set(42)
    depth.inc()
    depth.dec(3)
    depth.add(-0.5)
    assert recorded(agent)["depth"] == 39.5


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_gauge_keeps_its_value_when_given_no_number(agent: Agent, wrong: float) -> None:
    depth = agent.gauge("depth")
    depth.set(7)
    depth.set(wrong)
    assert recorded(agent)["depth"] == 7


def test_a_gauge_tracks_what_is_inside(agent: Agent) -> None:
    busy = agent.gauge("busy")
    with busy.track(), busy.track():
        assert recorded(agent)["busy"] == 2
    with pytest.raises(KeyError), busy.track():
        raise KeyError
    assert recorded(agent)["busy"] == 0


def test_a_distribution_observes_and_times(agent: Agent) -> None:
    took = agent.distribution("took")
    took.observe(0.25)
    with pytest.raises(KeyError), took.time():
        raise KeyError
    seen = recorded(agent)["took"]
    assert isinstance(seen, Distribution)
    assert seen.count == 2
    assert 0.25 < seen.sum < 10


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -0.001])
def test_a_distribution_refuses_what_is_no_duration(agent: Agent, wrong: float) -> None:
    took = agent.distribution("took")
    took.observe(wrong)
    assert recorded(agent)["took"] == Distribution(0, 0.0)


def test_a_name_is_got_or_made(agent: Agent) -> None:
    agent.counter("orders").inc()
    agent.counter("orders").inc()
    agent.counter("orders", {"kind": "book"}).inc()
    assert recorded(agent)["orders"] == 2
    assert recorded(agent)["orders{kind=book}"] == 1


def test_a_name_of_another_kind_is_an_error(agent: Agent) -> None:
    agent.counter("orders")
    with pytest.raises(Error, match="orders") as caught:
        agent.gauge("orders")
    assert caught.value.code == "invalid_argument"


def test_metrics_cannot_be_made_or_copied_by_hand(agent: Agent) -> None:
    orders = agent.counter("orders")
    with pytest.raises(TypeError):
        type(orders)()
    with pytest.raises(TypeError):
        pickle.dumps(orders)


def test_a_metric_outlives_its_agent() -> None:
    agent = Agent()
    orders = agent.counter("orders")
    del agent
    orders.inc()


def test_threads_lose_no_count(agent: Agent) -> None:
    orders, depth, took = agent.counter("orders"), agent.gauge("depth"), agent.distribution("took")

    def work(_: int) -> None:
        for _ in range(5_000):
            orders.inc()
            depth.inc()
            took.observe(0.5)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    seen = recorded(agent)
    assert seen["orders"] == 40_000
    assert seen["depth"] == 40_000
    assert seen["took"] == Distribution(40_000, pytest.approx(20_000))


def test_a_forked_child_records_into_its_own_memory(agent: Agent) -> None:
    orders = agent.counter("orders")
    orders.inc(5)
    child = os.fork()
    if child == 0:
        before = recorded(agent)["orders"]
        orders.inc()
        os._exit(0 if recorded(agent)["orders"] == before + 1 else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert recorded(agent)["orders"] == 5
