"""Spam is set aside with its reason, and never with anything that was written."""

from __future__ import annotations

from datetime import timedelta
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.form_settings import FormSettings, SpamRules
from hub.connectors.forms import read_delivery
from hub.model import Unreadable
from hub.web.bodies import LARGEST_BODY
from hub.web.spam import Manner, suspicion
from tests.web.intake_rig import NOW, PUBLIC, STANDARD, Rig, signed
from tests.web.test_form_site import stamped

RULES = SpamRules(words=("casino bonus",), domains=("spam.example",), disposable=True)


@pytest.mark.parametrize(
    ("written", "manner", "reason"),
    [
        ({}, Manner(trap=True), "the honeypot field was filled in"),
        ({}, Manner(stamped=False), "the stamp of its page is not one of this form"),
        ({}, Manner(stamped=True, seconds=1.9), "it was filled in within less than 2 seconds"),
        ({"note": "http://a.example www.b.example " * 3}, Manner(), "it holds more than 5 links"),
        ({"data": [{"note": "CASINO  x Casino Bonus"}]}, Manner(), "it holds word 1 of those that make it spam"),
        ({"emails": "bot@mail.spam.example"}, Manner(), "its mail address is of a domain that is not taken"),
        ({"emails": "Bot@Mailinator.com."}, Manner(), "its mail address is one that is thrown away"),
    ],
)
def test_each_suspicion_has_its_reason(written, manner, reason):
    assert suspicion(written, manner, RULES) == reason


@pytest.mark.parametrize(
    "written", [{"note": "See https://example.org"}, {"emails": "ann@example.org"}, {"emails": "a@notspam.example"}, {}]
)
def test_what_people_write_is_no_spam(written):
    assert suspicion(written, Manner(stamped=True, seconds=20), RULES) is None


def test_without_rules_only_the_trap_counts():
    assert suspicion({"note": "http://x " * 50}, Manner(stamped=None), None) is None
    assert suspicion({}, Manner(trap=True), None) is not None


def test_what_brings_no_stamp_is_spam_where_only_the_page_may_send():
    assert suspicion({}, Manner(), SpamRules(stamped=True)) == "it did not come from the form's page, nor by its script"


@given(st.dictionaries(st.text(max_size=5), st.recursive(st.text(), lambda inner: st.lists(inner)), max_size=5))
def test_a_reason_never_repeats_what_was_written(written):
    reason = suspicion(written, Manner(), RULES) or ""

    assert reason == "" or reason.startswith(("it holds", "its mail address"))


@pytest.mark.parametrize("piece", ["x", "@", "a@", "www.", "http://", "x@y.", " ", "casino bonu"])
def test_the_longest_text_is_looked_at_in_a_moment(piece):
    text = (piece * LARGEST_BODY)[:LARGEST_BODY]

    before = process_time()
    suspicion({"note": text}, Manner(), RULES.model_copy(update={"most_links": 100}))

    assert process_time() - before < 1


def test_who_fills_a_page_in_at_once_is_set_aside_and_answered_like_anybody():
    rig = Rig({"website": PUBLIC})
    page = stamped(rig, "website", {"given_name": "Bot", "emails": "bot@example.org"})
    rig.now += timedelta(seconds=1)

    answer = rig.post("/forms/website", data=page)

    assert answer.json()["status"] == "stored"
    assert rig.inbox.payloads[0]["_spam"] == "it was filled in within less than 2 seconds"


def test_who_takes_time_is_taken():
    rig = Rig({"website": PUBLIC})
    page = stamped(rig, "website", {"given_name": "Ann", "emails": "ann@example.org"})
    rig.now += timedelta(seconds=9)

    rig.post("/forms/website", data=page)

    assert "_spam" not in rig.inbox.payloads[0]


def test_a_stamp_of_another_form_is_none():
    rig = Rig({"website": PUBLIC, "other": PUBLIC})
    page = stamped(rig, "other", {"given_name": "Bot", "emails": "bot@example.org"})
    rig.now += timedelta(seconds=9)

    rig.post("/forms/website", data=page)

    assert rig.inbox.payloads[0]["_spam"] == "the stamp of its page is not one of this form"


def test_what_is_signed_is_judged_only_where_rules_are_set():
    rules = {"secret": STANDARD.secret, "spam": {"most_links": 0}}
    rig = Rig({"crm": STANDARD, "judged": FormSettings.model_validate(rules)})
    body = b'{"note": "http://example.org"}'

    for name in ("crm", "judged"):
        rig.post(f"/forms/{name}", content=body, headers=signed(body))

    assert ["_spam" in payload for payload in rig.inbox.payloads] == [False, True]


def test_a_form_s_spam_is_parked_by_its_own_stage():
    item = read_delivery("d1", NOW, {"given_name": "x", "_spam": "too quick"}, PUBLIC)

    assert isinstance(item, Unreadable)
    assert (item.stage, item.reason) == ("spam", "too quick")
