"""Consent with receipts: on whose word it stands, what it was before, and which systems have acknowledged it."""

from __future__ import annotations

from hub.sync.receipts import Receipt, receipts
from tests.fakes.rig import ADA, NEWS, Rig
from tests.fakes.systems import lost_reply, refused
from tests.sync.test_consent_flow import FEB, NO, YES, agreed


def receipt(rig: Rig) -> Receipt:
    home = rig.home("crm", "1")
    with rig.store.read() as tx:
        [found] = [one for one in receipts(rig.hub, tx, home) if one.key == NEWS]
    return found


def states(rig: Rig) -> dict[str, str]:
    return {notice.connection: notice.state for notice in receipt(rig).told}


def test_a_receipt_says_on_whose_word_it_stands(rig):
    agreed(rig)

    found = receipt(rig)

    assert (found.status, found.connection, found.external_id) == ("granted", "crm", "1")
    assert found.statements[0].wins and found.value["basis"] == "explicit"


def test_who_said_it_knows_and_who_was_told_has_acknowledged(rig):
    agreed(rig)

    assert states(rig) == {"crm": "said", "erp": "acknowledged"}
    assert all(notice.at for notice in receipt(rig).told)


def test_an_opt_out_waits_until_the_system_has_answered(rig):
    agreed(rig)
    rig.systems["erp"].put("A", **NO)
    rig.sync("erp")

    assert states(rig) == {"crm": "waits", "erp": "said"}

    rig.later(500)
    rig.sync("crm")
    assert states(rig) == {"crm": "acknowledged", "erp": "said"}


def test_a_write_without_an_answer_is_not_taken_for_a_receipt(rig):
    agreed(rig)
    rig.systems["erp"].put("A", **NO)
    rig.sync("erp")
    rig.systems["crm"].answers.append(lost_reply)
    rig.later(500)
    rig.sync("crm")

    assert states(rig)["crm"] == "unknown"


def test_a_refused_write_is_not_taken_for_a_receipt(rig):
    agreed(rig)
    rig.systems["erp"].put("A", **NO)
    rig.sync("erp")
    rig.systems["crm"].answers.append(refused("no"))
    rig.later(500)
    rig.sync("crm")

    assert states(rig)["crm"] in ("waits", "lacking")


def test_a_system_without_the_contact_has_nothing_to_acknowledge(rig):
    rig.add("crm").put("1", **ADA, **YES)
    rig.add("erp", push="updates")
    rig.settle()

    assert states(rig) == {"crm": "said", "erp": "absent"}


def test_the_states_before_are_kept_with_their_times(rig):
    agreed(rig)
    rig.systems["erp"].put("A", **NO)
    rig.settle()

    (step, *_) = receipt(rig).history

    assert (step.before["status"], step.after["status"]) == ("granted", "denied")
    assert step.after["at"] == FEB
    assert step.connection == "erp"


def test_a_golden_record_that_never_was_has_no_receipts(rig):
    rig.add("crm")

    with rig.store.read() as tx:
        assert receipts(rig.hub, tx, "g-none") == []
