"""Rules that hold for any record and any contact."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import HubError
from hub.mapping.apply import ContactMapping
from hub.mapping.spec import flat_mapping
from hub.model import MANY, SINGLE, Record, base_field
from tests.mapping.samples import ANN, ERP, LEGACY, PARTY, mapping

TABLES: dict[str, ContactMapping] = {
    "legacy": mapping(LEGACY),
    "erp": mapping(ERP),
    "flat": flat_mapping("PT", ["custom.segment"]),
    "names": mapping(
        {
            "fields": {
                "given_name": {"from": "name", "with": ["name", {"split_name": "given"}], "case": "upper"},
                "family_name": {"from": "name", "with": ["name", {"split_name": "family"}], "case": "upper"},
                "phones": {"from": "T", "format": "digits", "max_length": 9},
                "emails": [{"from": "E", "max_length": 20}, {"from": "more", "split": ";"}],
                "addresses": {"from": {"street": "S", "locality": "L"}, "max_length": 8, "case": "upper"},
            }
        }
    ),
}

WORDS = [
    "Ann",
    "LEE",
    "de la Cruz",
    "O'Neil-Ødegård",
    "李",
    "Jose\u0301",
    "a,b",
    "Łódź",
    "ß",
    "x" * 50,
    "",
    " ",
]
VALUES = ["ann@example.org", "B@Example.ORG", "n/a", "912 345 678", "+351 912345678", "ask Bob", "1.2E+10"]
VALUES += [
    "03/02/1980",
    "1980-02-03",
    "31/02/2020",
    "P",
    "C",
    "S",
    "N",
    "1",
    "2",
    "España",
    "Atlantis",
    "28001",
]
scalar = st.one_of(
    st.sampled_from(WORDS + VALUES),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
)
json_value = st.recursive(
    scalar,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "label", "type", "code", "street", "city", "lang"]), inner)
    ),
    max_leaves=8,
)
COLUMNS = sorted({*ANN, *PARTY, "E", "T", "S", "L", "more", *SINGLE, "email", "phones", "street", "city", "a\0b"})
any_source = st.dictionaries(st.sampled_from(COLUMNS), json_value, max_size=12)
plain_source = st.dictionaries(st.sampled_from(COLUMNS[1:]), st.sampled_from(WORDS + VALUES), max_size=12)
any_table = st.sampled_from(sorted(TABLES))


def read(name: str, source: dict[str, Any]) -> dict[str, Any]:
    try:
        return TABLES[name].inward(Record("1", source)).fields
    except HubError:
        return {}


@settings(max_examples=300)
@given(any_table, any_source)
def test_any_record_is_mapped_or_set_aside(name: str, source: dict[str, Any]) -> None:
    try:
        found = TABLES[name].inward(Record("1", source))
    except HubError:
        return

    assert all(base_field(key) in SINGLE | MANY | {"kind", "custom.segment"} for key in found.fields)
    assert all(problem.field and problem.reason for problem in found.problems)


@settings(max_examples=300)
@given(any_table, any_table, plain_source)
def test_what_a_system_stores_of_its_own_form_is_that_form(name: str, other: str, source: dict[str, Any]) -> None:
    table = TABLES[name]
    golden = read(other, source)
    wanted = table.project(golden, {}, creating=True)

    stored = table.stored(wanted)

    assert table.stored(stored) == stored


@settings(max_examples=300)
@given(any_table, plain_source)
def test_a_record_that_was_read_is_written_and_read_again_as_the_same(name: str, source: dict[str, Any]) -> None:
    table = TABLES[name]
    once = table.stored(read(name, source))

    sent = table.payload(once, once)
    again = table.inward(Record("1", sent)).fields

    assert {key: value for key, value in again.items() if key in once} == once


@settings(max_examples=200)
@given(any_table, any_table, plain_source, plain_source)
def test_once_the_system_holds_what_it_should_nothing_is_left_to_write(
    name: str, other: str, source: dict[str, Any], before: dict[str, Any]
) -> None:
    table = TABLES[name]
    golden, held = read(other, source), read(name, before)
    after = table.stored(table.project(golden, held, creating=False))

    assert table.stored(table.project(golden, after, creating=False)) == after


@settings(max_examples=200)
@given(any_table, any_table, plain_source)
def test_values_are_stored_alone_under_the_keys_they_have_together(
    name: str, other: str, source: dict[str, Any]
) -> None:
    table = TABLES[name]
    wanted = table.project(read(other, source), {}, creating=True)

    alone = {found for key, value in wanted.items() for found in table.stored({key: value})}

    assert alone == table.stored(wanted).keys()


@settings(max_examples=200)
@given(any_table, any_table, plain_source, st.booleans())
def test_a_projection_holds_only_what_the_mapping_covers(
    name: str, other: str, source: dict[str, Any], creating: bool
) -> None:
    table = TABLES[name]

    wanted = table.project(read(other, source), {}, creating=creating)

    assert all(table.covers(key) and base_field(key) in table.scope() for key in wanted)


@settings(max_examples=100)
@given(any_table, any_source)
def test_mapping_does_not_change_what_it_is_given(name: str, source: dict[str, Any]) -> None:
    before = repr(source)
    read(name, source)

    assert repr(source) == before


def test_mapping_does_no_input_or_output() -> None:
    seen: list[str] = []
    watching = [True]
    sys.addaudithook(lambda event, _: seen.append(event) if watching else None)
    numbers = ["+49 30 123456", "+55 11 91234-5678", "+1 212 555 0100", "+390612345678", "912345678", "junk"]
    try:
        for name, table in TABLES.items():
            for source in (ANN, PARTY, {"T": "611111111"}, *({"TEL1": n, "phones": n} for n in numbers)):
                found = read(name, dict(source))
                wanted = table.project(found, {}, creating=True)
                table.payload(wanted, wanted)
                table.stored(wanted)
    finally:
        watching.clear()

    doubtful = (
        "open",
        "import",
        "socket",
        "subprocess",
        "os.",
        "sqlite3",
        "urllib",
        "ctypes",
        "exec",
        "compile",
    )
    assert [event for event in seen if event.startswith(doubtful)] == []


@pytest.mark.parametrize("name", sorted(TABLES))
def test_threads_may_share_a_mapping(name: str) -> None:
    sources = [{**ANN, **PARTY, "T": f"9123456{n:02}"} for n in range(50)]
    alone = [read(name, source) for source in sources]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda source: read(name, source), sources)) == alone
