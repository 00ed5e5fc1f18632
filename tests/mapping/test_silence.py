"""A column that is not in the record says nothing; an empty one says empty."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.mapping.spec import flat_mapping
from hub.model import SINGLE, Record, base_field
from tests.mapping.samples import ANN, ERP, LEGACY, PARTY, fields, mapping

FLAT = flat_mapping("PT", ["custom.segment"])


def silent(table: Any, source: dict[str, Any]) -> set[str]:
    return set(table.inward(Record("1", source)).silent)


def without(source: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in source.items() if name not in names}


def test_a_record_with_every_column_is_silent_of_nothing() -> None:
    assert silent(mapping(LEGACY), ANN) == set()
    assert silent(mapping(LEGACY), dict.fromkeys(ANN)) == set()
    assert silent(mapping(LEGACY), dict.fromkeys(ANN, "")) == set()
    assert silent(mapping(ERP), PARTY) == set()


def test_a_field_is_silent_when_none_of_its_columns_is_there() -> None:
    table = mapping(LEGACY)

    assert silent(table, without(ANN, "TEL1")) == set()
    assert silent(table, without(ANN, "TEL1", "TEL2", "NIF")) == {"phones", "tax_id"}
    assert silent(table, without(ANN, "DIRECCION", "POBLACION", "CP")) == set()
    assert silent(table, without(ANN, "DIRECCION", "POBLACION", "CP", "PAIS")) == {"addresses"}


def test_columns_that_are_read_together_speak_for_one_another() -> None:
    table = fields(full_name={"from": ["A", "B"], "join": " "})

    assert silent(table, {"B": ""}) == set()
    assert silent(table, {"C": ""}) == {"full_name"}
    assert table.unmapped(Record("1", {"A": "", "B": ""})) == []


@pytest.mark.parametrize(
    ("path", "source", "there"),
    [
        ("a.b", {"a": {"b": None}}, True),
        ("a.b", {"a": None}, True),
        ("a.b", {"a": []}, True),
        ("a.b", {"a": {}}, False),
        ("a.b", {"a": "x"}, False),
        ("a.b", {}, False),
        ("a[].b", {"a": []}, True),
        ("a[].b", {"a": None}, True),
        ("a[].b", {"a": [{"c": 1}, {"b": None}]}, True),
        ("a[].b", {"a": [{"c": 1}]}, False),
        ("a.c[].b", {"a": {}}, False),
        ("a.c[].b", {"a": {"c": []}}, True),
        ("a[]", {"a": []}, True),
        ("a[]", {"b": []}, False),
        ("a[k=v].b", {"a": [{"k": "w", "b": "x"}]}, True),
        ("a[k=v].b", {"a": [{"k": "v"}]}, False),
        ("a[0].b", {"a": []}, True),
        ("a[0].b", {"a": [{"c": 1}]}, False),
        ("a[0].b", {"a": {"b": 1}}, False),
        ("['a.b']", {"a.b": None}, True),
        ("['a.b']", {"a": {"b": 1}}, False),
    ],
)
def test_a_path_is_there_when_what_holds_it_is_there(path: str, source: dict[str, Any], there: bool) -> None:
    table = mapping({"fields": {"tags" if "[]" in path else "note": path}})

    assert (silent(table, source) == set()) is there
    assert (table.absent(Record("1", source)) == []) is there


def test_a_flat_record_is_silent_of_the_fields_it_has_no_column_for() -> None:
    found = silent(FLAT, {"id": "1", "email": "", "vat_number": "", "city": "Porto"})

    every = SINGLE | {"emails", "phones", "addresses", "tags", "kind", "custom.segment"}
    assert found == every - {"emails", "tax_id", "addresses"}


# --- consents ---------------------------------------------------------------------------------------


def consent(column: str, channel: str, **more: Any) -> dict[str, Any]:
    return {"from": column, "values": {"S": "granted"}, "channel": channel, "purpose": "news", **more}


OPTIONS = mapping(
    {"fields": {"emails": "E"}, "consents": [consent("BY_MAIL", "email", at="AT"), consent("BY_POST", "post")]}
)
EVERY = dict.fromkeys(["E", "BY_MAIL", "BY_POST", "AT"], "")


@pytest.mark.parametrize(
    ("lost", "found"),
    [
        (["AT"], set()),
        (["BY_POST"], {"consents/post|*|news"}),
        (["BY_MAIL"], {"consents"}),
        (["BY_MAIL", "BY_POST"], {"consents", "consents/post|*|news"}),
        (["E"], {"emails", "consents"}),
    ],
)
def test_a_lost_consent_column_withdraws_nothing(lost: list[str], found: set[str]) -> None:
    assert silent(OPTIONS, without(EVERY, *lost)) == found


def test_when_every_consent_column_is_lost_all_consents_are_silent() -> None:
    table = mapping({"consents": [consent("A", "email", whole_person=True), consent("B", "post")]})

    assert silent(table, {"A": ""}) == {"consents/post|*|news"}
    assert "consents" in silent(table, {})


# --- what the mapping names -------------------------------------------------------------------------


def test_columns_that_the_mapping_names_and_the_record_lacks_are_listed() -> None:
    assert mapping(LEGACY).absent(Record("1", ANN)) == []
    assert mapping(LEGACY).absent(Record("1", without(ANN, "TEL2", "FBOLETIN", "CP"))) == ["CP", "TEL2", "FBOLETIN"]
    assert mapping(ERP).absent(Record("1", without(PARTY, "settings"))) == ["settings.lang", "settings.zone"]


def test_of_a_flat_table_only_its_own_rows_are_expected() -> None:
    table = mapping({"flat": True, "fields": {"given_name": "vorname", "custom.club": "['custom.club']"}})

    assert table.absent(Record("1", {})) == ["vorname"]
    assert FLAT.absent(Record("1", {})) == []


# --- for any record ---------------------------------------------------------------------------------

TABLES = {"legacy": (mapping(LEGACY), ANN), "erp": (mapping(ERP), PARTY), "consents": (OPTIONS, EVERY)}


@settings(max_examples=200)
@given(st.sampled_from(sorted(TABLES)), st.data())
def test_a_record_never_speaks_and_is_silent_of_one_field(name: str, data: st.DataObject) -> None:
    table, source = TABLES[name]
    kept = {key: source[key] for key in data.draw(st.lists(st.sampled_from(sorted(source)), unique=True))}

    found = table.inward(Record("1", kept))

    bound = {"consents"} if found.silent & {"emails"} else set()
    assert {base_field(key) for key in found.fields} & found.silent <= {"kind"} | bound


@settings(max_examples=200)
@given(st.sampled_from(sorted(TABLES)), st.data())
def test_losing_columns_only_adds_silence(name: str, data: st.DataObject) -> None:
    table, source = TABLES[name]
    lost = data.draw(st.lists(st.sampled_from(sorted(source)), unique=True))
    more = data.draw(st.lists(st.sampled_from(sorted(source)), unique=True))

    assert silent(table, without(source, *lost)) <= silent(table, without(source, *lost, *more))
