"""A table whose columns go by their names, with and without rows of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import hub
from tests.cli.desk import Desk

__all__ = ["hub"]

COLUMNS = "create table people (id integer primary key, given_name, family_name, email, job)"
OWN = """  fair:
    type: sql
    url: sqlite:///fair.db
    table: people
    key: id
    full_every: 1 second
"""


@pytest.fixture
def desk(hub) -> Desk:
    found = Desk(hub)
    found.sql("fair", COLUMNS)
    return found


def written(desk: Desk, mapping: str | None) -> list[tuple[object, ...]]:
    """What the fair holds of a contact of the CRM."""
    text = Path("config/hub.yaml").read_text() + OWN
    if mapping is not None:
        Path("config/fair.yaml").write_text(mapping)
        text += "    mapping: fair.yaml\n"
    Path("config/hub.yaml").write_text(text)
    desk.type_in("crm", "Ann", "Baker", "ann@example.org", tel="912000001", job="Buyer")
    desk.sync("crm", "fair")
    return desk.sql("fair", "select given_name, email, job from people")


def test_a_flat_file_leaves_out_what_has_no_column_as_no_file_does(desk):
    assert written(desk, "flat: true\n") == [("Ann", "ann@example.org", None)]


def test_a_row_of_its_own_finds_its_column_beside_those_that_go_by_name(desk):
    assert written(desk, "flat: true\nfields: {job_title: job}\n") == [("Ann", "ann@example.org", "Buyer")]


def test_a_row_that_names_no_column_is_refused_and_not_left_out(desk):
    assert written(desk, "flat: true\nfields: {job_title: jub}\n") == []
    assert "there is no column jub" in desk("parked", "list").out
