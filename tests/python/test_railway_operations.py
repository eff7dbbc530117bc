"""What the driver ``railway`` asks is what Railway's published schema has."""

from __future__ import annotations

import pytest
import railway_operations


def test_there_are_operations() -> None:
    assert len(railway_operations.documents()) == 5


@pytest.mark.parametrize("document", railway_operations.documents())
def test_the_schema_has_what_is_asked(document: str) -> None:
    assert railway_operations.problems(document) == []


def test_what_is_not_in_the_schema_is_found() -> None:
    good = railway_operations.documents()[0]
    assert railway_operations.problems(good.replace("projectId", "projectIdd"))
    assert railway_operations.problems("query X { project(id: 3) { name } }")
    assert railway_operations.problems("query X { project { name } }")


def test_the_cpp_tests_check_by_the_same_types() -> None:
    assert railway_operations.OPERATIONS.read_text() == railway_operations.text(), (
        "python tests/oracles/railway_operations.py"
    )
