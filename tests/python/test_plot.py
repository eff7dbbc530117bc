"""Pictures of runs: every event is marked, numbered, and listed with its reason."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

pytest.importorskip("matplotlib", reason="the extra plot is not installed")

from matplotlib.figure import Figure
from selfscale.plot import MOST_REASONS, Curve, Mark, picture


def drawn(marks: Sequence[Mark]) -> Figure:
    seconds = [float(each) for each in range(100)]
    curve = Curve("agent", seconds, [2.0] * 100, [0.05] * 100, [2.0] * 100, marks)
    return picture((seconds, [10.0] * 100), [curve], title="A run")


def reasons(figure: Figure) -> list[str]:
    texts = [text.get_text() for text in figure.texts if "s  " in text.get_text()]
    return texts[0].splitlines() if texts else []


def numbers(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def apart(count: int) -> list[Mark]:
    """Up and down in turn, each for a reason of its own."""
    return [
        Mark(3.0 * i, 2 + i % 2, 3 - i % 2, f"rps {i * 10} is {'below' if i % 2 else 'above'} 50") for i in range(count)
    ]


def test_twenty_events_are_numbered_and_their_reasons_listed() -> None:
    figure = drawn(apart(20))
    assert numbers(figure) == [str(number) for number in range(1, 21)]
    lines = reasons(figure)
    assert len(lines) == 20
    assert lines[0].split() == ["1", "0.0", "s", "2", "→", "3", "rps", "0", "is", "above", "50"]
    assert lines[19].split() == ["20", "57.0", "s", "3", "→", "2", "rps", "190", "is", "below", "50"]


def test_steps_for_like_reasons_are_one_line() -> None:
    marks = [
        Mark(1, 1, 2, "rps 60 is above 50"),
        Mark(2, 2, 4, "rps 99 is above 50"),
        Mark(9, 4, 3, "rps 9 is below 50"),
    ]
    figure = drawn(marks)
    assert numbers(figure) == ["1", "2", "3"]
    assert [line.split() for line in reasons(figure)] == [
        ["1-2", "1.0", "s", "1", "→", "2", "→", "4", "rps", "60", "…", "99", "is", "above", "50"],
        ["3", "9.0", "s", "4", "→", "3", "rps", "9", "is", "below", "50"],
    ]


def test_a_long_reason_is_broken_and_stands_there_whole() -> None:
    why = " ".join(f"word{number}" for number in range(40))
    lines = reasons(drawn([Mark(1, 1, 2, why), Mark(2, 2, 1, "short")]))
    assert len(lines) > 2
    assert max(map(len, lines)) <= 133
    assert " ".join(" ".join(lines[:-1]).split()) == f"1 1.0 s 1 → 2 {why}"
    assert len({line.index("word") for line in lines[:-1]}) == 1, "what follows stands below what came before"
    assert lines[-1].split() == ["2", "2.0", "s", "2", "→", "1", "short"]


def test_of_a_long_step_the_first_and_the_last_counts_are_listed() -> None:
    [line] = reasons(drawn([Mark(i, i, i + 1, "rps is above 50") for i in range(1, 30)]))
    assert " ".join(line.split()) == "1-29 1.0 s 1 → 2 → … → 29 → 30 rps is above 50"


def test_requests_that_failed_stand_beside_the_name_of_what_failed_them() -> None:
    seconds = [0.0, 1.0]
    curves = [
        Curve(name, seconds, [2.0] * 2, [0.05] * 2, errors=share) for name, share in (("few", 0.82), ("many", 0.0))
    ]
    legend = picture((seconds, [10.0] * 2), curves, title="A run").axes[2].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["few, 82.00% errors", "many"]


def test_what_is_too_much_is_counted() -> None:
    figure = drawn(apart(MOST_REASONS + 7))
    assert len(numbers(figure)) == MOST_REASONS
    assert len(reasons(figure)) == MOST_REASONS + 1
    assert reasons(figure)[-1] == "… and 7 more"


def test_nothing_happened() -> None:
    assert reasons(drawn([])) == []
