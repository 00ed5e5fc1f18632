"""What a person corrected in a record that was set aside, and when it counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from hub.errors import ConfigError, NotThere, Overtaken
from hub.store import lists
from hub.store.db import Store
from hub.store.lists import ParkedFilter
from hub.sync import desk
from hub.sync.corrections import _meant, fields_of, mark_of
from tests.cli.conftest import hub
from tests.cli.desk import Desk

__all__ = ["hub"]


@contextmanager
def opened() -> Iterator[Store]:
    store = Store("sqlite:///data/hub.db")
    try:
        yield store
    finally:
        store.close()


WAITING = ParkedFilter()
ALL = ParkedFilter(states=())


@pytest.fixture
def bad(hub) -> Desk:
    """Three contacts of the CRM; two have an e-mail that is none, the same."""
    bad = Desk(hub)
    bad.type_in("crm", "Ana", "Silva", "nonsense")
    bad.type_in("crm", "nonsense", "Costa", "nonsense")
    bad.type_in("crm", "Rui", "Lima", "rui@example.org")
    bad.sync("crm")
    return bad


def rows(bad: Desk, chosen: ParkedFilter = WAITING) -> tuple[lists.ParkedRow, ...]:
    with opened() as store, store.read() as tx:
        return lists.parked(tx, chosen).rows


def correct(bad: Desk, values: dict[str, str], *numbers: int, **more) -> None:
    with opened() as store:
        desk.correct(store, ParkedFilter(numbers=numbers or None), values, "ann", 7.0, **more)


def golden(bad: Desk, name: str) -> dict:
    with opened() as store, store.read() as tx:
        found = [json.loads(r[0]) for r in tx.all("SELECT fields FROM golden WHERE state = 'live'")]
    return next(fields for fields in found if fields["family_name"] == name)


def mails(bad: Desk, name: str) -> list[str]:
    return [key for key in golden(bad, name) if key.startswith("emails/")]


def test_a_corrected_record_comes_in_as_it_is_meant(bad):
    [first, _] = rows(bad)
    assert fields_of(first) == {"emails": "nonsense"}
    correct(bad, {"emails": "ana@example.org"}, first.number)
    bad.sync("crm")

    assert mails(bad, "Silva") == ["emails/ana@example.org"]
    assert [row.state for row in rows(bad, ALL)] == ["resolved", "open"]


def test_its_history_and_the_audit_say_so_and_the_audit_without_values(bad):
    correct(bad, {"emails": "ana@example.org"}, rows(bad)[0].number)
    bad.sync("crm")
    with opened() as store, store.read() as tx:
        [said] = tx.all("SELECT detail FROM change WHERE kind = 'taken in as corrected by ann'")
        [note] = tx.all("SELECT detail FROM audit WHERE action = 'parked corrected'")

    assert json.loads(said[0]) == {"emails": ["nonsense", "ana@example.org"]}
    assert "emails" in note[0] and "example.org" not in note[0]


def test_only_the_field_that_was_corrected_is_touched(bad):
    """The given name of the second one is the very word that is no address."""
    correct(bad, {"emails": "costa@example.org"}, rows(bad)[1].number)
    bad.sync("crm")

    assert golden(bad, "Costa")["given_name"] == "nonsense"
    assert mails(bad, "Costa") == ["emails/costa@example.org"]


def test_the_same_original_again_changes_nothing_and_other_changes_of_it_keep_the_correction(bad):
    correct(bad, {"emails": "ana@example.org"}, rows(bad)[0].number)
    bad.sync("crm")
    with opened() as store, store.write() as tx:
        tx.run("UPDATE connection_state SET full_at = NULL")
    bad.sync("crm")
    bad.edit("crm:1", job="Buyer")
    bad.sync("crm")

    assert mails(bad, "Silva") == ["emails/ana@example.org"]
    assert golden(bad, "Silva")["job_title"] == "Buyer"
    assert len(rows(bad)) == 1


def test_a_newer_original_overrides(bad):
    correct(bad, {"emails": "ana@example.org"}, rows(bad)[0].number)
    bad.sync("crm")
    bad.edit("crm:1", mail="ana.silva@example.net")
    bad.sync("crm")
    assert mails(bad, "Silva") == ["emails/ana.silva@example.net"]

    bad.edit("crm:1", mail="other nonsense")
    bad.sync("crm")

    assert mails(bad, "Silva") == ["emails/raw:other nonsense"]
    assert len(rows(bad)) == 2


def test_one_correction_is_taken_for_many(bad):
    correct(bad, {"emails": ""}, seen=2)
    bad.sync("crm")

    assert rows(bad) == ()
    assert mails(bad, "Silva") == mails(bad, "Costa") == []


def test_a_correction_is_refused_where_the_world_moved_or_there_is_nothing_to_correct(bad):
    [first, _] = rows(bad)
    with pytest.raises(Overtaken, match="by now"):
        correct(bad, {"emails": "x@example.org"}, seen=9)
    with pytest.raises(Overtaken, match="came again"):
        correct(bad, {"emails": "x@example.org"}, first.number, mark="0" * 16)
    with pytest.raises(ConfigError, match="job_title"):
        correct(bad, {"job_title": "x"}, first.number, mark=mark_of(first.original))
    with pytest.raises(ConfigError, match="emails"):
        correct(bad, {"emails": "nonsense"}, first.number)
    with pytest.raises(NotThere):
        correct(bad, {"emails": "x@example.org"}, 999)

    assert [row.edit for row in rows(bad)] == [None, None]


@pytest.mark.parametrize(
    ("came", "meant"),
    [
        ("nonsense", "x"),
        ("a@b.org; nonsense", "a@b.org;x"),
        ("other nonsense", "other nonsense"),
        (["nonsense", {"mail": "nonsense", "n": 1}], ["x", {"mail": "x", "n": 1}]),
        (7, 7),
        (None, None),
    ],
)
def test_a_value_is_replaced_where_it_is_the_whole_of_one(came, meant):
    assert _meant(came, "nonsense", "x") == meant


def test_what_was_no_record_has_no_fields():
    row = lists.ParkedRow(1, "c", "line 3", "read", "no id", "a;b", 0.0, "open")

    assert fields_of(row) == fields_of(replace(row, stage="value", original="[1]")) == {}
