"""A phone number without a country code is one of the country that the record's address is in."""

from __future__ import annotations

import gc
import weakref
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.mapping.apply import ContactMapping
from hub.mapping.phones import phone_key
from hub.mapping.text import Unmappable
from tests.mapping.samples import inward, mapping, reasons

ADDRESS = {"from": {"street": "S", "country": "C"}}
SPAIN, PORTUGAL = "phones/+34612345678", "phones/+351612345678"


def table(region: str | None = "PT", phones: Any = "T", addresses: Any = ADDRESS) -> ContactMapping:
    return mapping({"fields": {"phones": phones, "addresses": addresses}}, region)


def phones(compiled: ContactMapping, source: dict[str, Any]) -> list[str]:
    return [key for key in inward(compiled, source) if key.startswith("phones/")]


# --- inward -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("country", "key"),
    [("España", SPAIN), ("ES", SPAIN), ("", PORTUGAL), (None, PORTUGAL), ("Atlantis", PORTUGAL), ("AQ", PORTUGAL)],
)
def test_a_national_number_is_read_in_the_country_of_the_address(country: str | None, key: str) -> None:
    assert phones(table(), {"T": "612 345 678", "C": country}) == [key]


def test_a_number_that_is_impossible_in_that_country_is_read_in_the_default_region() -> None:
    assert phones(table(), {"T": "912345678", "C": "Luxembourg", "S": "x"}) == ["phones/+352912345678"]
    assert phones(table(), {"T": "912345678", "C": "Iceland"}) == ["phones/+354912345678"]
    assert phones(table(), {"T": "912345678", "C": "Norway"}) == ["phones/+351912345678"]


def test_the_region_of_the_row_goes_before_the_country_of_the_address() -> None:
    for row in ({"from": "T", "region": "FR"}, {"from": "T", "with": [{"phone": "FR"}]}):
        assert phones(table(phones=row), {"T": "0612345678", "C": "ES"}) == ["phones/+33612345678"]


def test_without_a_default_region_the_country_of_the_address_is_enough() -> None:
    assert phones(table(None), {"T": "612345678", "C": "ES"}) == [SPAIN]
    assert reasons(table(None), {"T": "612345678", "S": "C/ Mayor 1"}) == [("phones", "612345678")]
    assert reasons(table(None), {"T": "612", "C": "ES"}) == [("phones", "612")]


def test_the_region_of_an_address_row_is_the_country_of_its_addresses() -> None:
    assert phones(table(addresses={"from": {"street": "S"}, "region": "ES"}), {"T": "612345678", "S": "x"}) == [SPAIN]


def test_of_several_addresses_the_first_counts() -> None:
    listed = table(addresses={"from": {"country": "a[].c"}})

    assert phones(listed, {"T": "612345678", "a": [{"c": "ES"}, {"c": "FR"}]}) == [SPAIN]
    assert phones(listed, {"T": "612345678", "a": [{"c": None}, {"c": "ES"}]}) == [SPAIN]


# --- outward ----------------------------------------------------------------------------------------

IN_SPAIN = {"addresses/1": {"street": "x", "country": "ES"}}


def test_a_national_spelling_that_only_the_address_explains_is_written_in_e164() -> None:
    desired = {**IN_SPAIN, SPAIN: {"raw": "612 345 678"}}

    assert table().payload(desired, {SPAIN})["T"] == "+34612345678"
    assert table("ES").payload(desired, {SPAIN})["T"] == "612 345 678"


def test_a_national_spelling_that_the_address_would_turn_into_another_number_is_written_in_e164() -> None:
    desired = {**IN_SPAIN, PORTUGAL: {"raw": "612 345 678"}}

    assert table().payload(desired, {PORTUGAL}) == {"T": "+351612345678"}
    assert table().payload({PORTUGAL: {"raw": "612 345 678"}}, {PORTUGAL}) == {"T": "612 345 678"}


@pytest.mark.parametrize("form", ["national", "digits"])
def test_a_declared_national_form_is_for_numbers_that_are_read_back_from_it(form: str) -> None:
    row = {"from": "T", "format": form}

    assert table(phones=row).payload({SPAIN: {}}, {SPAIN}) == {"T": "+34612345678"}
    assert table(phones=row).payload({**IN_SPAIN, PORTUGAL: {}}, {PORTUGAL}) == {"T": "+351612345678"}
    assert table(None, phones=row).payload({PORTUGAL: {}}, {PORTUGAL}) == {"T": "+351612345678"}
    assert table(phones=row).payload({PORTUGAL: {}}, {PORTUGAL})["T"].replace(" ", "") == "612345678"


def test_an_address_that_moves_to_another_country_takes_the_numbers_beside_it_along() -> None:
    held = inward(table(), {"T": "612 345 678", "C": "ES", "S": "x"})
    desired = {SPAIN: held[SPAIN], "addresses/2": {"street": "y", "country": "FR"}}

    assert table().payload(desired, {"addresses/2"}) == {"T": "+34612345678", "S": "y", "C": "FR"}
    assert table().payload({SPAIN: held[SPAIN]}, {"addresses/1"})["T"] == "+34612345678"


def test_an_address_that_changes_within_its_country_leaves_the_numbers_alone() -> None:
    desired = {SPAIN: {"raw": "612 345 678"}, "addresses/2": {"street": "y", "country": "ES"}}

    assert table().payload(desired, {"addresses/2"}) == {"S": "y", "C": "ES"}


def test_a_number_of_the_fallback_country_is_written_anew_beside_an_address_at_home() -> None:
    falls_back = table(phones=[{"from": "T", "region": "FR"}, "U"], addresses={**ADDRESS, "region": "ES"})
    held = inward(falls_back, {"U": "612 345 678", "S": "x", "C": ""})
    desired = {SPAIN: held[SPAIN], "addresses/2": {"country": "PT"}}

    payload = falls_back.payload(desired, {"addresses/2"})

    assert SPAIN in inward(falls_back, payload)


def test_a_number_that_its_narrow_column_holds_stays_there() -> None:
    narrow = table(phones={"from": "T", "max_length": 9})
    held = inward(narrow, {"T": "612345678", "C": "ES", "S": "x"})
    golden = {**held, SPAIN: {"label": "mobile"}}

    wanted = narrow.project(golden, held, creating=False)

    assert wanted[SPAIN] == {"raw": "612345678", "label": "mobile"}
    assert narrow.payload(wanted, {SPAIN}) == {"T": "612345678"}
    assert SPAIN not in narrow.project(golden, {}, creating=False)


# --- for any record ---------------------------------------------------------------------------------

LIST = {"from": "phones[].nr", "label_from": "phones[].kind"}
PLACES = {"from": {"street": "places[].s", "country": "places[].c"}}
TABLES = {
    "default": table(),
    "no default": table(None),
    "lists": table("ES", LIST, PLACES),
    "lists, no default": table(None, LIST, PLACES),
    "forms": table("PT", [{"from": "T", "format": "national"}, {"from": "U", "format": "digits"}]),
    "own region": table("PT", [{"from": "T", "region": "FR"}, "U"], {**ADDRESS, "region": "ES"}),
    "country names": table("DE", ["T", "U"], {**ADDRESS, "country_as": "pt"}),
}
NUMBERS = ["612 345 678", "912345678", "06 12 34 56 78", "0171 1234567", "+351 912 345 678", "0034 612345678"]
NUMBERS += ["(212) 555-0100", "22 123 45 67", "1234567", "12", "ask Bob", "", "0612345678"]
COUNTRIES = ["", "ES", "Portugal", "France", "DE", "Poland", "US", "Italy", "Norway", "Atlantis", "Kosovo"]
number, country = st.sampled_from(NUMBERS), st.sampled_from(COUNTRIES)
kind = st.sampled_from(["", "mobile", "work"])
source = st.fixed_dictionaries(
    {},
    optional={
        "T": number,
        "U": number,
        "S": st.sampled_from(["", "Rua A 1"]),
        "C": country,
        "phones": st.lists(st.fixed_dictionaries({"nr": number, "kind": kind}), max_size=3),
        "places": st.lists(st.fixed_dictionaries({"s": st.sampled_from("abc"), "c": country}), max_size=3),
    },
)
some_table = st.sampled_from(sorted(TABLES))


def numbers_of(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if k.startswith("phones/") and not v.get("invalid")}


@settings(max_examples=400)
@given(some_table, some_table, source)
def test_a_number_that_is_written_is_read_back_as_the_same(name: str, other: str, drawn: dict[str, Any]) -> None:
    compiled = TABLES[name]
    wanted = compiled.project(inward(TABLES[other], drawn), {}, creating=True)

    again = inward(compiled, compiled.payload(wanted, wanted))

    assert numbers_of(again).keys() == numbers_of(wanted).keys()


@settings(max_examples=400)
@given(some_table, some_table, source)
def test_a_number_is_stored_alone_as_it_is_beside_addresses(name: str, other: str, drawn: dict[str, Any]) -> None:
    compiled = TABLES[name]
    wanted = compiled.project(inward(TABLES[other], drawn), {}, creating=True)

    stored = compiled.stored(wanted)

    assert {key for one in wanted for key in compiled.stored({one: wanted[one]})} == stored.keys()
    assert compiled.stored(stored) == stored


@settings(max_examples=400)
@given(some_table, source, some_table, source)
def test_numbers_survive_any_change_of_the_addresses(
    name: str, drawn: dict[str, Any], other: str, drawn_too: dict[str, Any]
) -> None:
    compiled = TABLES[name]
    held = inward(compiled, drawn)
    numbers = numbers_of(held)
    places = {k: v for k, v in inward(TABLES[other], drawn_too).items() if k.startswith("addresses/")}
    desired = compiled.project({**numbers, **places}, held, creating=False)
    changed = {key for key in held.keys() ^ desired.keys() if key.startswith("addresses/")}

    after = {**drawn, **compiled.payload(desired, changed)} if changed else drawn

    assert numbers_of(inward(compiled, after)).keys() >= numbers.keys() & desired.keys()


@pytest.mark.parametrize("text", ["+999 12345678", "+0", "no number", "+351 1 ext. 5", "00999 12345678"])
def test_a_number_that_is_none_keeps_nothing_of_its_callers_alive(text):
    class Page:
        pass

    def read() -> weakref.ref[Page]:
        page = Page()
        with suppress(Unmappable):
            phone_key.__wrapped__(text, None)
        return weakref.ref(page)

    gc.disable()
    try:
        assert read()() is None
    finally:
        gc.enable()
