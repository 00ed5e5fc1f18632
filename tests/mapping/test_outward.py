"""From the golden record to what a system should hold, and to what is sent."""

from __future__ import annotations

from typing import Any

import pytest

from hub.model import Record
from tests.mapping.samples import ANN, ERP, LEGACY, PARTY, fields, inward, mapping

ONE_EMAIL = {"emails": {"from": "E"}}


def project(table: dict[str, Any], golden: dict[str, Any], held: dict[str, Any], creating: bool = False) -> Any:
    return mapping({"fields": table}).project(golden, held, creating=creating)


# --- write modes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "held", "creating", "wanted"),
    [
        ("overwrite", {"note": "theirs"}, False, {"note": "golden"}),
        ("overwrite", {}, True, {"note": "golden"}),
        ("if_empty", {"note": "theirs"}, False, {"note": "theirs"}),
        ("if_empty", {"note": None}, False, {"note": "golden"}),
        ("if_empty", {}, True, {"note": "golden"}),
        ("on_create", {"note": "theirs"}, False, {"note": "theirs"}),
        ("on_create", {"note": None}, False, {"note": None}),
        ("on_create", {}, True, {"note": "golden"}),
        ("never", {"note": "theirs"}, False, {"note": "theirs"}),
        ("never", {}, True, {}),
    ],
)
def test_a_write_mode_says_whose_value_stands(mode: str, held: Any, creating: bool, wanted: Any) -> None:
    assert project({"note": {"from": "N", "write": mode}}, {"note": "golden"}, held, creating) == wanted


@pytest.mark.parametrize("mode", ["if_empty", "on_create", "never"])
def test_write_modes_hold_for_elements_too(mode: str) -> None:
    table = {"emails": {"from": "E[]", "write": mode}}
    held = {"emails/theirs@example.org": {}}

    assert project(table, {"emails/golden@example.org": {}}, held) == held


def test_a_field_that_is_never_written_is_out_of_scope() -> None:
    table = fields(note={"from": "N", "write": "never"}, nickname="K")

    assert table.scope() == {"nickname"}
    assert not table.covers("note")
    assert table.payload({"note": "x", "nickname": "y"}, {"note", "nickname"}) == {"K": "y"}


def test_fields_that_are_not_mapped_do_not_occur() -> None:
    assert project({"note": "N"}, {"note": "a", "nickname": "b", "emails/a@example.org": {}}, {}) == {"note": "a"}


def test_a_value_the_system_has_no_word_for_leaves_its_own_in_place() -> None:
    table = {"lifecycle_stage": {"from": "T", "values": {1: "lead"}}}

    assert project(table, {"lifecycle_stage": "customer"}, {"lifecycle_stage": "lead"}) == {"lifecycle_stage": "lead"}


def test_an_identifier_too_long_for_the_column_is_not_cut() -> None:
    table = {"tax_id": {"from": "T", "max_length": 3}}

    assert project(table, {"tax_id": "12345"}, {}, creating=True) == {}


# --- capacity ---------------------------------------------------------------------------------------


def test_one_column_holds_one_element_and_keeps_its_own() -> None:
    golden = {"emails/a@example.org": {}, "emails/b@example.org": {}}

    assert project(ONE_EMAIL, golden, {"emails/b@example.org": {}}) == {"emails/b@example.org": {}}


def test_one_column_takes_the_first_by_label_and_key_when_it_holds_none() -> None:
    golden = {
        "emails/a@example.org": {},
        "emails/c@example.org": {"label": "work"},
        "emails/b@example.org": {},
    }

    assert list(project(ONE_EMAIL, golden, {})) == ["emails/c@example.org"]


def test_an_element_that_the_golden_record_no_longer_has_gives_way() -> None:
    assert list(project(ONE_EMAIL, {"emails/a@example.org": {}}, {"emails/old@example.org": {}})) == [
        "emails/a@example.org"
    ]


def test_a_column_with_a_label_takes_the_element_with_that_label() -> None:
    table = mapping(LEGACY)
    golden = {
        "phones/+34910000001": {},
        "phones/+34610000002": {"label": "mobile"},
        "phones/+34910000003": {},
    }
    wanted = table.project(golden, {}, creating=True)

    assert set(wanted) == {"phones/+34910000001", "phones/+34610000002"}
    sent = table.payload(wanted, wanted)
    assert (sent["TEL1"], sent["TEL2"]) == ("+34910000001", "+34610000002")


def test_an_invalid_element_stays_where_it_is_and_goes_nowhere_else() -> None:
    golden = {"emails/raw:n/a": {"raw": "n/a", "invalid": True}}

    assert project(ONE_EMAIL, golden, {}) == {}
    assert project(ONE_EMAIL, golden, golden) == golden


def test_each_system_keeps_its_own_spelling_of_a_number() -> None:
    table = {"phones": {"from": "T"}}
    golden = {"phones/+34912345678": {"raw": "912 345 678", "label": "work"}}

    assert project(table, golden, {"phones/+34912345678": {"raw": "912345678"}}) == {
        "phones/+34912345678": {"raw": "912345678", "label": "work"}
    }


def test_an_address_is_kept_though_the_column_cuts_it() -> None:
    table = mapping({"fields": {"addresses": {"from": {"street": "S", "locality": "L"}, "max_length": 10}}})
    golden = inward(
        mapping({"fields": {"addresses": {"from": {"street": "a[].s", "locality": "a[].l"}}}}),
        {"a": [{"s": "Avenida de la Constitución 5", "l": "Madrid"}, {"s": "Rua A", "l": "Vigo"}]},
    )
    (long,) = [key for key, value in golden.items() if "Avenida" in str(value)]
    held = table.stored({long: golden[long]})

    assert list(table.project(golden, held, creating=False)) == [long]
    assert list(held) != [long]


def test_a_full_name_is_put_together_where_only_its_parts_are_known() -> None:
    table = {"full_name": {"from": "N", "required": True}}

    assert project(table, {"given_name": "Ann", "family_name": "Lee"}, {}) == {"full_name": "Ann Lee"}
    assert project(table, {"company": "Acme"}, {}) == {"full_name": "Acme"}
    assert mapping({"fields": table}).missing({"given_name": "Ann"}) == []


def test_required_fields_that_are_missing_are_named() -> None:
    table = fields(emails={"from": "E", "required": True}, family_name={"from": "F", "required": True})

    assert table.missing({"family_name": None, "emails/raw:x": {"invalid": True}}) == [
        "emails",
        "family_name",
    ]
    assert table.missing({"family_name": "Lee", "emails/a@example.org": {}}) == []


# --- payload ----------------------------------------------------------------------------------------


def test_only_the_changed_fields_are_sent() -> None:
    table = mapping(LEGACY)
    desired = {**inward(table, ANN), "family_name": "Smith"}

    assert table.payload(desired, {"family_name"}) == {"APELLIDOS": "Smith"}


def test_a_changed_key_that_is_not_desired_empties() -> None:
    table = mapping(LEGACY)

    assert table.payload({}, {"family_name", "emails/a@example.org"}) == {"APELLIDOS": None, "EMAIL": None}
    assert table.payload({}, {"addresses/00000000"}) == {
        "DIRECCION": None,
        "POBLACION": None,
        "CP": None,
        "PAIS": None,
    }


def test_a_list_is_sent_whole() -> None:
    table = mapping(ERP)
    desired = {**inward(table, PARTY), "emails/new@example.org": {"label": "home"}}

    assert table.payload(desired, {"emails/new@example.org"}) == {
        "emails": [
            {"value": "ann@example.org", "label": "office"},
            {"value": "new@example.org", "label": "home"},
            {"value": "Lee@Example.org", "label": None},
        ]
    }


def test_an_element_that_is_gone_leaves_the_list() -> None:
    table = mapping(ERP)

    assert table.payload({}, {"phones/+34912345678"}) == {"phones": []}


def test_an_element_of_none_is_one_that_is_not_there() -> None:
    table = mapping(ERP)
    gone = {"phones/+34912345678": None}

    assert table.payload(gone, gone) == {"phones": []}
    assert table.stored(gone) == {}
    assert table.project(gone, gone, creating=False) == {}


def test_the_parts_of_one_nested_object_are_sent_together() -> None:
    desired = {"language": "pt", "timezone": "Europe/Lisbon", "full_name": "Ann"}

    assert mapping(ERP).payload(desired, {"language"}) == {"settings": {"lang": "pt", "zone": "Europe/Lisbon"}}


def test_an_item_chosen_from_a_list_is_sent_with_its_mark() -> None:
    assert mapping(ERP).payload({"tax_id": "X"}, {"tax_id"}) == {"identifiers": [{"type": "eu_vat", "code": "X"}]}


def test_a_name_taken_apart_is_put_together_again_so_that_it_comes_apart_at_the_same_place() -> None:
    table = fields(
        given_name={"from": "N", "with": [{"split_name": "given"}]},
        family_name={"from": "N", "with": [{"split_name": "family"}]},
    )

    assert table.payload({"given_name": "Ann", "family_name": "da Costa"}, {"family_name"}) == {"N": "Ann da Costa"}
    assert table.payload({"given_name": "Ann Mary", "family_name": "Lee"}, {"given_name"}) == {"N": "Lee, Ann Mary"}
    assert table.scope() == {"given_name", "family_name"}


@pytest.mark.parametrize("given", ["Ann", "Ann Mary", None])
@pytest.mark.parametrize("family", ["Lee", "de la Cruz", None])
def test_both_parts_of_a_name_come_back_as_they_were(given: str | None, family: str | None) -> None:
    table = fields(
        given_name={"from": "N", "with": [{"split_name": "given"}]},
        family_name={"from": "N", "with": [{"split_name": "family"}]},
    )
    name = {"given_name": given, "family_name": family}

    assert table.stored(name) == name
    assert table.stored({"family_name": family}) == {"family_name": family}
    assert table.stored({"given_name": given}) == {"given_name": given}


@pytest.mark.parametrize("key", ["given_name", "emails/ann.lee@example.org", "phones/+34612345678", "birth_date"])
def test_a_field_is_stored_alone_as_it_is_beside_others(key: str) -> None:
    table = mapping(LEGACY)
    found = inward(table, ANN)

    assert table.stored({key: found[key]}).keys() == {key}


@pytest.mark.parametrize(
    ("form", "sent"),
    [("e164", "+34912345678"), ("national", "912 34 56 78"), ("digits", "912345678"), (None, "912-345-678")],
)
def test_a_phone_number_is_written_as_given_or_as_declared(form: str | None, sent: str) -> None:
    table = fields(phones={"from": "T", "format": form})
    desired = {"phones/+34912345678": {"raw": "912-345-678"}}

    assert table.payload(desired, desired) == {"T": sent}


def test_a_spelling_that_would_mean_another_number_here_is_not_used() -> None:
    desired = {"phones/+351912345678": {"raw": "912345678"}}

    assert fields(phones="T").payload(desired, desired) == {"T": "+351912345678"}


# --- stored -----------------------------------------------------------------------------------------


def test_stored_is_what_this_system_makes_of_a_value() -> None:
    desired = {"given_name": "María del Carmen", "emails/a@example.org": {"label": "home"}, "nickname": "x"}

    assert mapping(LEGACY).stored(desired) == {
        "given_name": "Maria del Ca",
        "emails/a@example.org": {"label": "work"},
    }


@pytest.mark.parametrize(("table", "source"), [(LEGACY, ANN), (ERP, PARTY)])
def test_what_was_read_can_be_written_and_read_again(table: dict[str, Any], source: dict[str, Any]) -> None:
    compiled = mapping(table)
    fields_read = inward(compiled, source)

    sent = compiled.payload(fields_read, fields_read)

    assert compiled.inward(Record("1", sent)).fields == fields_read
    assert compiled.stored(fields_read).items() <= fields_read.items()


def test_the_digest_is_that_of_the_table() -> None:
    assert mapping(LEGACY).digest == mapping(LEGACY).digest
    assert mapping(LEGACY).digest != mapping(LEGACY, region="PT").digest
    assert mapping(LEGACY).digest != mapping({**LEGACY, "ignore": []}).digest
    assert len(mapping(LEGACY).digest) == 8
