"""From a source record to canonical fields."""

from __future__ import annotations

import pytest

from hub.mapping.spec import load_mapping
from hub.model import Record
from tests.mapping.samples import ANN, ERP, LEGACY, PARTY, fields, inward, mapping, reasons


def test_a_legacy_row_becomes_a_canonical_contact() -> None:
    found = mapping(LEGACY).inward(Record("1", ANN))

    assert found.problems == ()
    assert found.fields == {
        "kind": "person",
        "given_name": "Ann",
        "family_name": "Lee",
        "emails/ann.lee@example.org": {"raw": "Ann.Lee@example.org", "label": "work"},
        "phones/+34912345678": {"raw": "912 345 678"},
        "phones/+34612345678": {"raw": "612345678", "label": "mobile"},
        "addresses/b53fa695": {
            "street": "C/ Mayor, 1",
            "locality": "MADRID",
            "postcode": "28001",
            "country": "ES",
        },
        "birth_date": "1980-02-03",
        "tax_id": "B123456",
        "lifecycle_stage": "customer",
        "custom.segment": None,
        "consents/email|ann.lee@example.org|newsletter": {
            "status": "granted",
            "at": "2026-01-02T00:00:00+00:00",
            "wording": "Send me news",
        },
    }


def test_lists_of_objects_become_elements() -> None:
    found = inward(mapping(ERP), PARTY)

    assert found["emails/ann@example.org"] == {"label": "work"}
    assert found["emails/lee@example.org"] == {"raw": "Lee@Example.org"}
    assert found["phones/+34912345678"] == {"raw": "+34 912 345 678", "label": "home"}
    assert found["tax_id"] == "ESB123"
    assert found["language"] == "es"
    assert {key for key in found if key.startswith("tags/")} == {"tags/vip", "tags/press"}
    assert sorted(v["locality"] for k, v in found.items() if k.startswith("addresses/")) == [
        "Lisboa",
        "Madrid",
    ]


def test_a_missing_column_says_nothing_and_an_empty_one_says_empty() -> None:
    table = fields(given_name="A", family_name="B", nickname="C")

    assert inward(table, {"B": "  ", "C": None}) == {"family_name": None, "nickname": None, "kind": "person"}


def test_an_unknown_value_of_an_enumeration_is_a_problem_and_never_a_default() -> None:
    table = mapping(LEGACY)

    assert reasons(table, {"TIPO": "9"}) == [("lifecycle_stage", "9")]
    assert "lifecycle_stage" not in inward(table, {"TIPO": "9"})


@pytest.mark.parametrize("value", [2, "2", " 2 ", 2.0])
def test_an_enumeration_is_read_whatever_type_the_source_gives(value: object) -> None:
    assert inward(mapping(LEGACY), {"TIPO": value})["lifecycle_stage"] == "customer"


@pytest.mark.parametrize(("value", "status"), [("yes", "x"), ("Yes", "x"), (True, "x"), ("off", "y"), (False, "y")])
def test_yes_and_no_mean_what_they_say_although_yaml_makes_booleans_of_them(value: object, status: str) -> None:
    table = fields(lifecycle_stage={"from": "A", "values": {True: "x", False: "y"}})

    assert inward(table, {"A": value})["lifecycle_stage"] == status


def test_what_is_no_phone_number_is_reported_and_kept() -> None:
    table = mapping(LEGACY)

    assert reasons(table, {"TEL1": "ask Bob"}) == [("phones", "ask Bob")]
    assert inward(table, {"TEL1": "Ask Bob"})["phones/raw:ask bob"] == {"raw": "Ask Bob", "invalid": True}


def test_what_is_no_email_is_reported_and_kept() -> None:
    table = mapping(LEGACY)

    assert reasons(table, {"EMAIL": "n/a"}) == [("emails", "n/a")]
    assert inward(table, {"EMAIL": "n/a"})["emails/raw:n/a"] == {
        "raw": "n/a",
        "invalid": True,
        "label": "work",
    }


def test_a_national_number_without_a_region_is_not_guessed() -> None:
    table = load_mapping({"fields": {"phones": "T"}}, where="m.yaml", default_region=None)

    assert reasons(table, {"T": "912345678"}) == [("phones", "912345678")]
    assert "phones/+351912345678" in inward(table, {"T": "+351 912 345 678"})


def test_a_row_may_name_its_own_region() -> None:
    assert "phones/+351912345678" in inward(fields(phones={"from": "T", "region": "PT"}), {"T": "912345678"})
    assert "phones/+351912345678" in inward(fields(phones={"from": "T", "with": [{"phone": "PT"}]}), {"T": "912345678"})


def test_an_unknown_country_is_reported_and_the_text_stays_in_the_address() -> None:
    table = mapping(LEGACY)
    source = {"DIRECCION": "Main St 1", "PAIS": "Atlantis"}

    assert reasons(table, source) == [("addresses", "Atlantis")]
    (address,) = [v for k, v in inward(table, source).items() if k.startswith("addresses/")]
    assert address == {"street": "Main St 1", "country_raw": "Atlantis"}


def test_an_address_without_a_country_is_in_the_default_region() -> None:
    (address,) = [v for k, v in inward(mapping(LEGACY), {"POBLACION": "Madrid"}).items() if "addresses/" in k]

    assert address == {"locality": "Madrid", "country": "ES"}


@pytest.mark.parametrize(
    "other",
    [
        {"DIRECCION": "c mayor 1", "POBLACION": "madrid", "CP": "28 001", "PAIS": "Spain"},
        {"DIRECCION": "C/ MAYOR - 1.", "POBLACION": "Mádrid", "CP": "28001", "PAIS": "ESP"},
    ],
)
def test_one_address_has_one_key_however_it_is_spelled(other: dict[str, str]) -> None:
    assert "addresses/b53fa695" in inward(mapping(LEGACY), other)


@pytest.mark.parametrize("text", ["1.23457E+10", "1,23457e+10"])
def test_an_identifier_in_scientific_notation_is_a_problem(text: str) -> None:
    assert reasons(fields(tax_id="A", customer_number="B"), {"A": text, "B": text}) == [
        ("tax_id", text),
        ("customer_number", text),
    ]


def test_a_number_that_lost_digits_is_a_problem() -> None:
    table = fields(customer_number="A")

    assert reasons(table, {"A": 2.0**60}) == [("customer_number", str(2.0**60))]
    assert inward(table, {"A": 42.0})["customer_number"] == "42"


def test_a_list_where_text_was_expected_is_a_problem() -> None:
    assert reasons(fields(note="A"), {"A": ["x"]}) == [("note", '["x"]')]


def test_a_declared_text_for_empty_means_empty() -> None:
    assert inward(mapping(LEGACY), {"FNAC": "00/00/0000"})["birth_date"] is None


def test_the_first_column_that_holds_something_is_taken() -> None:
    table = fields(tax_id=["A", "B"])

    assert inward(table, {"A": " ", "B": "X"})["tax_id"] == "X"
    assert inward(table, {"A": "Y", "B": "X"})["tax_id"] == "Y"
    assert inward(table, {"A": None, "B": ""})["tax_id"] is None


def test_a_record_with_nothing_but_a_company_is_an_organisation() -> None:
    table = fields(company="A", full_name="B")

    assert inward(table, {"A": "Acme"})["kind"] == "organisation"
    assert inward(table, {"A": "Acme", "B": "Ann Lee"})["kind"] == "person"


def test_several_source_columns_can_be_joined() -> None:
    table = fields(full_name={"from": ["A", "B", "C"], "join": " "})

    assert inward(table, {"A": "Ann", "B": None, "C": "Lee"})["full_name"] == "Ann Lee"
    assert not table.outward


def test_a_name_is_taken_apart_only_where_the_mapping_says_so() -> None:
    table = fields(
        given_name={"from": "N", "with": [{"split_name": "given"}]},
        family_name={"from": "N", "with": [{"split_name": "family"}]},
    )

    assert inward(table, {"N": "Ann de la Cruz"}) == {
        "kind": "person",
        "given_name": "Ann",
        "family_name": "de la Cruz",
    }
    assert inward(fields(full_name="N"), {"N": "Ann Lee"}) == {"kind": "person", "full_name": "Ann Lee"}


def test_explain_shows_each_value_before_and_after() -> None:
    lines = mapping(LEGACY).explain(Record("1", {"NOMBRE": "ANN", "TIPO": 9, "TEL1": "612345678"}))

    assert ("NOMBRE", "ANN", "given_name", "Ann") in lines
    (problem,) = [value for path, raw, key, value in lines if path == "TIPO"]
    assert problem.field == "lifecycle_stage"
    assert [key for path, raw, key, _ in lines if path == "TEL1, TEL2"] == ["phones/+34612345678"]


def test_source_fields_that_nothing_reads_are_listed() -> None:
    assert mapping(LEGACY).unmapped(Record("1", {**ANN, "FAX": "1"})) == ["FAX"]
