"""The desk: who is calling, and what was said is written down once."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import orjson
import pytest

from hub.access.rights import Role
from hub.model import Interaction
from hub.store import audit, interactions
from hub.sync import history

ANN = "912 000 001"  # Ann Baker's, as it is typed
NOBODY = "+351 913 999 888"


def once_of(text: str) -> str:
    return re.search(r'name="once" value="([^"]+)"', text)[1]


def golden(look) -> str:
    return re.search(r'href="/contacts/([^"]+)"', look.get("/contacts/found?q=baker").text)[1]


def timeline(look, golden_id: str) -> list:
    with look.console.world.store.read() as tx:
        return list(history.timeline(tx, golden_id).rows)


def fields(look, golden_id: str) -> dict:
    with look.console.world.store.read() as tx:
        row = tx.one("SELECT fields FROM golden WHERE id = :i", i=golden_id)
    return orjson.loads(row[0])


def audited(look) -> list[tuple[str, str, str]]:
    with look.console.world.store.read() as tx:
        return [(row.who, row.action, row.subject) for row in audit.rows(tx, audit.Wanted(), 20)]


def write_down(look, golden_id: str, **filled: str):
    shown = look.get(f"/desk?contact={golden_id}").text
    given = {"contact": golden_id, "kind": "call", "direction": "in", "subject": "asked for the invoice"}
    return given | {"once": once_of(shown)} | filled


@pytest.mark.parametrize("query", ["phone=912%20000%20001", "mail=ann.baker@example.org", "customer_number=1"])
def test_the_page_pops_up_by_number_address_and_customer_number(look, query):
    shown = look.get(f"/desk?{query}").text

    assert "Ann Baker" in shown
    assert "nothing said" in shown and "Head of buying" not in shown.split("<article")[0]


def test_what_is_asked_for_in_a_body_is_in_no_address(look):
    answer = look.post("/desk", who=ANN)

    assert answer.status_code == 200 and "Ann Baker" in answer.text
    assert "912" not in str(answer.url)


def test_several_who_share_a_number_stand_side_by_side(look, desk):
    desk.type_in("shop", "Zoe", "Quint", "zoe@example.org", tel="+351912000001")
    desk.sync("shop")

    shown = look.get("/desk?phone=%2B351912000001").text

    assert shown.count("<article") >= 2
    assert "Zoe Quint" in shown and "Ann Baker" in shown


def test_a_call_that_a_telephone_system_brought_is_shown_with_its_number(look):
    called = Interaction(
        "c1", datetime(2026, 11, 22, tzinfo=UTC), "call", "call.missed", "in", ("+351912000001",), summary="rang twice"
    )
    with look.console.world.store.write() as tx:
        interactions.save(tx, [history.row_of("pbx", called)], "r1")
    ann = golden(look)

    for path in (f"/contacts/{ann}", f"/contacts/{ann}/timeline", "/desk?phone=912%20000%20001"):
        shown = look.get(path)
        assert shown.status_code == 200 and "rang twice" in shown.text
    assert "+351912000001</td>" in look.get(f"/contacts/{ann}/timeline").text


def test_a_call_is_written_down_once_however_often_it_is_sent(look):
    ann = golden(look)
    filled = write_down(look, ann, outcome="reached", text="She wants it by mail.")

    answers = [look.post("/desk/notes", **filled) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    [event] = timeline(look, ann)
    assert (event.kind, event.summary, event.details["outcome"]) == ("call", "asked for the invoice", "reached")
    shown = look.get(answers[0].headers["location"]).text
    assert event.id in shown and "reached" in shown
    assert audited(look)[0] == ("ann", "interaction logged", f"contact {ann}")


def test_a_note_that_was_changed_before_it_was_sent_again_is_another(look):
    ann = golden(look)
    filled = write_down(look, ann)
    look.post("/desk/notes", **filled)
    look.post("/desk/notes", **filled | {"subject": "something else"})

    assert {event.summary for event in timeline(look, ann)} == {"asked for the invoice", "something else"}


def test_nobody_has_it_and_the_note_waits_at_the_number(look, desk):
    shown = look.post("/desk", who=NOBODY).text
    assert "Nobody has it." in shown and "A note without a contact" in shown
    filled = {"phone": NOBODY, "kind": "complaint", "subject": "no answer for days", "once": once_of(shown)}
    assert look.post("/desk/notes", **filled).status_code == 303

    desk.type_in("crm", "Nils", "New", "nils@example.org", tel="913 999 888")
    desk.sync("crm")

    assert "no answer for days" in look.get("/desk?mail=nils@example.org").text


def test_a_customer_number_that_nobody_has_takes_no_note(look):
    shown = look.get("/desk?customer_number=nothing-of-the-kind").text

    assert "Nobody has it." in shown and "A note without a contact" not in shown


def test_a_number_that_is_none_cannot_be_noted(look):
    answer = look.post("/desk/notes", phone="12", kind="call", subject="x", once="12345678")

    assert answer.status_code == 409 and "Nothing was noted" in answer.text


def test_a_follow_up_is_open_until_somebody_closes_it(look):
    ann = golden(look)
    look.post("/desk/notes", **write_down(look, ann, follow_up="2026-12-01"))
    shown = look.get("/desk").text
    assert "2026-12-01" in shown and ann in shown
    assert "2026-12-01" in look.get(f"/contacts/{ann}").text
    number = re.search(r"/desk/follow-ups/(\d+)/close", shown)[1]

    assert look.post(f"/desk/follow-ups/{number}/close", contact=ann).headers["location"] == f"/desk?contact={ann}"

    assert "2026-12-01" not in look.get(f"/desk?contact={ann}").text
    assert audited(look)[0] == ("ann", "follow-up closed", f"follow-up {number}")
    assert look.post(f"/desk/follow-ups/{number}/close").status_code == 409
    assert look.post("/desk/follow-ups/99999/close").status_code == 409


def test_no_more_calls_is_a_denial_with_its_receipt(look):
    ann = golden(look)
    look.post("/desk/notes", **write_down(look, ann, withdraws="phone"))

    value = fields(look, ann)["consents/phone|+351912000001|*"]
    [event] = timeline(look, ann)
    assert (value["status"], value["basis"], value["source"]) == ("denied", "explicit", f"hub call {event.id}")
    assert 'class="chip no"' in look.get(f"/desk?contact={ann}").text
    assert audited(look)[0] == ("ann", "consent taken back", f"contact {ann}")


def test_what_cannot_be_taken_back_is_not_noted_at_all(look, desk):
    desk.type_in("crm", "Only", "Phoned", None, tel="+351913222333")
    desk.sync("crm")
    found = re.search(r'href="/contacts/([^"]+)"', look.get("/contacts/found?q=phoned").text)[1]

    answer = look.post("/desk/notes", **write_down(look, found, withdraws="email"))

    assert answer.status_code == 409 and "Nothing was noted" in answer.text
    assert timeline(look, found) == []


def test_it_is_written_down_from_the_page_of_the_contact_too(look):
    ann = golden(look)
    once = once_of(look.get(f"/contacts/{ann}").text)

    answer = look.post(f"/contacts/{ann}/notes", kind="task", outcome="done", subject="sent the papers", once=once)

    assert answer.headers["location"].startswith(f"/contacts/{ann}?noted=")
    assert "sent the papers" in look.get(f"/contacts/{ann}").text


def test_a_time_that_is_none_is_refused(look):
    ann = golden(look)

    assert look.post("/desk/notes", **write_down(look, ann, at="yesterday")).status_code == 409
    assert timeline(look, ann) == []


def test_who_has_no_right_looks_nobody_up_and_writes_nothing_down(look):
    look.role = Role.VIEWER

    assert look.get("/desk?phone=912000001").status_code == 403
    assert look.post("/desk", who=ANN).status_code == 403
    assert look.post("/desk/notes", phone=NOBODY, kind="call", subject="x", once="12345678").status_code == 403


def test_what_a_caller_says_cannot_do_anything_in_the_page(look):
    ann = golden(look)
    hostile = "<script>alert(1)</script>{{7*7}}"
    look.post("/desk/notes", **write_down(look, ann, subject=hostile, text=hostile, outcome=hostile))

    for place in (f"/desk?contact={ann}", f"/contacts/{ann}", f"/contacts/{ann}/timeline", f"/desk?phone={hostile}"):
        shown = look.get(place).text
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in shown
