"""Writes that nobody has answered and that are carried out minutes later: what they had sent stays known as ours."""

from __future__ import annotations

from typing import Any

import pytest

from hub.store import queue
from tests.fakes.rig import ADA, Rig, person
from tests.fakes.systems import FakeSystem, Late, can, lost_reply, timed_out

MINUTES = 300.0


def to_be_made(rig: Rig, promise: str) -> FakeSystem:
    """Ada is in `crm`, and `erp`, which is returned, has yet to hear of her."""
    rig.add("crm").put("1", **ADA)
    erp = rig.add("erp", can(promise, late_seconds=MINUTES))
    rig.sync("crm")
    return erp


def in_both(rig: Rig, **abilities: Any) -> FakeSystem:
    """Ada is in crm as 1, and in `erp`, which is returned, as A."""
    rig.add("crm").put("1", **ADA)
    erp = rig.add("erp", can("R", late_seconds=MINUTES, **abilities))
    erp.put("A", **ADA)
    rig.settle()
    return erp


def note(rig: Rig, text: str) -> None:
    """Somebody edits Ada in crm, and the hub hears of it."""
    rig.systems["crm"].put("1", note=text)
    rig.later(10)
    rig.sync("crm")


def test_an_update_that_is_carried_out_late_undoes_no_later_edit(rig):
    """v1 is sent and nobody answers; v2 is edited and written; then v1 arrives. It is the hub's own, and no edit."""
    erp = in_both(rig, stale=False)
    note(rig, "v1")
    erp.answers.append(late := Late())
    rig.sync("erp")
    rig.later(40)
    note(rig, "v2")
    rig.sync("erp")
    assert erp.rows["A"].fields["note"] == "v2"

    erp.carry_out(late.writes[0])
    rig.settle()

    assert rig.golden("crm", "1")["note"] == "v2"
    assert erp.rows["A"].fields["note"] == "v2"


@pytest.mark.parametrize("promise", ["R", "K"])
def test_a_create_that_is_carried_out_late_is_there_once(rig, promise):
    erp = to_be_made(rig, promise)
    erp.answers.append(late := Late())
    rig.sync("erp")
    rig.later(40)
    rig.sync("erp")  # not found yet

    erp.carry_out(late.writes[0])
    rig.later(400)
    rig.settle()

    assert len(erp.rows) == 1
    assert (rig.queue("erp"), rig.intents("erp")) == ([], [])


def test_nobody_is_asked_about_a_create_that_may_still_be_carried_out(rig):
    erp = to_be_made(rig, "W")
    erp.answers.append(timed_out)
    rig.sync("erp")

    rig.later(100)
    rig.sync("erp")
    assert rig.parked("unknown") == []

    rig.later(300)
    rig.sync("erp")
    assert len(rig.parked("unknown")) == 1


def test_a_deletion_that_is_carried_out_late_is_not_taken_for_somebody_elses(rig):
    """The contact turned out to be wanted before it was carried out: it is made anew, and nobody else loses it."""
    erp = in_both(rig, changes=False)
    for n in range(3):  # a deletion of everybody would wait for a person
        erp.put(f"{n}", **person(n))
    rig.settle()
    ada = rig.home("erp", "A")
    with rig.store.write() as tx:
        queue.enqueue(tx, [("erp", ada)], rig.now, "r", op="delete")
        tx.run("UPDATE golden SET state = 'deleted' WHERE id = :g", g=ada)
    erp.answers.append(late := Late())
    rig.sync("erp")
    note(rig, "call her back")
    rig.later(40)
    rig.sync("erp")
    assert erp.rows["A"].fields["note"] == "call her back"

    erp.carry_out(late.writes[0])
    for _ in range(3):
        rig.later(1000)
        rig.listing("erp")
        rig.sync("erp")

    [again] = [row for row in erp.rows.values() if row.fields["mail"] == ADA["mail"]]
    assert again.fields["note"] == "call her back"
    assert rig.systems["crm"].rows["1"].fields["note"] == "call her back"


def test_what_was_written_without_an_answer_is_looked_at_once_more_when_it_can_come_no_more(rig):
    erp = in_both(rig)
    note(rig, "new")
    erp.answers.append(lost_reply)
    rig.sync("erp")
    rig.later(40)
    rig.sync("erp")
    assert (rig.queue("erp"), rig.intents("erp")) == ([], ["update"])

    rig.later(300)
    rig.sync("erp")

    assert rig.intents("erp") == []
