"""A Tryton party as a record and a write as commands: pure, on a payload recorded from a real server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.tryton_party import (
    Places,
    children,
    is_hub_key,
    read_change,
    read_party,
    tax_type,
    values,
    version_of,
)
from hub.connectors.tryton_rpc import read_time, write_time
from hub.errors import RecordError
from hub.model import Record, Tombstone

DAY = {"__class__": "datetime", "year": 2026, "month": 11, "day": 21}
WRITTEN = {**DAY, "hour": 21, "minute": 35, "second": 54, "microsecond": 196607}
LATER = {**WRITTEN, "minute": 41}
STAMPS = {"_timestamp": "1795296954.19661", "last_modified_at": WRITTEN}
PARTY: dict[str, Any] = {
    "id": 1,
    "name": "Ana Silva",
    "code": "17",
    "active": 1,
    "replaced_by": None,
    **STAMPS,
    "lang.": {"code": "pt", "id": 19},
    "categories.": [{"name": "VIP", "id": 2}, {"name": "Retail", "id": 1}],
    "tax_identifier.": {"code": "PT501964843", "id": 2},
    "identifiers.": [
        {"type": None, "code": "hub:abc", "id": 1, **STAMPS},
        {"type": "eu_vat", "code": "PT501964843", "id": 2, **STAMPS, "last_modified_at": LATER},
        {"type": None, "code": "card 4", "id": 3, **STAMPS},
    ],
    "contact_mechanisms.": [
        {"type": "email", "value": "ana@example.org", "name": "work", "id": 1, **STAMPS},
        {"type": "mobile", "value": "+351 912 345 678", "name": None, "id": 2, **STAMPS},
        {"type": "skype", "value": "ana.silva", "name": None, "id": 3, **STAMPS},
    ],
    "addresses.": [
        {
            "street": "Rua A 1\n2 Esq",
            "postal_code": "4000-001",
            "city": "Porto",
            "country.": {"code": "PT", "id": 5},
            "subdivision.": {"name": "Porto", "id": 7},
            "id": 1,
            **STAMPS,
        },
    ],
}
PLACES = Places({"PT": 5, "ES": 6}, {(5, "porto"): 7, (5, "lisboa"): 8}, {"pt": 19, "es": 20, "es_419": 21})
TYPES = ("eu_vat", "br_vat", "br_cpf", "pt_vat", "ch_vat")


def with_(**changed: Any) -> dict[str, Any]:
    return {**PARTY, **changed}


# --- reading ----------------------------------------------------------------------------------------


def test_a_party_becomes_a_record() -> None:
    assert read_party(PARTY) == Record(
        id="1",
        fields={
            "name": "Ana Silva",
            "code": "17",
            "lang": "pt",
            "active": True,
            "emails": [{"value": "ana@example.org", "label": "work"}],
            "phones": [{"value": "+351 912 345 678", "label": "mobile"}],
            "website": None,
            "addresses": [
                {
                    "street": "Rua A 1\n2 Esq",
                    "postal_code": "4000-001",
                    "city": "Porto",
                    "country": "PT",
                    "subdivision": "Porto",
                }
            ],
            "identifiers": [{"type": None, "code": "card 4"}],
            "tax_id": "PT501964843",
            "categories": ["Retail", "VIP"],
        },
        version=version_of(PARTY),
        changed_at=datetime(2026, 11, 21, 21, 41, 54, 196607, tzinfo=UTC),
        key="hub:abc",
    )


def test_a_language_is_written_as_others_write_it() -> None:
    assert read_party(with_(**{"lang.": {"code": "es_419", "id": 21}})).fields["lang"] == "es-419"


def test_a_party_that_was_put_away_is_archived() -> None:
    assert read_party(with_(active=0)).archived


def test_a_replaced_party_is_gone_into_another() -> None:
    assert read_change(with_(active=0, replaced_by=9)) == Tombstone("1", read_time(WRITTEN), merged_into="9")


def test_a_persons_tax_number_counts_where_tryton_has_none() -> None:
    cpf = {**PARTY["identifiers."][1], "type": "br_cpf", "code": "111.444.777-35"}

    record = read_party(with_(**{"tax_identifier.": None, "identifiers.": [cpf]}))

    assert record.fields["tax_id"] == "111.444.777-35"
    assert record.fields["identifiers"] == []


@pytest.mark.parametrize("child", ["identifiers.", "contact_mechanisms.", "addresses."])
def test_the_version_changes_when_a_child_goes_or_changes(child: str) -> None:
    first, *rest = PARTY[child]
    changed = {**first, "_timestamp": "1795299999.5"}

    versions = {
        version_of(PARTY),
        version_of(with_(**{child: rest})),
        version_of(with_(**{child: [changed, *rest]})),
    }

    assert len(versions) == 3


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))
def test_times_come_back_from_json_to_the_microsecond(at: datetime) -> None:
    assert read_time(write_time(at)) == at


# --- writing ----------------------------------------------------------------------------------------


def test_writing_what_is_there_writes_nothing() -> None:
    fields = read_party(PARTY).fields
    same = {name: value for name, value in fields.items() if name != "categories"}

    assert values(same, PARTY, PLACES, TYPES) == {}


def test_only_the_child_that_differs_is_written_and_keeps_its_id() -> None:
    emails = [{"value": "ana@example.org", "label": "home"}]

    assert values({"emails": emails}, PARTY, PLACES, TYPES) == {
        "contact_mechanisms": [["write", [1], {"value": "ana@example.org", "name": "home"}]]
    }


def test_an_empty_list_removes_the_mapped_children_and_no_others() -> None:
    assert values({"emails": [], "phones": None}, PARTY, PLACES, TYPES) == {
        "contact_mechanisms": [["delete", [1]], ["delete", [2]]]
    }


def test_the_key_of_the_hub_outlives_an_update_of_the_identifiers() -> None:
    commands = values({"identifiers": [], "tax_id": None}, PARTY, PLACES, TYPES)["identifiers"]

    keys = [each["id"] for each in PARTY["identifiers."] if is_hub_key(each)]
    assert commands == [["delete", [3]], ["delete", [2]]]
    assert all(key not in ids for key in keys for _, ids in commands)


def test_a_region_that_tryton_does_not_know_stays_empty() -> None:
    address = {"street": "Rua B", "country": "PT", "subdivision": "Atlantis"}

    [command] = values({"addresses": [address]}, None, PLACES, TYPES)["addresses"]

    assert command == ["create", [{"street": "Rua B", "country": 5, "subdivision": None}]]


def test_a_language_falls_back_to_its_parent_and_an_unknown_one_is_not_written() -> None:
    assert values({"lang": "pt-BR"}, with_(**{"lang.": None}), PLACES, TYPES) == {"lang": 19}
    assert values({"lang": "es-419"}, PARTY, PLACES, TYPES) == {"lang": 21}
    assert values({"lang": "ja"}, PARTY, PLACES, TYPES) == {}
    assert values({"lang": None}, PARTY, PLACES, TYPES) == {"lang": None}


@pytest.mark.parametrize(
    ("code", "country", "expected"),
    [
        ("PT501964843", None, "eu_vat"),
        ("EL094259216", "PT", "eu_vat"),
        ("CHE107787577", None, "ch_vat"),
        ("11222333000181", "BR", "br_vat"),
        ("11144477735", "BR", "br_cpf"),
        ("501964843", "PT", "pt_vat"),
        ("501964843", "FR", None),
        ("501964843", None, None),
    ],
)
def test_the_type_of_a_tax_number_comes_from_its_prefix_or_the_country(
    code: str, country: str | None, expected: str | None
) -> None:
    assert tax_type(code, country, TYPES) == expected


def test_a_tax_number_of_no_known_country_is_refused() -> None:
    with pytest.raises(RecordError, match="country of a tax number"):
        values({"tax_id": "501964843"}, None, PLACES, TYPES)


def test_a_field_that_tryton_does_not_have_is_refused() -> None:
    with pytest.raises(RecordError, match="no field 'categories'"):
        values({"categories": ["VIP"]}, PARTY, PLACES, TYPES)


items = st.lists(
    st.fixed_dictionaries({"value": st.sampled_from("abcdef"), "label": st.sampled_from([None, "work", "home"])}),
    max_size=5,
)


def plain(child: dict[str, Any]) -> tuple[str, str]:
    return child["value"], child["label"] or ""


def carried_out(current: list[tuple[int, dict[str, Any]]], commands: list[list[Any]]) -> dict[int, dict[str, Any]]:
    """What Tryton holds after the commands; new ids are above 100."""
    found = dict(current)
    for name, *arguments in commands:
        if name == "create":
            found.update({100 + number: each for number, each in enumerate(arguments[0])})
        elif name == "delete":
            for number in arguments[0]:
                del found[number]
        else:
            for number in arguments[0]:
                found[number] = {**found[number], **arguments[1]}
    return found


@given(there=items, wanted=items)
def test_the_commands_make_the_children_wanted_and_keep_as_many_as_they_can(
    there: list[dict[str, Any]], wanted: list[dict[str, Any]]
) -> None:
    current = list(enumerate(there, start=1))

    after = carried_out(current, children(current, wanted, "value", dict))

    assert sorted(map(plain, after.values())) == sorted(map(plain, wanted))
    assert len(after.keys() & dict(current).keys()) == min(len(there), len(wanted))


@given(there=items, wanted=items)
def test_the_commands_for_what_is_there_already_are_none(
    there: list[dict[str, Any]], wanted: list[dict[str, Any]]
) -> None:
    current = list(enumerate(there, start=1))
    after = carried_out(current, children(current, wanted, "value", dict))

    assert children(list(after.items()), wanted, "value", dict) == []


@given(there=items, wanted=items)
def test_a_child_whose_value_stays_keeps_its_id(there: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    current = list({each["value"]: (number, each) for number, each in enumerate(there, start=1)}.values())
    wanted = list({each["value"]: each for each in wanted}.values())

    after = carried_out(current, children(current, wanted, "value", dict))

    ids = {each["value"]: number for number, each in after.items()}
    assert all(ids[each["value"]] == number for number, each in current if each["value"] in ids)
