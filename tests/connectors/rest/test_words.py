"""Texts with gaps, and places in answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.rest.words import fill, parse_text, parse_tree, parse_where

texts = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]))


@given(texts)
def test_a_text_without_gaps_is_what_it_says(text: str) -> None:
    assert fill(parse_text(text), {}) == text


@given(st.one_of(st.integers(), st.booleans(), texts, st.lists(st.integers())))
def test_a_text_that_is_one_gap_keeps_the_kind_of_its_value(value: object) -> None:
    assert fill({"a": parse_text("{name}")}, {"name": value})["a"] == value


def test_a_key_whose_gap_has_no_value_is_left_out() -> None:
    tree = parse_tree({"after": "{cursor}", "limit": "{size}", "filter": {"since": "{since}"}})
    assert fill(tree, {"size": 5}) == {"limit": 5}


def test_a_gap_that_is_a_list_stands_for_its_items_in_a_list() -> None:
    assert fill(parse_tree({"names": ["{more}", "id"]}), {"more": ["a", "b"]}) == {"names": ["a", "b", "id"]}


def test_an_object_that_was_empty_from_the_start_is_sent() -> None:
    assert fill(parse_tree({"filter": {}, "list": []}), {}) == {"filter": {}, "list": []}


def test_a_value_cannot_leave_its_place_in_an_address() -> None:
    path = parse_text("/contacts/{id}/notes").path({"id": "../../keys?x=1#y"}, frozenset())
    assert path == "/contacts/..%2F..%2Fkeys%3Fx%3D1%23y/notes"


def test_settings_may_hold_a_part_of_a_path() -> None:
    assert parse_text("{prefix}/contacts").path({"prefix": "/crm/v3"}, frozenset({"prefix"})) == "/crm/v3/contacts"


def test_a_list_of_texts_cannot_leave_its_quotes() -> None:
    text = parse_text("Id IN ({ids:escaped_list})")
    assert fill(text, {"ids": ["a", "b') OR ('"]}) == r"Id IN ('a','b\') OR (\'')"


def test_a_list_of_texts_in_quotes_that_are_doubled_cannot_leave_them_either() -> None:
    text = parse_text("id in ({ids:quoted_list})")
    assert fill(text, {"ids": ["a", "b') or ('"]}) == "id in ('a','b'') or (''')"


@given(st.lists(st.sampled_from("abc"), min_size=1))
def test_conditions_of_which_one_holds_stand_two_in_a_bracket(items: list[str]) -> None:
    found = fill(parse_text("{items:any}"), {"items": items})

    assert [each for each in found if each in "abc"] == items
    while "(" in found:
        inner = found[found.rindex("(") :].partition(")")[0] + ")"
        assert len(inner[1:-1].split(" or ")) == 2
        found = found.replace(inner, "x")
    assert found in {"x", *items}


def test_the_parts_of_a_record_fill_gaps() -> None:
    text = parse_text("{fields.email_address:md5}")
    assert fill(text, {"fields": {"email_address": "Ann@Example.org"}}) == "8b5a6a28fc840441be692d74a81ccd1a"


@pytest.mark.parametrize("text", ["{", "a}b", "{no-dash}", "{name:never}"])
def test_what_is_no_gap_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"brace|form"):
        parse_text(text)


def test_a_place_reads_nested_and_odd_names() -> None:
    body = {"paging": {"next": {"after": "7"}}, "@odata.nextLink": "x", "rows": [{"id": 1}]}
    assert parse_where("paging.next.after").of(body) == "7"
    assert parse_where("['@odata.nextLink']").of(body) == "x"
    assert parse_where("rows[0].id").of(body) == 1
    assert parse_where("").of(body) is body
    assert parse_where("paging.next.before").of(body) is None
    assert not parse_where("paging.next.before").has(body)


def test_the_fields_of_a_value_stand_beside_others() -> None:
    tree = parse_tree({"id": "{id}", "...": "{fields}", "type": "Contact"})
    assert fill(tree, {"id": "7", "fields": {"a": 1, "b": None}}) == {"id": "7", "a": 1, "b": None, "type": "Contact"}


def test_a_place_may_begin_in_a_list() -> None:
    body = [{"errorCode": "LOCKED"}]
    assert parse_where("[0].errorCode").of(body) == "LOCKED"
    assert parse_where("[0]").of(body) == body[0]
    assert parse_where("[1].errorCode").of(body) is None
    assert parse_where("[0].errorCode").of({"errorCode": "x"}) is None
