"""Ids that a system gives to somebody else: nobody becomes them, and nobody is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model import Fields, LinkState
from hub.store import links, parked, rulings
from hub.sync.corrections import amended
from hub.sync.people import pin
from hub.sync.somebody_else import is_somebody_else
from tests.fakes.rig import ADA, EVA, RUI, Rig, person
from tests.fakes.systems import can, lost_reply, timed_out

ADA_IS: Fields = {"given_name": "Ada", "family_name": "Abreu", "emails/ada@example.org": {}, "phones/+351912345678": {}}


@pytest.fixture
def both(rig: Rig) -> Rig:
    """Ada and Rui are in both systems."""
    rig.add("crm", deletes="propagate")
    rig.add("erp")
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **RUI)
    for n in range(8):
        rig.systems["crm"].put(f"1{n}", **person(n))
    rig.settle()
    return rig


def put_anew(rig: Rig, row_id: str, who: dict[str, str]) -> None:
    """The row is gone, and its id is somebody else's."""
    del rig.systems["crm"].rows[row_id]
    rig.systems["crm"].put(row_id, **who)


def mails_in(rig: Rig, name: str) -> list[str]:
    """Of the two, those that are there."""
    found = [row.fields["mail"] for row in rig.systems[name].rows.values()]
    return sorted(mail for mail in found if mail in (ADA["mail"], EVA["mail"]))


def test_who_has_the_id_of_another_is_a_contact_of_their_own(both):
    home = both.home("crm", "1")
    put_anew(both, "1", EVA)

    result = both.sync("crm")
    both.settle()

    assert "stand for somebody else by now" in (result.message or "")
    assert both.home("crm", "1") != home
    assert both.golden("crm", "1")["given_name"] == "Eva"
    [(fields, state)] = both.rows("SELECT fields, state FROM golden WHERE id = :g", g=home)
    assert state == "live"
    assert '"ada@example.org"' not in fields
    assert "emails/ada@example.org" in fields


def test_nothing_of_the_one_is_written_over_the_other(both):
    put_anew(both, "1", EVA)
    both.sync("crm")
    both.settle()

    assert mails_in(both, "erp") == ["ada@example.org", "eva@example.org"]
    assert both.systems["crm"].rows["1"].fields["mail"] == "eva@example.org"


def test_what_is_decided_for_who_had_the_id_does_not_reach_who_has_it(both):
    home = both.home("crm", "1")
    put_anew(both, "1", EVA)
    both.sync("crm")

    pin(both.hub, home, "note", "Ada's", "eve")
    both.settle()

    assert both.systems["crm"].rows["1"].fields.get("note") in (None, "")
    assert "note" not in both.golden("crm", "1")


def test_who_was_deleted_does_not_come_back_as_somebody_else(both):
    home = both.home("crm", "1")
    both.systems["crm"].remove("1")
    for _ in range(2):
        both.later(1000)
        both.listing("crm")
    both.settle()
    assert both.rows("SELECT state FROM golden WHERE id = :g", g=home) == [("deleted",)]

    both.systems["crm"].put("1", **EVA)
    both.settle()

    assert both.rows("SELECT state FROM golden WHERE id = :g", g=home) == [("deleted",)]
    assert mails_in(both, "erp") == ["eva@example.org"]


def test_a_record_made_under_an_id_of_before_is_of_whom_it_was_made_for(rig):
    rig.add("crm", can("K"))
    rig.add("erp")
    rig.systems["crm"].put("crm-new1", **ADA)
    rig.settle()
    home = rig.home("crm", "crm-new1")
    del rig.systems["crm"].rows["crm-new1"]
    rig.systems["erp"].put("7", **EVA)
    rig.sync("erp")
    rig.sync("crm")

    assert "crm-new1" in rig.systems["crm"].rows
    assert rig.home("crm", "crm-new1") == rig.home("erp", "7") != home
    assert rig.link("crm", "crm-new1").state is LinkState.LIVE


def test_a_write_without_an_answer_does_not_make_one_of_two(rig):
    rig.add("crm", can(late_seconds=300.0))
    rig.add("erp")
    rig.systems["crm"].put("1", **ADA)
    rig.settle()
    home = rig.home("crm", "1")
    pin(rig.hub, home, "note", "Ada's", "eve")
    rig.systems["crm"].answers.append(timed_out)
    rig.sync("crm")
    put_anew(rig, "1", EVA)
    rig.settle()

    assert rig.home("crm", "1") != home
    assert mails_in(rig, "erp") == ["ada@example.org", "eva@example.org"]
    assert "note" not in rig.systems["crm"].rows["1"].fields


def test_what_was_refused_of_who_had_the_id_keeps_nobody_in_their_place(both):
    home = both.home("crm", "1")
    with both.store.write() as tx:
        rulings.put(tx, "crm", rulings.INTAKE, rulings.REFUSED, {"1": "a reading of before"}, 1)
        rulings.keep(tx, "crm", [("1", ["a value of before"])])
    put_anew(both, "1", EVA)
    both.settle()

    assert both.home("crm", "1") != home
    assert mails_in(both, "erp") == ["ada@example.org", "eva@example.org"]
    assert both.rows("SELECT * FROM ruling") == []


def test_a_create_that_is_given_an_id_of_before_takes_nothing_of_who_had_it(rig):
    rig.add("crm", can("K"))
    rig.add("erp")
    for n in range(8):
        rig.systems["crm"].put(f"1{n}", **person(n))
    rig.systems["crm"].put("crm-new1", first="Ada", last="Byron", note="of hers")
    rig.sync("crm")
    rig.systems["crm"].remove("crm-new1")
    for _ in range(2):
        rig.later(1000)
        rig.listing("crm")
    home = rig.home("crm", "crm-new1")
    assert rig.link("crm", "crm-new1").state is LinkState.GONE
    rig.systems["erp"].put("7", **EVA)
    rig.sync("erp")
    rig.sync("crm")

    assert rig.home("crm", "crm-new1") == rig.home("erp", "7") != home
    [(fields,)] = rig.rows("SELECT fields FROM record WHERE connection = 'crm' AND golden_id = :g", g=home)
    assert "of hers" in fields


def test_a_record_made_for_another_is_theirs_though_the_answer_was_lost(rig):
    rig.add("crm")
    rig.add("erp")
    rig.systems["crm"].put("crm-new1", **ADA)
    rig.sync("crm")
    home = rig.home("crm", "crm-new1")
    del rig.systems["crm"].rows["crm-new1"]
    rig.systems["erp"].put("7", first="Eva", last="Hohenstein")
    rig.systems["crm"].answers.append(lost_reply)
    rig.sync("erp")
    rig.sync("crm")
    rig.settle()

    assert rig.home("crm", "crm-new1") == rig.home("erp", "7") != home
    assert "emails/ada@example.org" not in rig.golden("erp", "7")


def test_what_was_corrected_of_who_had_the_id_is_not_said_of_who_has_it(both):
    both.systems["crm"].put("3", first="Zoe", last="Quill", mail="none", tel="917777777")
    both.sync("crm")
    [row] = both.parked()
    made = amended(row, {"emails": "zoe@example.org"}, "eve", both.now)
    assert made is not None
    with both.store.write() as tx:
        parked.correct(tx, [(row.number, made.as_text())])
        links.forget_fingerprints(tx, "crm", ["3"])
    both.listing("crm")
    home = both.home("crm", "3")
    assert "emails/zoe@example.org" in both.golden("crm", "3")
    put_anew(both, "3", {**EVA, "mail": "none"})
    both.settle()

    assert both.home("crm", "3") != home
    assert "emails/zoe@example.org" not in both.golden("crm", "3")


@pytest.mark.parametrize(
    "now",
    [
        {"given_name": "Ada", "family_name": "Castanheira", "emails/a.c@example.org": {}},  # married, and moved
        {"given_name": "Eva", "family_name": "Hohenstein", "phones/+351912345678": {}},  # the same number
        {"given_name": "Eva", "family_name": "Hohenstein"},  # a name alone says little
        {"emails/eva@example.org": {}},
        {},
    ],
)
def test_who_has_anything_in_common_or_says_little_is_who_it_was(now):
    assert not is_somebody_else((ADA_IS,), now)


@given(st.sets(st.sampled_from(sorted(ADA_IS))))
def test_nobody_is_somebody_else_than_a_part_of_themselves(keys):
    assert not is_somebody_else((ADA_IS,), {key: ADA_IS[key] for key in keys})
