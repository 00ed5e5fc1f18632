"""Consents: per address, the stricter wins, nothing widens."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mapping.samples import inward, mapping, reasons

ROW: dict[str, Any] = {
    "from": "OK",
    "values": {"S": "granted", "N": "denied"},
    "channel": "email",
    "purpose": "news",
    "at": "AT",
    "basis": "form",
    "source": {"from": "SRC"},
}
KEY = "consents/email|a@example.org|news"
WHOLE = "consents/email|*|news"
HOLDS = {"emails/a@example.org": {}}
GRANTED, DENIED = {"status": "granted"}, {"status": "denied"}


def table(**changed: Any) -> Any:
    return mapping({"fields": {"emails": "E", "phones": "T"}, "consents": [{**ROW, **changed}]})


def test_a_consent_belongs_to_the_first_address_of_its_channel() -> None:
    source = {"E": "A@example.org", "OK": "S", "AT": "2026-01-02T03:04:05+02:00", "SRC": "web"}

    assert inward(table(), source)[KEY] == {
        "status": "granted",
        "at": "2026-01-02T01:04:05+00:00",
        "basis": "form",
        "source": "web",
    }
    assert "consents/sms|+34612345678|news" in inward(table(channel="sms"), {"T": "612345678", "OK": "S"})


def test_a_consent_of_the_whole_person_names_no_address() -> None:
    assert inward(table(whole_person=True), {"E": "a@example.org", "OK": "N"})[WHOLE]["status"] == "denied"
    assert "consents/post|*|news" in inward(table(channel="post"), {"OK": "N"})


@pytest.mark.parametrize("email", ["", "no address"])
def test_a_refusal_without_an_address_holds_for_the_whole_person_and_a_grant_is_a_problem(email: str) -> None:
    assert inward(table(), {"E": email, "OK": "N"})[WHOLE]["status"] == "denied"
    assert ("consents", "S") in reasons(table(), {"E": email, "OK": "S"})
    assert WHOLE not in inward(table(), {"E": email, "OK": "S"})


def test_silence_is_no_consent_and_no_refusal() -> None:
    assert not [key for key in inward(table(), {"E": "a@example.org", "OK": ""}) if "consents" in key]
    assert not [key for key in inward(table(), {"E": "a@example.org"}) if "consents" in key]


def test_a_status_that_says_neither_is_silence() -> None:
    bounced = table(empty=["cleaned", False])

    for status in ("cleaned", False):
        assert not [key for key in inward(bounced, {"E": "a@example.org", "OK": status}) if "consents" in key]
        assert reasons(bounced, {"E": "a@example.org", "OK": status}) == []


def test_an_unknown_answer_is_a_problem() -> None:
    assert reasons(table(), {"E": "a@example.org", "OK": "maybe"}) == [("consents", "maybe")]


def test_a_time_that_cannot_be_read_is_reported_and_the_refusal_stands() -> None:
    source = {"E": "a@example.org", "OK": "N", "AT": "yesterday"}

    assert reasons(table(), source) == [("consents", "yesterday")]
    assert inward(table(), source)[KEY] == {"status": "denied", "basis": "form"}


def test_only_the_mapped_channel_and_purpose_is_projected() -> None:
    golden = {
        **HOLDS,
        KEY: GRANTED,
        "consents/sms|*|news": DENIED,
        "consents/email|a@example.org|other": DENIED,
    }

    assert table().project(golden, {}, creating=True) == {**HOLDS, KEY: GRANTED}


def test_a_refusal_of_the_whole_person_outranks_the_grant_of_an_address() -> None:
    assert table().project({**HOLDS, KEY: GRANTED, WHOLE: DENIED}, {}, creating=True)[KEY] == DENIED


def test_a_grant_of_the_whole_person_is_not_taken_for_one_of_an_address() -> None:
    assert table().project({**HOLDS, WHOLE: GRANTED}, {}, creating=True) == HOLDS


def test_a_whole_person_column_hears_the_refusal_of_an_address_it_holds() -> None:
    whole = table(whole_person=True)

    assert whole.project({**HOLDS, WHOLE: GRANTED, KEY: DENIED}, {}, creating=True)[WHOLE] == DENIED
    assert whole.project({**HOLDS, KEY: GRANTED}, {}, creating=True) == HOLDS


def test_a_refusal_is_written_with_its_time_and_read_back_under_its_own_address() -> None:
    desired = {KEY: {"status": "denied", "at": "2026-01-02T00:00:00+00:00", "source": "web"}}

    assert table().payload(desired, {KEY}) == {"OK": "N", "AT": "2026-01-02T00:00:00+00:00", "SRC": "web"}
    assert table().stored(desired) == {KEY: {**desired[KEY], "basis": "form"}}


def test_a_consent_that_is_gone_empties_its_columns() -> None:
    assert table().payload({}, {KEY}) == {"OK": None, "AT": None, "SRC": None}


def test_of_two_addresses_the_one_the_system_holds_decides() -> None:
    other = "consents/email|b@example.org|news"
    golden = {**HOLDS, "emails/b@example.org": {}, KEY: GRANTED, other: DENIED}

    assert KEY in table().project(golden, HOLDS, creating=False)
    assert other not in table().project(golden, HOLDS, creating=False)
    assert table().payload({KEY: GRANTED, other: DENIED}, {KEY})["OK"] == "N"


@pytest.mark.parametrize("mode", ["never", "on_create"])
def test_a_consent_the_hub_may_not_write_stays_as_held(mode: str) -> None:
    golden, held = {**HOLDS, KEY: DENIED}, {**HOLDS, KEY: GRANTED}

    assert table(write=mode).project(golden, held, creating=False)[KEY] == GRANTED
