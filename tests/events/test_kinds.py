"""What a line of the history tells those who are told."""

from __future__ import annotations

import pytest

from hub.events.kinds import CHANGED, CONSENT, CREATED, MERGED, SPLIT, events_of
from hub.store.events_out import ChangeLine

NEWS = "consents/email|*|newsletter"


def told(kind, detail=None, created=None):
    return list(events_of(ChangeLine(7, "g1", 1_780_000_000.0, kind, detail or {}), created or {}))


def test_a_contact_that_began_is_told_with_the_names_of_its_fields():
    [event] = told("created", created={"given_name": "Ann", "emails/ann@example.org": {}})

    assert (event.kind, event.contact, event.fields) == (CREATED, "g1", ("emails", "given_name"))


def test_without_being_asked_for_values_no_word_of_anybody_is_in_it():
    changes = {"job_title": ["Buyer", "Director"], "emails/ann@example.org": [None, {}], NEWS: [None, {"status": "x"}]}
    bodies = str([event.body(values=False) for event in told("updated", changes)])

    assert all(word not in bodies for word in ("Director", "Buyer", "ann@example.org", "newsletter"))


def test_a_consent_that_changed_is_an_event_of_its_own():
    changed, consent = told("updated", {"job_title": ["a", "b"], NEWS: [None, {"status": "denied"}]})

    assert (changed.kind, changed.fields) == (CHANGED, ("job_title",))
    assert (consent.kind, consent.values) == (CONSENT, {NEWS: {"status": "denied"}})
    assert changed.id != consent.id


@pytest.mark.parametrize(
    ("kind", "detail", "event", "more"),
    [
        ("merged away", {"into": "g2", "records": [1]}, MERGED, {"into": "g2"}),
        ("split away", {"from": "g2"}, SPLIT, {"from": "g2"}),
        ("split off by matching", {}, SPLIT, {}),
    ],
)
def test_merges_and_splits_name_the_other_one(kind, detail, event, more):
    [found] = told(kind, detail)

    assert (found.kind, dict(found.more)) == (event, more)


@pytest.mark.parametrize("kind", ["told: update", "conflict 3 accepted by Olga", "answer “same” taken back by Olga"])
def test_what_changes_no_contact_is_not_told(kind):
    assert told(kind, {"job_title": ["a", "b"]}) == []


def test_an_id_can_be_signed():
    ids = [event.id for event in told("updated", {"job_title": ["a", "b"], NEWS: [None, {}]})]

    assert all("." not in each for each in ids)
