"""A contact in detail: losing values, what a field was, consent with receipts, one kind of interaction, corrections."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from hub.access.rights import Role
from hub.mapping.elements import ADDRESS_PARTS
from hub.model import Interaction
from hub.sync import desk as work
from hub.sync import notes, people
from tests.web.console.test_pages import conflict_of, version_of


@pytest.fixture
def ann(look) -> str:
    return conflict_of(look).golden_id


def hub_of(look):
    return look.console.world.hub()


def test_a_value_that_lost_stands_beside_the_one_that_won(look, ann):
    row = conflict_of(look)
    loser = row.ours if row.winner == row.theirs else row.theirs

    shown = look.get(f"/contacts/{ann}").text

    assert f"<del>{loser}</del>" in shown


def test_what_a_field_was_before_is_explained(look, ann):
    people.pin(hub_of(look), ann, "job_title", "Director", "eve")

    shown = look.get(f"/contacts/{ann}/explain?field=job_title").text

    assert "What it was before" in shown and "<ins>Director</ins>" in shown and "pinned by eve" in shown


def test_a_correction_on_what_was_looked_at_is_taken(look, ann):
    version = version_of(look, ann)

    answer = look.post(f"/contacts/{ann}/pin", field="job_title", value="Director", version=version)

    assert answer.status_code == 303
    assert "Director" in look.get(f"/contacts/{ann}").text


def test_a_stale_correction_changes_nothing_shows_the_difference_and_keeps_what_was_typed(look, ann):
    version = version_of(look, ann)
    people.pin(hub_of(look), ann, "job_title", "Director", "eve")

    answer = look.post(f"/contacts/{ann}/pin", field="job_title", value="Head of all", version=version)

    assert answer.status_code == 409
    assert 'value="Head of all"' in answer.text and "<ins>Director</ins>" in answer.text
    assert "Head of all" not in look.get(f"/contacts/{ann}").text
    newer = re.search(r'name="version" value="(\d+)"', answer.text)[1]
    again = look.post(f"/contacts/{ann}/pin", field="job_title", value="Head of all", version=newer)
    assert again.status_code == 303 and "Head of all" in look.get(f"/contacts/{ann}").text


def test_a_stale_unpinning_is_refused_too(look, ann):
    people.pin(hub_of(look), ann, "job_title", "Director", "eve")
    version = version_of(look, ann)
    people.pin(hub_of(look), ann, "department", "Buying", "eve")

    answer = look.post(f"/contacts/{ann}/unpin", field="job_title", version=version)

    assert answer.status_code == 409 and "pinned by eve" in look.get(f"/contacts/{ann}").text


def test_a_correction_without_the_version_that_was_looked_at_is_not_taken(look, ann):
    assert look.post(f"/contacts/{ann}/pin", field="job_title", value="Director").status_code == 422


def test_who_may_not_change_contacts_is_shown_no_form(look, ann):
    look.role = Role.AGENT

    shown = look.get(f"/contacts/{ann}/correct?field=job_title").text

    assert 'name="version"' not in shown
    assert look.post(f"/contacts/{ann}/pin", field="job_title", value="x", version=1).status_code == 403


def test_interactions_of_one_kind_are_shown_alone(look, ann):
    for n, kind in enumerate(("call.missed", "note", "mail.opened")):
        at = datetime(2026, 1, 1, n, tzinfo=UTC)
        channel = {"call.missed": "call", "note": "other", "mail.opened": "email"}[kind]
        note = notes.Note(Interaction(f"i{n}", at, channel, kind, summary=f"about {kind}"))
        notes.log(hub_of(look), ann, note, "eve")

    everything = look.get(f"/contacts/{ann}/timeline").text
    calls = look.get(f"/contacts/{ann}/timeline?kind=call").text

    assert all(f"about {kind}" in everything for kind in ("call.missed", "note", "mail.opened"))
    assert "about call.missed" in calls and "about note" not in calls and "about mail.opened" not in calls


def test_a_consent_is_shown_with_its_statements_its_past_and_who_knows_it(look, ann):
    call = Interaction("c1", datetime(2026, 1, 1, tzinfo=UTC), "call", "call.answered", "in")
    notes.log(hub_of(look), ann, notes.Note(call, withdraws=frozenset({"email"})), "eve")

    shown = look.get(f"/contacts/{ann}/consent").text

    for text in ("denied", "every purpose", "ann.baker@example.org", "own act", "2026-01-01", "What it was before"):
        assert text in shown


def test_a_contact_without_consents_says_so(look, ann):
    assert "Nobody ever said anything about consent." in look.get(f"/contacts/{ann}/consent").text


def test_an_address_that_is_shown_is_taken_back_as_it_is():
    address = {part: f"some {part}" for part in ADDRESS_PARTS}

    _, value = work.pin_value("addresses/3f9a01c2", work.pin_text("addresses/3f9a01c2", address), None)

    assert value == address
