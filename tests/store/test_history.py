"""The life of some interactions on both databases: found, shared, given up, heard as consent, exported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from hub.dedupe.survive import Rules
from hub.model import Statement
from hub.store.interactions import everything
from hub.store.upkeep import check
from hub.sync import history, notes
from hub.sync.notes import Note
from hub.sync.people import merge, split
from tests.fakes.rig import ADA, RUI, Rig, person
from tests.sync.test_history import NUMBER, contact, happened, prepare, status, stop, tell, timeline

OFFICE = "info@example.org"
NEWS = f"consents/email|{OFFICE}|newsletter"


@pytest.fixture
def rig(store) -> Iterator[Rig]:
    with closing(prepare(Rig(store=store))) as made:
        yield made


def whose(rig: Rig) -> dict[str, list[str]]:
    """Interaction → golden ids, as an export says it."""
    with rig.store.read() as tx:
        return {
            row.id: homes
            for rows in everything(tx, 2)
            for row in rows
            for number, homes in history.homes(tx, rows, {}).items()
            if number == row.number
        }


def test_interactions_follow_their_contacts(rig):
    tell(rig, happened(1), happened(2, record="2"))
    ada, rui = contact(rig, "1", **ADA), contact(rig, "2", **RUI)
    tell(rig, happened(3, record="2"), name="crm")
    assert whose(rig) == {"call-1": [ada], "call-2": [], "call-3": [rui]}

    kept = merge(rig.hub, [ada, rui], "eve")
    assert timeline(rig, kept) == ["call-3", "call-1"]
    split(rig.hub, kept, [("crm", "2")], "eve")
    contact(rig, "1", tel="933123456")
    contact(rig, "2", tel=ADA["tel"])

    homes = [rig.home("crm", row) for row in "12"]
    assert [timeline(rig, home) for home in homes] == [["call-1"], ["call-3"]]
    assert whose(rig) == {"call-1": [homes[0]], "call-2": [], "call-3": [homes[1]]}


def test_a_stop_is_heard_by_all_who_have_the_number_or_the_address(rig):
    for number in range(2):
        contact(rig, str(number), **{**person(number), "mail": OFFICE})
    contact(rig, "7", **ADA)
    says = (Statement("email", "newsletter", "denied"),)

    tell(rig, stop(1), happened(2, phones=(), emails=(OFFICE,), says=says))
    contact(rig, "2", **{**person(2), "mail": OFFICE})

    assert [status(rig, row, NEWS) for row in "012"] == ["denied"] * 3
    assert status(rig, "7", f"consents/sms|{NUMBER}|marketing") == "denied"
    assert check(rig.store, Rules()).wrong == []


def test_what_a_person_notes_is_exported_with_the_contact(rig):
    ada = contact(rig, "1", **ADA)
    notes.log(rig.hub, ada, Note(happened(1, phones=(), kind="note")), "Olga")

    assert whose(rig) == {"call-1": [ada]}
