"""Consent on its way through the hub: the stricter wins, an opt-out hurries, and nothing but an opt-in widens."""

from __future__ import annotations

from typing import Any

import pytest

from hub.mapping.spec import load_mapping
from hub.model import LinkState
from hub.store.gauges import StoreGauges
from hub.store.lists import ParkedFilter
from hub.sync import desk
from hub.sync.people import merge, pin, split
from tests.fakes.rig import ADA, NEWS, RUI, TABLE, Rig, mapping, person
from tests.fakes.systems import can, lost_reply, refused

JAN, FEB, MAR = (f"2026-0{month}-01T12:00:00+00:00" for month in (1, 2, 3))
YES, NO = {"news": "Y", "news_at": JAN}, {"news": "N", "news_at": FEB}


def status(rig: Rig, name: str, row: str) -> str | None:
    said = rig.golden(name, row).get(NEWS)
    return said["status"] if said else None


def hearsay() -> Any:
    """A mapping of a system whose ticks are no act of the person's own."""
    [consent] = TABLE["consents"]
    return load_mapping({**TABLE, "consents": [{**consent, "basis": "imported"}]}, where="a test", default_region="PT")


def agreed(rig: Rig, **crm: Any) -> Rig:
    """Ada is in crm and erp, and said yes in January."""
    rig.add("crm", **crm).put("1", **ADA, **YES)
    rig.add("erp").put("A", **ADA)
    rig.settle()
    assert rig.systems["erp"].rows["A"].fields["news"] == "Y"
    return rig


# --- spreading --------------------------------------------------------------------------------------


def test_an_opt_out_reaches_every_system(rig):
    agreed(rig)

    rig.systems["erp"].put("A", **NO)
    rig.settle()

    fields = rig.systems["crm"].rows["1"].fields
    assert (fields["news"], fields["news_at"]) == ("N", FEB)


def test_a_later_explicit_opt_in_is_heard_everywhere_again(rig):
    agreed(rig)
    rig.systems["erp"].put("A", **NO)
    rig.settle()

    rig.systems["crm"].put("1", news="Y", news_at=MAR)
    rig.settle()

    assert status(rig, "crm", "1") == "granted"
    assert rig.systems["erp"].rows["A"].fields["news"] == "Y"


def test_an_opt_out_goes_out_before_any_other_write(rig):
    rig.add("crm")
    erp = rig.add("erp", can("R", batch=1))
    for n in range(5):
        rig.systems["crm"].put(f"{n}", **person(n), **YES)
        erp.put(f"E{n}", **person(n))
    rig.settle()
    for n in range(5):
        rig.systems["crm"].put(f"{n}", note="new")
        rig.later(1)
        rig.sync("crm")
    rig.systems["crm"].put("4", **NO)
    rig.sync("crm")
    before = len(erp.writes)

    rig.sync("erp")

    first = erp.writes[before]
    assert (first.id, first.fields["news"]) == ("E4", "N")
    assert len(erp.writes) - before == 5


def test_a_pending_opt_out_counts_since_the_person_said_it_until_it_is_acknowledged(rig):
    agreed(rig)
    rig.systems["erp"].put("A", **NO)
    rig.sync("erp")
    said = rig.now
    gauges = StoreGauges(rig.store, ["crm", "erp"])
    rig.systems["crm"].answers.append(lost_reply)

    rig.later(500)
    rig.sync("crm")
    pending = gauges.gauges()["crm"].oldest_opt_out
    assert pending is not None and pending.timestamp() == said

    rig.later(500)
    rig.sync("crm")
    assert gauges.gauges()["crm"].oldest_opt_out is None


def test_later_changes_do_not_make_a_pending_opt_out_younger(rig):
    agreed(rig)
    rig.systems["erp"].put("A", **NO)
    rig.sync("erp")
    said = rig.now

    rig.later(500)
    pin(rig.hub, rig.home("crm", "1"), "note", "new", "eve")

    assert rig.rows("SELECT optout_at FROM queue WHERE connection = 'crm'") == [(said,)]


def test_a_merge_keeps_the_receipt_that_is_owed(rig):
    agreed(rig)
    rig.systems["crm"].put("2", **RUI)
    rig.sync("crm")
    rig.systems["erp"].put("A", **NO)
    rig.sync("erp")

    merge(rig.hub, [rig.home("crm", "1"), rig.home("crm", "2")], "eve")

    [(optout_at,)] = rig.rows("SELECT optout_at FROM queue WHERE connection = 'crm'")
    assert optout_at is not None


def test_a_refused_opt_out_is_on_the_list_of_what_people_have_to_see_to(rig):
    agreed(rig)
    rig.systems["erp"].put("A", **NO)
    rig.sync("erp")
    rig.systems["crm"].answers.append(refused("the newsletter field is locked"))

    rig.sync("crm")

    assert [p.external_id for p in rig.parked("write")] == ["1"]
    desk.retry(rig.store, ParkedFilter(), "eve")
    rig.sync("crm")
    assert rig.systems["crm"].rows["1"].fields["news"] == "N"


# --- time and order ---------------------------------------------------------------------------------


def test_of_two_systems_the_stricter_wins_unless_the_opt_in_is_later(rig):
    rig.add("crm").put("1", **ADA, news="Y", news_at=FEB)
    rig.add("erp").put("A", **ADA, news="N", news_at=FEB)

    rig.settle()

    assert status(rig, "crm", "1") == "denied"


def test_a_late_event_that_is_older_than_the_denial_changes_nothing(rig):
    rig.add("crm").put("1", **ADA, **NO)
    rig.add("erp").put("A", **ADA)
    rig.settle()

    rig.systems["erp"].put("A", news="Y", news_at=JAN)
    rig.settle()

    assert status(rig, "crm", "1") == "denied"
    assert rig.systems["erp"].rows["A"].fields["news"] == "N"


def test_events_in_the_wrong_order_end_as_in_the_right_one(rig):
    """Opt-in of March first, then the opt-out of February."""
    rig.add("crm").put("1", **ADA, news="Y", news_at=MAR)
    rig.sync("crm")
    rig.add("erp").put("A", **ADA, **NO)

    rig.settle()

    assert status(rig, "crm", "1") == "granted"


def test_hearsay_never_widens(rig):
    rig.add("crm").put("1", **ADA, **NO)
    rig.add("erp", table=hearsay()).put("A", **ADA, news="Y", news_at=MAR)

    rig.settle()

    assert status(rig, "crm", "1") == "denied"


@pytest.mark.parametrize("later", [{"news": "Y", "news_at": JAN}, {"news": None, "news_at": None}])
def test_a_refusal_of_one_system_alone_is_not_undone_by_an_older_yes_or_by_silence(rig, later):
    crm = rig.add("crm")
    crm.put("1", **ADA, **NO)
    rig.sync("crm")

    crm.put("1", **later)
    rig.settle(3)

    assert status(rig, "crm", "1") == "denied"
    assert crm.rows["1"].fields["news"] == "N"  # and it is told so


def test_a_refusal_is_not_undone_by_a_tick_that_is_no_act_of_the_person(rig):
    crm = rig.add("crm", table=hearsay())
    crm.put("1", **ADA, **NO)
    rig.sync("crm")

    crm.put("1", news="Y", news_at=MAR)
    rig.settle(3)

    assert status(rig, "crm", "1") == "denied"
    assert crm.rows["1"].fields["news"] == "N"


def test_after_a_late_yes_a_true_one_is_heard_even_where_nothing_can_be_written(rig):
    crm = rig.add("crm", push="no")
    crm.put("1", **ADA, **NO)
    rig.sync("crm")
    crm.put("1", news="Y", news_at=JAN)
    rig.sync("crm")
    assert status(rig, "crm", "1") == "denied"

    crm.put("1", news="Y", news_at=MAR)
    rig.sync("crm")

    assert status(rig, "crm", "1") == "granted"


def test_a_stricter_statement_is_taken_at_once_whatever_its_date(rig):
    crm = rig.add("crm")
    crm.put("1", **ADA, news="Y", news_at=MAR)
    rig.sync("crm")

    crm.put("1", news="N", news_at=None)
    rig.sync("crm")

    assert status(rig, "crm", "1") == "denied"


# --- merge and split --------------------------------------------------------------------------------


def two_people(rig: Rig) -> tuple[str, str]:
    rig.add("crm").put("1", **ADA, **YES)
    rig.systems["crm"].put("2", **RUI, **NO)
    rig.sync("crm")
    return rig.home("crm", "1"), rig.home("crm", "2")


def test_a_merge_takes_the_stricter_and_a_split_gives_each_their_own_back(rig):
    ada, rui = two_people(rig)

    kept = merge(rig.hub, [ada, rui], "eve")
    assert status(rig, "crm", "1") == "denied"

    split(rig.hub, kept, [("crm", "2")], "eve")
    assert (status(rig, "crm", "1"), status(rig, "crm", "2")) == ("granted", "denied")


def test_an_opt_out_by_merge_is_passed_on_like_any_other(rig):
    ada, rui = two_people(rig)

    merge(rig.hub, [ada, rui], "eve")

    [(optout_at,)] = rig.rows("SELECT optout_at FROM queue WHERE connection = 'crm'")
    assert optout_at == rig.now
    rig.settle()
    assert {r.fields["news"] for r in rig.systems["crm"].rows.values()} == {"N"}


def test_a_split_after_the_merge_was_told_gives_back_in_the_systems_too(rig):
    ada, rui = two_people(rig)
    kept = merge(rig.hub, [ada, rui], "eve")
    rig.settle()

    split(rig.hub, kept, [("crm", "2")], "eve")
    rig.settle()

    assert [rig.systems["crm"].rows[i].fields["news"] for i in ("1", "2")] == ["Y", "N"]


# --- mailing lists ----------------------------------------------------------------------------------

LIST = {
    "kind": "person",
    "fields": {"emails": {"from": "mail", "required": True}, "full_name": "name"},
    "consents": [
        {
            "from": "member",
            "values": {"Y": "granted"},
            "channel": "email",
            "purpose": "newsletter",
            "whole_person": True,
        }
    ],
}


def listed(rig: Rig) -> Rig:
    """A mailing list of twelve; Ada is in crm as well, and agreed there."""
    rig.add("crm").put("1", **ADA, **YES)
    table = load_mapping(LIST, where="a list", default_region="PT")
    abilities = can("K", changes=False, opt_out_leaves=True, stale=False)
    news = rig.add("list", abilities, table=table)
    news.put("ada", mail=ADA["mail"], name="Ada Abreu", member="Y")
    for n in range(12):
        news.put(
            f"m{n}", mail=person(n + 20)["mail"], name=f"{person(n + 20)['first']} {person(n + 20)['last']}", member="Y"
        )
    rig.settle()
    assert rig.home("list", "ada") == rig.home("crm", "1")
    return rig


def leaves(rig: Rig) -> None:
    """Ada unsubscribes, and two listings show it."""
    rig.systems["list"].remove("ada")
    for _ in range(2):
        rig.later(1000)
        assert rig.sync("list").status == "done"


def test_who_left_the_list_has_opted_out_everywhere(rig):
    listed(rig)

    leaves(rig)
    rig.settle()

    assert rig.link("list", "ada").state is LinkState.LEFT
    assert status(rig, "crm", "1") == "denied"
    assert rig.systems["crm"].rows["1"].fields["news"] == "N"


def test_who_left_the_list_is_not_deleted_anywhere(rig):
    listed(rig)

    leaves(rig)
    rig.settle()

    assert len(rig.systems["crm"].rows) == 13
    assert rig.rows("SELECT count(*) FROM golden WHERE state <> 'live'") == [(0,)]


def test_nobody_is_put_back_on_a_list_they_left(rig):
    listed(rig)
    leaves(rig)

    rig.systems["crm"].put("1", note="still a good customer")
    rig.later(1000)
    rig.settle(4)

    assert ADA["mail"] not in {r.fields["mail"] for r in rig.systems["list"].rows.values()}


def test_a_late_opt_in_from_before_they_left_puts_nobody_back(rig):
    listed(rig)
    leaves(rig)

    rig.systems["crm"].put("1", news="Y", news_at=JAN)
    rig.later(1000)
    rig.settle(4)

    assert ADA["mail"] not in {r.fields["mail"] for r in rig.systems["list"].rows.values()}


def test_a_later_explicit_opt_in_puts_them_back(rig):
    listed(rig)
    leaves(rig)
    rig.settle()

    rig.systems["crm"].put("1", news="Y", news_at="2027-01-01T00:00:00+00:00")
    rig.settle(4)

    assert ADA["mail"] in {r.fields["mail"] for r in rig.systems["list"].rows.values()}


def test_nobody_is_put_on_a_list_without_having_said_yes(rig):
    listed(rig)

    rig.systems["crm"].put("2", **RUI)
    rig.settle(3)

    assert RUI["mail"] not in {r.fields["mail"] for r in rig.systems["list"].rows.values()}


def test_who_joins_the_list_again_has_opted_in(rig):
    listed(rig)
    leaves(rig)
    rig.settle()
    rig.later(1000)

    rig.systems["list"].put("ada", mail=ADA["mail"], name="Ada Abreu", member="Y")
    rig.settle(3)

    assert status(rig, "crm", "1") == "granted"
    assert rig.systems["crm"].rows["1"].fields["news"] == "Y"


def test_consent_is_mapped_with_its_own_time_and_basis(rig):
    rig.add("crm", table=mapping()).put("1", **ADA, **YES)

    rig.sync("crm")

    said = rig.golden("crm", "1")[NEWS]
    assert (said["status"], said["basis"]) == ("granted", "explicit")
    assert said["at"].startswith("2026-01-01T12:00:00")
