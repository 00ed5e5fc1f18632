"""Interactions: taken in once, found by whoever they were with, and heard where they speak of consent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.connectors.contract import Can
from hub.dedupe.survive import Rules
from hub.mapping.spec import load_mapping
from hub.model import Interaction, Statement
from hub.store.interactions import everything
from hub.store.lists import Part
from hub.store.upgrade import opened
from hub.store.upkeep import check
from hub.sync import history, notes
from hub.sync.notes import Note
from hub.sync.people import merge, pin, split
from tests.fakes.rig import ADA, EVA, RUI, START, Rig, can, person

NUMBER = "+351912345678"  # ADA's
STOP = (Statement("sms", "marketing", "denied"),)
SMS = "consents/sms|+351912345678|marketing"
NOTHING = load_mapping({"kind": "person", "fields": {}}, where="a test", default_region=None)


@pytest.fixture
def rig(rig: Rig) -> Iterator[Rig]:
    prepare(rig)
    return rig


def prepare(rig: Rig) -> Rig:
    """A CRM whose contacts are matched with nobody, and a telephone system that only tells of calls."""
    rig.add("crm", can(), push="no")
    rig.add("pbx", Can(changes=True, complete=False), table=NOTHING, push="no")
    return rig


def happened(number: int = 1, **more: Any) -> Interaction:
    at = datetime.fromtimestamp(START + number, UTC)
    given: dict[str, Any] = {"channel": "call", "kind": "call.answered", "direction": "in", "phones": (NUMBER,)}
    return Interaction(f"call-{number}", at, **(given | more))


def tell(rig: Rig, *items: Interaction, name: str = "pbx") -> None:
    rig.systems[name].extra = list(items)
    rig.later(1)
    result = rig.sync(name)
    assert result.status == "done", result


def contact(rig: Rig, row_id: str, **fields: Any) -> str:
    rig.systems["crm"].put(row_id, **fields)
    rig.later(1)
    assert rig.sync("crm").status == "done"
    return rig.home("crm", row_id)


def timeline(rig: Rig, golden_id: str) -> list[str]:
    with rig.store.read() as tx:
        listed = history.timeline(tx, golden_id, Part(1000))
    assert listed is not None
    return [event.id for event in listed.rows]


def stored(rig: Rig) -> list[str]:
    with rig.store.read() as tx:
        return [row.id for rows in everything(tx, 100) for row in rows]


# --- taken in ---------------------------------------------------------------------------------------


def test_an_interaction_is_in_the_timeline_of_who_has_the_number(rig):
    ada, rui = contact(rig, "1", **ADA), contact(rig, "2", **RUI)

    tell(rig, happened(1), happened(2, phones=(), emails=("Rui@Example.org",), channel="email", kind="mail.reply"))

    assert timeline(rig, ada) == ["call-1"]
    assert timeline(rig, rui) == ["call-2"]


def test_one_that_came_first_waits_for_its_contact(rig):
    tell(rig, happened())

    assert timeline(rig, contact(rig, "1", **ADA)) == ["call-1"]


def test_the_latest_comes_first(rig):
    tell(rig, happened(2), happened(3), happened(1))

    assert timeline(rig, contact(rig, "1", **ADA)) == ["call-3", "call-2", "call-1"]


def test_the_same_id_is_the_same_interaction(rig):
    tell(rig, happened())
    tell(rig, happened(), happened())

    assert stored(rig) == ["call-1"]


def test_one_that_has_changed_is_replaced(rig):
    ada, rui = contact(rig, "1", **ADA), contact(rig, "2", **RUI)
    tell(rig, happened(1, kind="call.missed"))
    tell(rig, happened(1, phones=("+351961234567",)))

    assert (timeline(rig, ada), timeline(rig, rui)) == ([], ["call-1"])


def test_a_record_that_is_named_outranks_the_number(rig):
    ada, rui = contact(rig, "1", **ADA), contact(rig, "2", **RUI)

    tell(rig, happened(1, record="2"), name="crm")

    assert (timeline(rig, ada), timeline(rig, rui)) == ([], ["call-1"])


def test_pages_in_which_nothing_is_new_open_no_transaction(rig):
    tell(rig, happened())
    run = rig.rows("SELECT run_id FROM interaction")
    tell(rig, happened())

    assert rig.rows("SELECT run_id FROM interaction") == run
    assert rig.sync("pbx").counts.get("interactions", 0) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "telepathy"},
        {"channel": "telepathy"},
        {"direction": "up"},
        {"phones": ("912345678",)},
        {"emails": ("nobody",)},
        {"summary": "x" * 3000},
        {"details": {"a": "x" * 20_000}},
        {"details": {"a": "\0"}},
        {"details": {"a": object()}},
        {"says": (Statement("sms", "marketing", "perhaps"),)},
        {"says": (Statement("pigeon", "marketing", "denied"),)},
    ],
    ids="kind channel direction phone email summary details NUL JSON status consent".split(),
)
def test_one_that_makes_no_sense_is_parked_and_the_others_are_taken(rig, wrong):
    tell(rig, happened(1, **wrong), happened(2))

    (parked,) = rig.parked("read")
    assert (parked.external_id, stored(rig)) == ("call-1", ["call-2"])
    assert NUMBER not in parked.reason


def test_one_that_was_parked_and_comes_right_is_parked_no_more(rig):
    tell(rig, happened(1, kind="telepathy"))
    tell(rig, happened(1))

    assert (rig.parked("read"), stored(rig)) == ([], ["call-1"])


# --- who holds a point ------------------------------------------------------------------------------


def test_a_number_of_two_is_in_both_timelines_and_marked(rig):
    ada = contact(rig, "1", **ADA)
    rui = contact(rig, "2", **{**RUI, "tel": ADA["tel"]})
    tell(rig, happened())

    assert (timeline(rig, ada), timeline(rig, rui)) == (["call-1"], ["call-1"])
    with rig.store.read() as tx:
        listed = history.timeline(tx, ada)
    assert listed is not None
    assert [event.shared for event in listed.rows] == [True]


def test_a_merge_and_a_split_take_the_timeline_along(rig):
    ada, rui = contact(rig, "1", **ADA), contact(rig, "2", **RUI)
    tell(rig, happened(1), happened(2, phones=("+351961234567",)))

    kept = merge(rig.hub, [ada, rui], "eve")
    assert timeline(rig, ada) == timeline(rig, rui) == ["call-2", "call-1"]

    split(rig.hub, kept, [("crm", "2")], "eve")
    assert (timeline(rig, rig.home("crm", "1")), timeline(rig, rig.home("crm", "2"))) == (["call-1"], ["call-2"])


def test_who_gives_a_number_up_keeps_its_past_and_who_takes_it_up_begins_anew(rig):
    ada, rui = contact(rig, "1", **ADA), contact(rig, "2", **RUI)
    tell(rig, happened(1))
    contact(rig, "1", tel="933123456")
    tell(rig, happened(2))
    contact(rig, "2", tel=ADA["tel"])

    assert (timeline(rig, ada), timeline(rig, rui)) == (["call-1"], ["call-2"])


def test_a_number_that_somebody_else_holds_still_stays_his(rig):
    ada, rui = contact(rig, "1", **ADA), contact(rig, "2", **{**RUI, "tel": ADA["tel"]})
    tell(rig, happened(1))
    contact(rig, "1", tel="933123456")

    assert (timeline(rig, ada), timeline(rig, rui)) == (["call-1"], ["call-1"])


def test_a_number_that_is_pinned_away_takes_its_calls_along(rig):
    ada = contact(rig, "1", **ADA)
    tell(rig, happened(1))
    pin(rig.hub, ada, f"phones/{NUMBER}", None, "eve")

    assert timeline(rig, ada) == []


@pytest.mark.parametrize("mail", ["info@example.org", "rui@example.org"])
def test_an_export_says_whose_an_interaction_is_today(rig, mail):
    homes = sorted(contact(rig, str(n), **{**person(n), "mail": mail}) for n in range(2))
    tell(rig, happened(1, phones=(), emails=(mail,)), happened(2, phones=("+351999888777",)))

    with rig.store.read() as tx:
        (rows,) = everything(tx, 100)
        found = history.homes(tx, rows, {})
    assert [found[row.number] for row in rows] == [sorted(set(homes)), []]


# --- consent ----------------------------------------------------------------------------------------


def stop(number: int = 1, **more: Any) -> Interaction:
    return happened(number, channel="sms", kind="sms.in", says=STOP, **more)


def status(rig: Rig, row_id: str, key: str = SMS) -> str | None:
    value = rig.golden("crm", row_id).get(key)
    return None if value is None else str(value["status"])


def test_a_stop_reaches_everybody_who_has_the_number(rig):
    contact(rig, "1", **ADA)
    contact(rig, "2", **{**RUI, "tel": ADA["tel"]})
    contact(rig, "3", **EVA)

    tell(rig, stop())

    assert [status(rig, row) for row in "123"] == ["denied", "denied", None]


def test_a_stop_holds_for_a_contact_that_comes_later(rig):
    tell(rig, stop())
    contact(rig, "1", **ADA)

    assert status(rig, "1") == "denied"


def test_a_stop_of_an_address_of_an_office_reaches_its_people(rig):
    for n in range(3):
        contact(rig, str(n), **{**person(n), "mail": "info@example.org"})
    said = (Statement("email", "newsletter", "denied"),)

    tell(
        rig, happened(1, channel="email", kind="mail.unsubscribed", phones=(), emails=("info@example.org",), says=said)
    )

    assert {status(rig, str(n), "consents/email|info@example.org|newsletter") for n in range(3)} == {"denied"}


def test_a_stop_of_a_pinned_number_is_heard(rig):
    ada = contact(rig, "1", **{**ADA, "tel": "933123456"})
    pin(rig.hub, ada, f"phones/{NUMBER}", {}, "eve")
    tell(rig, stop())

    assert status(rig, "1") == "denied"


def test_a_later_start_allows_again_and_an_earlier_one_does_not(rig):
    contact(rig, "1", **ADA)
    start = (Statement("sms", "marketing", "granted"),)

    tell(rig, stop(5), happened(3, says=start))
    assert status(rig, "1") == "denied"
    tell(rig, happened(7, says=start))
    assert status(rig, "1") == "granted"


def test_a_stop_follows_a_merge_and_a_split(rig):
    ada, rui = contact(rig, "1", **ADA), contact(rig, "2", **RUI)
    tell(rig, stop())

    kept = merge(rig.hub, [ada, rui], "eve")
    assert status(rig, "2") == "denied"
    split(rig.hub, kept, [("crm", "2")], "eve")
    assert (status(rig, "1"), status(rig, "2")) == ("denied", None)


def test_a_stop_is_told_to_the_systems_as_an_opt_out(rig):
    row = {"from": "sms", "values": {"Y": "granted", "N": "denied"}, "channel": "sms", "purpose": "marketing"}
    table = {"fields": {"family_name": "last", "emails": "mail", "phones": "tel"}, "consents": [row]}
    rig.add("shop", can(), table=load_mapping(table, where="a test", default_region="PT"))
    rig.systems["shop"].put("9", last="Abreu", mail="ada@example.org", tel="912345678")
    contact(rig, "1", **ADA)
    rig.settle()
    tell(rig, stop())

    assert [r[0] is not None for r in rig.rows("SELECT optout_at FROM queue WHERE connection = 'shop'")] == [True]
    rig.settle()
    assert rig.systems["shop"].rows["9"].fields["sms"] == "N"
    rig.settle()
    assert len([w for w in rig.systems["shop"].writes if "sms" in w.fields]) == 1


def test_a_stop_is_told_also_to_the_system_that_told_of_it(rig):
    """The record there says nothing of it, whether it comes before or after."""
    row = {"from": "sms", "values": {"Y": "granted", "N": "denied"}, "channel": "sms", "purpose": "marketing"}
    table = {"fields": {"family_name": "last", "emails": "mail", "phones": "tel"}, "consents": [row]}
    shop = rig.add("shop", can(), table=load_mapping(table, where="a test", default_region="PT"))
    shop.put("9", last="Abreu", mail="ada@example.org", tel="912345678")
    rig.settle()
    tell(rig, stop(), stop(2, phones=("+351961234567",)), name="shop")
    shop.put("8", last="Castanheira", tel="961234567")
    rig.settle(rounds=3)

    assert [shop.rows[row].fields.get("sms") for row in "89"] == ["N", "N"]


def test_what_a_person_notes_follows_the_contact(rig):
    ada, rui = contact(rig, "1", **ADA), contact(rig, "2", **RUI)
    notes.log(rig.hub, ada, Note(happened(7, phones=(), kind="note")), "Olga")

    kept = merge(rig.hub, [ada, rui], "eve")
    assert timeline(rig, kept) == ["call-7"]
    split(rig.hub, kept, [("crm", "2")], "eve")
    assert [timeline(rig, rig.home("crm", row)) for row in "12"] == [["call-7"], []]


def test_the_store_hangs_together_with_statements(tmp_path):
    with closing(prepare(Rig(store=opened(f"sqlite:///{tmp_path / 'hub.db'}")))) as rig:
        contact(rig, "1", **ADA)
        tell(rig, stop())
        contact(rig, "1", tel="933123456")
        contact(rig, "2", **RUI)

        found = check(rig.store, Rules())

    assert (found.wrong, found.rows["interaction"]) == ([], 1)


def test_the_story_of_a_consent_names_who_said_it(rig):
    from hub.sync.story import explain_field
    from hub.sync.story import tell as story_of

    ada = contact(rig, "1", **ADA)
    tell(rig, stop())

    with rig.store.read() as tx:
        story = story_of(tx, ada, rig.hub.rules)
        (key,) = explain_field(tx, ada, SMS, rig.hub.rules)
    assert story is not None
    assert [(v.connection, v.external_id) for v in story.values if v.key == SMS] == [("pbx", NUMBER)]
    assert [(c.connection, c.wins) for c in key.claims] == [("pbx", True)]
    assert [e.id for e in story.timeline.rows] == ["call-1"]


# --- any order --------------------------------------------------------------------------------------

ADDRESSES = ("a@example.org", "b@example.org", "c@example.org")


@settings(max_examples=40)
@given(order=st.permutations(range(6)), cut=st.integers(1, 6), again=st.booleans())
def test_the_order_of_contacts_and_interactions_makes_no_difference(order, cut, again):
    """Three contacts and an interaction with each, in any order, in any pages, told once or twice."""
    with closing(prepare(Rig())) as rig:
        told: list[Interaction] = []
        for place, number in enumerate(order):
            if number < 3:
                contact(rig, str(number), **{**person(number), "mail": ADDRESSES[number]})
            else:
                told.append(happened(number, phones=(), emails=(ADDRESSES[number - 3],), says=STOP_MAIL))
            if place % cut == 0 or place == 5:
                tell(rig, *(told if again else told[-2:]))
        tell(rig, *told)

        for number in range(3):
            key = f"consents/email|{ADDRESSES[number]}|newsletter"
            assert timeline(rig, rig.home("crm", str(number))) == [f"call-{number + 3}"]
            assert status(rig, str(number), key) == "denied"


STOP_MAIL = (Statement("email", "newsletter", "denied"),)
