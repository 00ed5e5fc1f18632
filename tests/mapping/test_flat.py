"""Columns named like the canonical fields map by themselves."""

from __future__ import annotations

from hub.mapping.spec import flat_mapping
from hub.model import SINGLE, Record
from tests.mapping.samples import inward, mapping

FLAT = flat_mapping("PT", ["custom.segment"])


def test_a_flat_row_maps_by_itself() -> None:
    source = {
        "source_id": "1",
        "given_name": "Ann",
        "emails": "a@example.org; B@example.org",
        "phones": "912345678|+34 912 345 678",
        "street": "Rua A 1",
        "city": "Porto",
        "postcode": "4000-001",
        "country": "Portugal",
        "birth_date": "1980-02-03",
        "vat_number": "PT123",
        "updated_at": "2026-01-01",
        "custom.segment": "A",
        "kind": "person",
    }

    found = inward(FLAT, source)

    assert FLAT.unmapped(Record("1", source)) == []
    (address,) = [found.pop(key) for key in list(found) if key.startswith("addresses/")]
    assert address == {"street": "Rua A 1", "locality": "Porto", "postcode": "4000-001", "country": "PT"}
    assert found == {
        "kind": "person",
        "given_name": "Ann",
        "emails/a@example.org": {},
        "emails/b@example.org": {"raw": "B@example.org"},
        "phones/+351912345678": {"raw": "912345678"},
        "phones/+34912345678": {"raw": "+34 912 345 678"},
        "birth_date": "1980-02-03",
        "tax_id": "PT123",
        "custom.segment": "A",
    }


def test_every_single_field_has_a_column_of_its_name() -> None:
    found = inward(FLAT, dict.fromkeys(SINGLE, "1980-02-03"))

    assert {key for key in found if key != "kind"} == SINGLE


def test_one_email_and_one_phone_have_columns_too() -> None:
    assert {"emails/a@example.org", "phones/+351912345678"} <= inward(
        FLAT, {"email": "a@example.org", "phone": "912345678"}
    ).keys()


def test_unknown_columns_are_left_out_and_can_be_listed() -> None:
    record = Record("1", {"id": "1", "given_name": "Ann", "shoe_size": "42", "custom.other": "x"})

    assert FLAT.inward(record).fields == {"kind": "person", "given_name": "Ann"}
    assert FLAT.unmapped(record) == ["shoe_size", "custom.other"]


def test_a_mapping_file_may_add_to_the_flat_columns_and_replace_some() -> None:
    table = mapping({"flat": True, "fields": {"given_name": "vorname", "custom.club": "club"}})

    assert inward(table, {"vorname": "Ann", "given_name": "no", "family_name": "Lee", "club": "A"}) == {
        "kind": "person",
        "given_name": "Ann",
        "family_name": "Lee",
        "custom.club": "A",
    }
