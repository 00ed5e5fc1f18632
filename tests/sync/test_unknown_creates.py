"""A create whose reply was lost, and another record of the same person: nobody knows yet which of them is ours."""

from __future__ import annotations

from typing import Any

import pytest

from hub.model import Op, Unreadable
from hub.sync.plan import make_plan
from tests.fakes.rig import ADA, Rig
from tests.fakes.systems import FakeConnector, FakeSystem, Late, can, lost_reply, timed_out

HOUR = 3600.0


def lost_create(rig: Rig, promise: str, **abilities: Any) -> tuple[FakeSystem, Late]:
    """Ada is to be made in `erp`, with no answer, and somebody types her in there too, as "A", which is listed.

    crm, where she came from, has a clock that is an hour behind.
    """
    crm = rig.add("crm")
    crm.skew = -HOUR
    erp = rig.add("erp", can(promise, **{"late_seconds": 120.0, **abilities}))
    crm.put("1", **ADA, dept="Sales", note="first")
    assert rig.sync("crm").status == "done"
    late = Late()
    erp.answers.append(late)
    assert rig.sync("erp").status == "failed"
    erp.put("A", **ADA, note="mine")
    rig.later(40)
    assert rig.sync("erp").status == "done"
    assert rig.home("erp", "A") == rig.home("crm", "1")
    return erp, late


@pytest.mark.parametrize("promise", ["K", "W"])
def test_what_a_lost_create_had_sent_is_no_claim_of_the_system_when_it_is_listed_later(rig, promise):
    erp, late = lost_create(rig, promise)
    erp.carry_out(late.writes[0])
    rig.later(40)
    rig.settle()
    assert rig.link("erp", "erp-new1").opinion().fields == {"kind": "person"}
    assert rig.link("erp", "A").opinion().fields["note"] == "mine"

    rig.systems["crm"].put("1", dept="Support")  # an hour before the create, by the clock there
    rig.settle()

    assert rig.golden("crm", "1")["department"] == "Support"
    assert {row.fields["dept"] for row in erp.rows.values()} == {"Support"}


@pytest.mark.parametrize("promise", ["K", "W"])
def test_a_record_that_holds_all_that_was_sent_ends_the_matter(rig, promise):
    erp, late = lost_create(rig, promise)
    assert rig.intents("erp") == ["create"]

    erp.carry_out(late.writes[0])
    for _ in range(2):
        rig.later(60)
        rig.sync("erp")

    assert rig.intents("erp") == []
    assert len(erp.rows) == 2


@pytest.mark.parametrize("promise", ["K", "W"])
def test_an_edit_back_to_what_was_sent_is_an_edit_while_the_outcome_is_unknown(rig, promise):
    erp, _ = lost_create(rig, promise)
    assert rig.intents("erp") == ["create"]

    erp.put("A", note="first")
    rig.later(40)
    rig.sync("erp")

    assert rig.link("erp", "A").opinion().fields["note"] == "first"
    assert rig.golden("crm", "1")["note"] == "first"


@pytest.mark.parametrize("promise", ["K", "W"])
def test_two_complete_listings_after_the_call_must_have_ended_prove_that_nothing_was_made(rig, promise):
    erp, _ = lost_create(rig, promise)
    rig.later(300)
    rig.listing("erp")
    rig.later(300)
    rig.sync("erp")  # tells only what has changed
    assert rig.intents("erp") == ["create"]  # the listing before the last was too early

    rig.later(300)
    rig.listing("erp")

    assert rig.intents("erp") == rig.queue("erp") == []
    assert list(erp.rows) == ["A"]


def test_of_a_system_that_never_lists_all_one_pull_after_the_call_must_have_ended_has_to_do(rig):
    lost_create(rig, "K", complete=False)
    rig.later(60)
    rig.sync("erp")
    assert rig.intents("erp") == ["create"]

    rig.later(60)
    rig.sync("erp")

    assert rig.intents("erp") == []


def test_listings_that_shrank_or_could_not_be_read_prove_nothing(rig):
    erp, _ = lost_create(rig, "K")
    rig.later(300)
    rig.listing("erp")
    erp.hidden = set(erp.rows)
    rig.later(300)
    assert rig.listing("erp").status == "held"
    assert rig.intents("erp") == ["create"]

    rig.approve("erp")
    erp.hidden.clear()
    erp.extra.append(Unreadable("line 7", "not a contact", "?"))
    rig.later(300)
    assert rig.listing("erp").status == "done"
    assert rig.intents("erp") == ["create"]


def test_what_is_there_is_brought_up_to_date_while_the_outcome_of_a_create_is_unknown(rig):
    erp, _ = lost_create(rig, "K")
    rig.systems["crm"].put("1", job="Director")
    rig.later(20)
    rig.sync("crm")
    planned = make_plan(rig.hub, {"erp": FakeConnector(erp)}).counts["erp"]

    rig.sync("erp")

    assert planned["update there"] == 1
    assert rig.intents("erp") == ["create"]
    assert erp.rows["A"].fields["job"] == "Director"


@pytest.mark.parametrize("edited", [False, True])
def test_a_create_sent_again_and_found_done_takes_only_what_somebody_changed_as_news(rig, edited):
    crm = rig.add("crm")
    crm.skew = -HOUR
    erp = rig.add("erp", can("K"))
    crm.put("1", **ADA, dept="Sales")
    rig.sync("crm")
    erp.answers.append(lost_reply)
    rig.sync("erp")
    [made] = erp.rows
    erp.hidden = {made}
    if edited:
        erp.put(made, job="Director")
    rig.later(40)
    rig.sync("erp")  # sent again: it says that it has her already
    erp.hidden = set()
    rig.later(400)
    rig.settle()

    assert [w.op for w in erp.writes] == [Op.CREATE, Op.CREATE]
    said = {"kind": "person", "job_title": "Director"} if edited else {"kind": "person"}
    assert rig.link("erp", made).opinion().fields == said
    assert rig.golden("crm", "1").get("job_title") == said.get("job_title")
    assert rig.intents("erp") == rig.queue("erp") == []


def test_a_create_that_was_never_carried_out_is_not_repeated_beside_a_record_of_the_person(rig):
    rig.add("crm").put("1", **ADA)
    erp = rig.add("erp", can("K"))
    rig.sync("crm")
    erp.answers.append(timed_out)
    rig.sync("erp")
    erp.put("A", **ADA)

    rig.later(400)
    rig.settle()

    assert list(erp.rows) == ["A"]
    assert rig.queue("erp") == []
