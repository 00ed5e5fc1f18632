"""What a person writes down: once, with the contact, and heard where it takes a consent back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError, NotThere, Overtaken
from hub.model import Interaction
from hub.store.contacts import golden_head
from hub.sync import notes
from hub.sync.allowed import CHANNELS, NO, YES, allowed
from hub.sync.notes import Note
from tests.fakes.rig import ADA, RUI, START, Rig, can

NUMBER = "+351912345678"  # ADA's


@pytest.fixture
def rig(rig: Rig) -> Iterator[Rig]:
    rig.add("crm", can())
    return rig


def contact(rig: Rig, row_id: str, **fields: Any) -> str:
    rig.systems["crm"].put(row_id, **fields)
    rig.later(1)
    assert rig.sync("crm").status == "done"
    return rig.home("crm", row_id)


def said(number: int = 1, **more: Any) -> Note:
    item = Interaction(f"n{number}", datetime.fromtimestamp(START + number, UTC), "call", "call", "in", summary="hello")
    return replace(Note(item), **more)


def golden(rig: Rig, golden_id: str) -> dict[str, Any]:
    with rig.store.read() as tx:
        return dict(golden_head(tx, golden_id).fields)


def test_the_same_note_is_taken_once(rig):
    ada = contact(rig, "1", **ADA)

    first = notes.log(rig.hub, ada, said(follow_up=date(2026, 12, 1)), "Olga")
    again = notes.log(rig.hub, ada, said(follow_up=date(2026, 12, 1)), "Olga")

    assert first == again
    assert len(rig.rows("SELECT id FROM interaction")) == len(rig.rows("SELECT 1 FROM follow_up")) == 1
    assert len(rig.rows("SELECT 1 FROM audit WHERE action = 'interaction logged'")) == 1


def test_consent_is_taken_back_for_the_purposes_of_every_mapping_and_those_to_come(rig):
    ada = contact(rig, "1", **ADA)

    noted = notes.log(rig.hub, ada, said(withdraws=frozenset({"phone"})), "Olga")

    assert noted.denied == (("phone", NUMBER),)
    keys = {key for key in golden(rig, ada) if key.startswith("consents/phone|")}
    assert f"consents/phone|{NUMBER}|*" in keys
    assert all(golden(rig, ada)[key]["status"] == "denied" for key in keys)


def test_who_takes_the_number_up_later_is_denied_too(rig):
    notes.log_point(rig.hub, said(withdraws=frozenset({"phone"}), item=replace(said().item, phones=(NUMBER,))), "Olga")

    assert golden(rig, contact(rig, "1", **ADA))[f"consents/phone|{NUMBER}|*"]["status"] == "denied"


def test_what_makes_no_sense_leaves_nothing_behind(rig):
    rui = contact(rig, "2", **{**RUI, "tel": ""})
    for wrong in (
        said(withdraws=frozenset({"smoke"})),
        said(withdraws=frozenset({"phone"})),
        said(item=replace(said().item, kind="telepathy")),
    ):
        with pytest.raises(ConfigError):
            notes.log(rig.hub, rui, wrong, "Olga")
    with pytest.raises(NotThere):
        notes.log(rig.hub, "nobody", said(), "Olga")
    with pytest.raises(ConfigError):
        notes.log_point(rig.hub, said(), "Olga")

    assert rig.rows("SELECT id FROM interaction") == []
    assert rig.rows("SELECT 1 FROM statement") == []


def test_a_follow_up_is_closed_once(rig):
    ada = contact(rig, "1", **ADA)
    number = notes.log(rig.hub, ada, said(follow_up=date(2026, 12, 1)), "Olga").follow_up
    with rig.store.read() as tx:
        [due], count = notes.due(tx)
    assert (due.contacts, due.follow_up.due, count) == ((ada,), "2026-12-01", 1)

    notes.close(rig.hub, number, "Olga")

    with pytest.raises(Overtaken):
        notes.close(rig.hub, number, "Olga")
    with pytest.raises(NotThere):
        notes.close(rig.hub, number + 1, "Olga")


STATUS = st.sampled_from(["granted", "denied", "pending", "made up"])
KEYS = st.tuples(
    st.sampled_from([*CHANNELS, "post"]), st.sampled_from(["*", "a@example.org"]), st.sampled_from(["*", "x", "y"])
)
FIELDS = st.dictionaries(KEYS.map(lambda k: f"consents/{'|'.join(k)}"), STATUS.map(lambda s: {"status": s}))


@given(FIELDS)
def test_nothing_is_called_allowed_against_a_denial(fields):
    for one in allowed(fields):
        of = {key: value["status"] for key, value in fields.items() if key.startswith(f"consents/{one.channel}|")}
        denied = {key for key, status in of.items() if status == "denied"}
        assert (one.verdict == YES) <= (not denied and "granted" in of.values())
        assert (one.verdict == NO) >= any(key.endswith("|*") for key in denied)
