"""Every page of the console: who may see it, what it shows, what it lets be done."""

from __future__ import annotations

import html
import re

import pytest

from hub.access.rights import Role
from hub.store import lists

PAGES = (
    "/",
    "/overview/live",
    "/holds",
    "/reviews",
    "/conflicts",
    "/parked",
    "/contacts",
    "/connections",
    "/connections/crm",
    "/runs",
    "/conflicts/rules",
    "/conflicts/rules/job_title?rule=crm",
    "/about",
)


@pytest.mark.parametrize("language", ["en", "pt", "es", "pl"])
def test_every_page_is_there_in_every_language(look, language):
    for path in PAGES:
        answer = look.get(path, **{"accept-language": language})

        assert answer.status_code == 200, path
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        if path != "/overview/live":
            assert f'<html lang="{language}"' in answer.text


def test_who_is_not_signed_in_is_sent_to_the_sign_in(look):
    look.role = None

    assert {look.get(path).headers["location"].partition("?")[0] for path in PAGES} == {"/sign-in"}


def test_who_may_not_see_contacts_sees_none(look):
    look.role = Role.VIEWER
    seen = "".join(look.get(path).text for path in ("/", "/holds", "/connections", "/connections/crm", "/runs"))

    assert "Baker" not in seen and "example.org" not in seen
    assert {look.get(path).status_code for path in ("/contacts", "/conflicts", "/reviews", "/parked")} == {403}


def test_a_change_needs_the_token_of_the_page(look):
    assert look.post("/conflicts/accept", csrf="another", number=1).status_code == 403


def conflict_of(look):
    with look.console.world.store.read() as tx:
        return lists.conflicts(tx, state=None).rows[0]


def test_a_conflict_is_shown_and_overturned(look):
    row = conflict_of(look)
    shown = look.get(f"/conflicts/{row.number}").text
    assert "Purchaser" in shown and "Head of buying" in shown

    answer = look.post(f"/conflicts/{row.number}/overturn")

    assert answer.status_code == 303
    assert conflict_of(look).state == "overturned"
    assert "pinned by ann" in look.get(f"/contacts/{row.golden_id}").text


def test_conflicts_are_accepted_many_at_once(look):
    row = conflict_of(look)

    answer = look.post("/conflicts/accept", number=[row.number])

    assert answer.headers["location"] == "/conflicts"
    assert conflict_of(look).state == "accepted"


def question_of(look):
    with look.console.world.store.read() as tx:
        return lists.asks(tx, state=None).rows[0]


def test_a_question_is_answered_and_the_answer_taken_back(look):
    row = question_of(look)
    assert "Pereira" in look.get("/reviews").text

    answer = look.post(f"/reviews/{row.number}", verdict="same")
    assert question_of(look).state == "same"
    after = look.get(answer.headers["location"]).text
    assert f"/reviews/{row.number}/undo" in after

    look.post(f"/reviews/{row.number}/undo")
    assert question_of(look).state in ("open", "withdrawn")


def test_a_question_that_is_skipped_comes_no_more_on_the_way_through(look):
    first = look.get("/reviews").text
    further = re.search(r'href="(/reviews\?after=[^"]+)" data-key="k"', first)[1].replace("&amp;", "&")

    assert "That was the last one." in look.get(further).text


def test_a_record_that_was_set_aside_is_tried_again(look):
    shown = look.get("/parked").text
    number = re.search(r'name="number" value="(\d+)"', shown)[1]
    assert "not an address" in shown

    answer = look.post("/parked", verdict="retry", number=[number])

    assert answer.status_code == 303
    assert "to be tried again" in look.get("/parked").text


def version_of(look, golden_id):
    """As the page says it to the form."""
    return re.search(r'name="version" value="(\d+)"', look.get(f"/contacts/{golden_id}/correct").text)[1]


def test_a_contact_is_found_shown_explained_and_corrected(look):
    found = look.get("/contacts/found?q=baker").text
    golden_id = re.search(r'href="/contacts/([^"]+)"', found)[1]
    shown = look.get(f"/contacts/{golden_id}").text
    assert "ann.baker@example.org" in shown and "crm" in shown and "shop" in shown

    assert look.get(f"/contacts/{golden_id}/explain?field=job_title").status_code == 200
    answer = look.post(
        f"/contacts/{golden_id}/pin", field="job_title", value="Chief buyer", version=version_of(look, golden_id)
    )

    assert answer.status_code == 303
    assert "Chief buyer" in look.get(f"/contacts/{golden_id}").text


def test_an_address_that_could_not_be_read_is_shown_as_it_was_typed(look):
    found = look.get("/contacts/found?q=bad").text
    golden_id = re.search(r'href="/contacts/([^"]+)"', found)[1]

    shown = look.get(f"/contacts/{golden_id}").text

    assert "not an address <small>could not be read</small>" in shown
    assert "raw:not" not in re.sub(r"<[^>]*>", "", shown)


def test_two_contacts_are_merged_and_split_again(look):
    ids = [
        re.search(r'href="/contacts/([^"]+)"', look.get(f"/contacts/found?q={q}").text)[1] for q in ("tavares", "nowak")
    ]

    kept = look.post(f"/contacts/{ids[0]}/merge", other=ids[1]).headers["location"]
    page = look.get(kept).text
    refs = re.findall(r'name="ref" value="([^"]+)"', page)
    assert len(refs) == 4

    crm = [ref for ref in refs if ref.startswith(("crm:2", "shop:2"))]
    parted = look.post(f"{kept}/split", ref=crm)
    assert parted.status_code == 303
    assert len(re.findall(r'name="ref"', look.get(parted.headers["location"]).text)) == 2


def test_what_cannot_be_done_is_said_on_a_page(look):
    nobody = look.get("/contacts/g-nobody")
    nothing = look.post("/holds/999", verdict="approve", seen="{}")
    odd = look.post("/holds/999", verdict="perhaps", seen="{}")

    assert (nobody.status_code, nothing.status_code, odd.status_code) == (404, 409, 422)
    assert "nothing was changed" in nothing.text and "perhaps" not in odd.text


def test_an_address_that_leads_nowhere_is_a_page_in_a_browser_and_a_problem_for_programs(look):
    lost = look.get("/no/such/canary", **{"accept-language": "pt"})
    program = look.get("/no/such/canary", accept="*/*")
    interface = look.get("/api/v1/no-such-canary")

    assert (lost.status_code, program.status_code, interface.status_code) == (404, 404, 404)
    assert lost.headers["content-type"].startswith("text/html") and 'lang="pt"' in lost.text
    assert 'href="/"' in lost.text and "canary" not in lost.text
    assert {each.headers["content-type"] for each in (program, interface)} == {"application/problem+json"}


def test_what_systems_say_is_text_on_every_page(look, desk):
    desk.type_in("crm", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "x@example.org")
    desk.sync("crm")

    shown = look.get("/contacts/found?q=x@example.org").text

    assert "&lt;script&gt;" in shown and "<script>alert" not in shown and "<img" not in shown


def test_language_and_colours_are_kept(look):
    answer = look.post("/preferences", language="pl", theme="dark", back="/runs")
    assert answer.headers["location"] == "/runs"

    look.cookies = {"hub-language": "pl", "hub-theme": "dark"}
    shown = look.get("/runs").text

    assert 'lang="pl" data-theme="dark"' in shown


def test_a_first_sync_is_looked_at_row_by_row_and_approved(desk):
    from pathlib import Path

    from tests.web.console.rig import looked_at

    desk.type_in("crm", "Ann", "Baker", "ann.baker@example.org")
    desk("sync", "crm")
    with looked_at(Path("config").absolute()) as look:
        number = re.search(r'href="/holds/(\d+)"', look.get("/holds").text)[1]
        assert "Baker" in look.get(f"/holds/{number}").text

        assert look.post(f"/holds/{number}", verdict="approve", seen='{"creates": 99}').status_code == 409
        seen = html.unescape(re.search(r'name="seen" value="([^"]*)"', look.get(f"/holds/{number}").text)[1])
        look.post(f"/holds/{number}", verdict="approve", seen=seen)

        assert "approved" in look.get(f"/holds/{number}").text
        assert look.post(f"/holds/{number}", verdict="refuse", seen=seen).status_code == 409


def test_a_connection_is_run_paused_and_started(look):
    assert look.post("/connections/crm", order="full").status_code == 303
    assert look.begun == [("crm", True, "ann")]
    assert "is being run already" in look.post("/connections/crm", order="run").text

    look.post("/connections/crm", order="pause", reason="moving house")
    assert "ann paused it: moving house" in look.get("/connections/crm").text
    look.post("/connections/crm", order="start")
    assert "moving house" not in look.get("/connections/crm").text

    assert look.post("/connections/nobody", order="run").status_code == 404


BEYOND = 10**30  # more than a database holds


NUMBERED = (
    *("/parked", "/conflicts", "/holds"),
    *("/parked/{}/line/look", "/holds/{}/again", "/conflicts/{}/overturn", "/reviews/{}/undo"),
)


@pytest.mark.parametrize("place", NUMBERED)
def test_a_number_beyond_all_numbers_is_refused_in_an_address(look, place):
    asked = look.post(place.format(BEYOND)) if "{}" in place else look.get(f"{place}/{BEYOND}")

    assert asked.status_code == 422


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/parked", {"verdict": "retry"}),
        ("/parked/correct", {"field": "emails"}),
        ("/parked/contacts", {"sent_field": "emails"}),
        ("/parked/lines/look", {"find": "a"}),
        ("/parked/domain/look", {"domain": "a.example", "meant": "b.example"}),
        ("/conflicts/accept", {}),
    ],
)
def test_a_number_beyond_all_numbers_is_refused_among_the_chosen(look, path, more):
    assert look.post(path, number=BEYOND, **more).status_code == 422
