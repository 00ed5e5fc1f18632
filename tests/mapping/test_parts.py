"""A part of a record: what it settles, and how it lies over what is known."""

from __future__ import annotations

from typing import Any

import pytest

from hub.mapping.spec import load_mapping
from hub.model import Record

TABLE: dict[str, Any] = {
    "fields": {
        "given_name": "first",
        "company": [{"from": "company"}, {"from": "parent.name", "write": "never"}],
        "phones": {"from": "phone"},
        "addresses": {"from": {"street": "address", "locality": "city", "country": "country"}},
        "note": {"from": "note", "write": "never"},
    }
}
MAPPING = load_mapping(TABLE, where="a test", default_region="PT")


@pytest.mark.parametrize(
    ("part", "keys", "settled"),
    [
        ({"first": "Ana"}, ["given_name"], True),
        ({"first": None}, ["given_name"], True),
        ({}, ["given_name"], False),
        ({"company": "Acorn"}, ["company"], True),
        ({"company": ""}, ["company"], False),
        ({"company": "", "parent": {"name": "Acorn"}}, ["company"], True),
        ({"address": "1 Road", "city": "Porto"}, ["addresses/main"], False),
        ({"address": "1 Road", "city": "Porto", "country": "PT"}, ["addresses/main"], True),
        ({"first": "Ana"}, ["note"], True),
    ],
)
def test_a_part_settles_a_field_when_the_rest_could_not_change_it(part: Any, keys: list[str], settled: bool) -> None:
    assert MAPPING.covered(part, keys) is settled


def test_what_is_read_with_the_help_of_another_field_has_it_from_what_is_known() -> None:
    spanish = Record(
        "1", {"first": "Ana", "phone": "912 345 678", "address": "1 Road", "city": "Vigo", "country": "ES"}
    )
    held = MAPPING.inward(spanish).fields

    part = Record("1", MAPPING.beneath(held, {"phone": "912 345 679"}))

    found = MAPPING.inward(part).fields
    assert [key for key in found if key.startswith("phones/")] == ["phones/+34912345679"]
    assert found["given_name"] == "Ana"


def test_objects_are_laid_over_each_other_and_lists_are_not() -> None:
    table = {"fields": {"given_name": "name.first", "family_name": "name.last", "emails": "mails[].value"}}
    mapping = load_mapping(table, where="a test", default_region="PT")
    held = mapping.inward(Record("1", {"name": {"first": "Ana", "last": "Sá"}, "mails": [{"value": "a@example.org"}]}))

    found = mapping.beneath(held.fields, {"name": {"first": "Eva"}, "mails": []})

    assert (found["name"], found["mails"]) == ({"first": "Eva", "last": "Sá"}, [])
