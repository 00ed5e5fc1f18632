"""Rules of consent, as properties over drawn statements."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.dedupe.consent import merge, newest, stricter

TIMES = [None, "", "soon", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", "2024-05-01T00:00:00Z"]
TIMES += ["2024-05-01T00:00:00.000001Z", "2025-02-03T04:05:06Z"]

statements = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["granted", "pending", "denied", "nonsense"]),
        "basis": st.sampled_from(["explicit", "imported", "asked", None]),
    },
    optional={"at": st.sampled_from(TIMES), "source": st.sampled_from(["erp", "web"])},
)
many = st.lists(statements, min_size=1, max_size=5)


def granted(value):
    return value["status"] == "granted"


def asked(value):
    return (value["status"], value["basis"]) == ("pending", "asked")


def said(status, at=None, basis="explicit"):
    return {"status": status, "at": at, "basis": basis}


@given(many)
def test_the_order_of_statements_makes_no_difference(claims):
    expected = merge(claims)

    assert all(merge(order) == expected for order in permutations(claims))


@given(many, many)
def test_merging_in_groups_allows_the_same_as_merging_at_once(left, right):
    assert granted(merge([merge(left), merge(right)])) == granted(merge(left + right))


@given(many)
def test_saying_it_twice_changes_nothing(claims):
    once = merge(claims)

    assert merge([once]) == once
    assert merge([once, once]) == once
    assert granted(merge([once, *claims])) == granted(once)


@given(many)
def test_a_grant_stands_only_when_all_agree_or_a_later_explicit_opt_in_exists(claims):
    value = merge(claims)
    against = [c for c in claims if c["status"] != "granted" and not asked(c)]

    if granted(value) and against:
        assert value["basis"] == "explicit"
        assert all(c.get("at") not in (None, "", "soon") for c in against)


@given(many, statements)
def test_one_more_refusal_never_allows_more(claims, extra):
    refusal = {**extra, "status": "denied"}

    if granted(merge([*claims, refusal])):
        assert granted(merge(claims))


@given(many)
def test_pending_never_outranks_a_denial(claims):
    without = [c for c in claims if c["status"] != "pending"]

    if without and merge(without)["status"] != "granted":
        assert merge(claims)["status"] == merge(without)["status"]


@given(statements, statements)
def test_events_of_one_source_may_come_in_any_order(first, second):
    assert newest(newest(None, first), second) == newest(newest(None, second), first)


@given(many, st.lists(statements.map(lambda value: {**value, "status": "pending", "basis": "asked"}), max_size=3))
def test_a_request_that_nobody_confirmed_counts_only_where_nothing_else_is_said(claims, requests):
    others = [claim for claim in claims if not asked(claim)]

    if others:
        assert merge([*requests, *claims]) == merge(others)
    else:
        assert merge([*requests, *claims])["status"] == "pending"


def test_nothing_to_merge_is_a_bug():
    with pytest.raises(ValueError, match="no consent"):
        merge([])


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ([said("granted", "2024-02-01T00:00:00Z"), said("denied", "2024-01-01T00:00:00Z")], "granted"),
        ([said("granted", "2024-01-01T00:00:00Z"), said("denied", "2024-01-01T00:00:00Z")], "denied"),
        (
            [said("granted", "2024-02-01T00:00:00Z", "imported"), said("denied", "2024-01-01T00:00:00Z")],
            "denied",
        ),
        ([said("granted", "2024-02-01T00:00:00Z"), said("denied")], "denied"),
        ([said("granted"), said("denied", "2024-01-01T00:00:00Z")], "denied"),
        ([said("granted", "2024-02-01T00:00:00Z"), said("pending", "2024-03-01T00:00:00Z")], "pending"),
        ([said("granted", "2024-04-01T00:00:00Z"), said("pending", "2024-03-01T00:00:00Z")], "granted"),
        ([said("denied", "2024-02-01T00:00:00Z"), said("pending", "2024-03-01T00:00:00Z")], "denied"),
        ([said("granted", "2024-01-01T00:00:00Z", "listed"), said("granted", basis="imported")], "granted"),
        ([said("maybe", "2024-01-01T00:00:00Z"), said("granted", basis="imported")], "maybe"),
    ],
)
def test_the_stricter_wins_unless_the_person_opted_in_later(claims, status):
    assert merge(claims)["status"] == status


def test_a_late_event_that_is_older_than_what_we_hold_is_ignored():
    held = said("granted", "2024-05-01T00:00:00Z")

    assert newest(held, said("denied", "2024-04-01T00:00:00Z")) == held
    assert newest(held, said("denied", "2024-06-01T00:00:00Z"))["status"] == "denied"


MAIL = "consents/email|ann@example.org|news"
WHOLE = "consents/email|*|news"
EVERY = "consents/email|*|*"


def test_opt_outs_are_told_apart_from_what_was_denied_before():
    before = {MAIL: said("granted"), WHOLE: said("denied"), EVERY: said("denied")}
    after = {MAIL: said("denied"), WHOLE: said("pending"), "consents/sms|*|news": said("granted")}

    assert stricter(before, after) == [MAIL]
    assert stricter({}, after) == [MAIL]
