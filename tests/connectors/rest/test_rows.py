"""Rows of a record that are entities of their own: the fewest calls that leave what is wanted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.rest.rows import is_same, steps
from hub.errors import ConfigError
from hub.mapping.phones import phone_country, phone_national
from tests.connectors.rest.acorn import spec

VALUES = st.sampled_from(["a", "b", "c", "", None])
WANTED = st.lists(st.fixed_dictionaries({"mail": VALUES, "note": VALUES}), max_size=5)
KIND: dict[str, Any] = {
    "field": "mails",
    "at": "mails",
    "into": "mails",
    "make": {"call": "POST /contacts/{id}/mails", "body": "{row}"},
    "change": {"call": "PATCH /mails/{there.id}", "body": "{row}"},
    "drop": {"call": "DELETE /mails/{there.id}"},
}


def shown(rows: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter((row["mail"] or "", row["note"] or "") for row in rows)


@given(there=WANTED, wanted=WANTED)
def test_the_calls_leave_what_is_wanted_and_are_the_fewest(
    there: list[dict[str, Any]], wanted: list[dict[str, Any]]
) -> None:
    held = [{"id": number, **row} for number, row in enumerate(there)]
    found = steps(held, wanted)

    gone = [row["id"] for row in found.drop]
    after = {row["id"]: row for row in held if row["id"] not in gone}
    after |= {row["id"]: {**row, **new} for row, new in found.change}
    left = [*after.values(), *found.make]

    assert shown(left) == shown(wanted)
    assert not (found.drop and found.make)
    same = (shown(held) & shown(wanted)).total()
    assert len(found.change) + len(found.drop) + len(found.make) == max(len(there), len(wanted)) - same


@given(there=WANTED)
def test_what_is_there_already_needs_no_call(there: list[dict[str, Any]]) -> None:
    found = steps([{"id": number, **row} for number, row in enumerate(there)], list(reversed(there)))

    assert found.change == found.drop == found.make == ()


@pytest.mark.parametrize(
    ("theirs", "ours", "same"), [("Rua  Um ", "Rua Um", True), ("", None, True), ("a", "A", False)]
)
def test_spaces_and_nothing_make_no_difference_and_letters_do(theirs: str, ours: str | None, same: bool) -> None:
    assert is_same({"id": 1, "street": theirs}, {"street": ours}) is same


@pytest.mark.parametrize(
    ("number", "country", "national"),
    [
        ("+351912345678", "PT", "912345678"),
        ("+390612345678", "IT", "0612345678"),  # the zero belongs to it
        ("+15551234567", "US", "5551234567"),  # of no known place: the country that the code is first of
        ("+80012345678", None, "12345678"),
        ("912345678", None, None),
        ("", None, None),
    ],
)
def test_a_number_is_taken_apart_into_country_and_the_rest(
    number: str, country: str | None, national: str | None
) -> None:
    assert (phone_country(number), phone_national(number)) == (country, national)


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ([{**KIND, "of": "addresses"}], "names no kind"),
        ([], "at least 1 item"),
        ([KIND], "record.with_version"),
    ],
)
def test_rows_that_cannot_be_compared_are_a_mistake_in_the_file(kinds: list[Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        spec(children={"kinds": kinds})
