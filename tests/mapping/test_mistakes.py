"""A wrong mapping file is refused with its place, what was found, and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.mapping.spec import load_mapping
from hub.model import Record

MISTAKES = [
    ("fields: {given_nam: X}", "fields.given_nam: there is no canonical field", "did you mean given_name"),
    ("field: {}", "m.yaml: field: unknown key", "did you mean fields"),
    ("fields: {note: {frm: X}}", "fields.note[0].frm: unknown key", "did you mean from"),
    ("fields: {note: {with: [name]}}", "fields.note[0].from", "required"),
    ("fields: {note: {from: X, with: [nam]}}", "fields.note[0].with[0]", "did you mean name"),
    ("fields: {note: {from: X, with: [split]}}", "fields.note[0].with[0]", "needs an argument"),
    ("fields: {note: {from: X, with: [{text: 1}]}}", "fields.note[0].with[0]", "takes no argument"),
    ("fields: {note: {from: X, write: alway}}", "fields.note[0].write", "'if_empty'"),
    ("fields: {note: {from: X, max_length: 0}}", "fields.note[0].max_length", "found 0"),
    ("fields: {note: {from: 'a..b'}}", "fields.note[0].from", "not a path"),
    ("fields: {note: {from: 'a[]'}}", "fields.note[0].from", "[0]"),
    ("fields: {note: {from: 'a[0].b', write: overwrite}}", "fields.note[0].write", "use never"),
    ("fields: {note: {from: [A, B]}}", "fields.note[0].from", "`join`"),
    ("fields: {note: {from: X, label: work}}", "fields.note[0].label", "remove it"),
    ("fields: {note: X, nickname: X}", "fields.nickname", "note writes X already"),
    (
        "fields: {birth_date: {from: X, with: [{date: '%d/%m/%y'}]}}",
        "fields.birth_date[0].with[0]",
        "century",
    ),
    ("fields: {birth_date: {from: X, with: [{date: '%d %B %Y'}]}}", "fields.birth_date[0].with[0]", "%B"),
    ("fields: {note: {from: X, with: [{pattern: '(?=x)'}]}}", "fields.note[0].with[0]", "look-around"),
    ("fields: {note: {from: X, values: {}}}", "fields.note[0].values", "empty"),
    ("fields: {emails: {from: X, format: e164}}", "fields.emails[0].format", "for phones"),
    ("fields: {emails: {from: X, with: [{split: {by: ';', part: 0}}]}}", "fields.emails[0].with", "meaning"),
    ("fields: {emails: {from: 'a[].b', label_from: 'c[].d'}}", "fields.emails[0].label_from", "same list"),
    ("fields: {emails: [{from: A}, {from: B, write: never}]}", "fields.emails", "one write mode"),
    ("fields: {phones: {from: X, region: UK}}", "fields.phones[0].region: 'UK'", "GB"),
    ("fields: {phones: {from: X, with: [{phone: XX}]}}", "fields.phones[0].region: 'XX'", "GB"),
    ("fields: {addresses: X}", "fields.addresses[0].from", "locality"),
    ("fields: {addresses: {from: {stret: X}}}", "fields.addresses[0].from.stret", "street"),
    ("fields: {addresses: {from: {street: 'a[].b', region: c}}}", "fields.addresses[0].from", "one list"),
    ("fields: {addresses: {from: {street: X}, country_as: it}}", "fields.addresses[0].country_as", "alpha2"),
    ("fields: {kind: X}", "fields.kind", "at the top"),
    ("fields: {custom.: X}", "fields.custom.", "custom.NAME"),
    ("kind: {from: X}", "kind.values", "person"),
    ("kind: {from: X, values: {a: human}}", "kind.values.a", "'person' or 'organisation'"),
    (
        "consents: [{from: X, values: {a: yes}, channel: email, purpose: n}]",
        "consents[0].values.a",
        "'granted'",
    ),
    ("consents: [{from: X, values: {}, channel: email, purpose: n}]", "consents[0].values", "granted"),
    ("consents: [{from: X, values: {a: denied}, channel: email}]", "consents[0].purpose", "required"),
    (
        "consents: [{from: X, values: {a: denied}, channel: e, purpose: n, at: {from: Y, dat: 1}}]",
        "consents[0].at.dat: unknown key",
        "did you mean date",
    ),
]


@pytest.mark.parametrize(("text", "place", "way_out"), MISTAKES)
def test_a_mistake_is_named_with_its_place_and_the_way_out(text: str, place: str, way_out: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_mapping(yaml.safe_load(text), where="m.yaml", default_region="PT")

    assert "m.yaml: " in str(caught.value)
    assert place in str(caught.value)
    assert way_out in str(caught.value)


@pytest.mark.parametrize("data", [{"fields": []}, {"fields": {"note": None}}, {"fields": {"note": []}}, {"kind": 1}])
def test_a_table_of_another_shape_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"m\.yaml: "):
        load_mapping(data, where="m.yaml", default_region=None)


WORDS = [
    "A",
    "a[].b",
    "a[0]",
    "a[k=v].c",
    "",
    "..",
    "work",
    "PT",
    "%d/%m/%Y",
    "(x",
    "overwrite",
    "never",
    "name",
]
WORDS += ["phone", "date", "granted", "person", "email", ";", "es", "given"]
leaf = st.sampled_from(WORDS) | st.none() | st.booleans() | st.integers() | st.floats()
transform = st.sampled_from(
    [
        "date",
        "datetime",
        "country",
        "lookup",
        "pattern",
        "replace",
        "split",
        "split_name",
        "phone",
        "email",
        "x",
    ]
)
some = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["match", "take", "by", "part", "street", "country", "A", "group"]), inner)
    ),
    max_leaves=4,
)
STEPS: list[Any] = [
    "name",
    "text",
    "id",
    "tax_id",
    "datetime",
    "country",
    "email",
    {"phone": "PT"},
    {"country": "es"},
]
STEPS += [
    {"date": "%d/%m/%Y"},
    {"lookup": {"x": "y"}},
    {"split": {"by": " ", "part": 0}},
    {"split_name": "given"},
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"values": {"x": "y", 1: "z"}},
    {"write": "if_empty"},
    {"write": "never"},
]
OPTIONS += [{"split": ";|"}, {"label": "work"}, {"region": "ES"}, {"format": "digits"}, {"country_as": "es"}]
OPTIONS += [{"max_length": 3, "case": "upper"}, {"ascii": True}, {"empty": ["x"]}, {"label_from": "a[].c"}]
PATHS: list[Any] = ["A", "work", "a[].b", "a[k=v].c", "c.d", "['e.f']", {"street": "A", "country": "work"}]
PATHS += [{"locality": "a[].b", "postcode": "a[].c"}, ["A", "work"]]
likely = st.builds(
    lambda path, options, more: {"from": path, **options, **more},
    st.sampled_from(PATHS),
    st.sampled_from(OPTIONS),
    st.sampled_from([{}, {}, {"join": " "}]) | st.builds(lambda s: {"with": [s]}, st.sampled_from(STEPS)),
)
unlikely = st.fixed_dictionaries(
    {"from": some},
    optional={
        "with": st.lists(transform | st.dictionaries(transform, some, max_size=2), max_size=2),
        "values": st.dictionaries(leaf, leaf, max_size=2),
        **dict.fromkeys(("write", "split", "join", "label", "label_from", "region", "format"), leaf),
        **dict.fromkeys(("country_as", "max_length", "empty", "labels", "required"), some),
    },
)
row = likely | unlikely
names = st.sampled_from(["note", "given_name", "family_name", "emails", "phones", "addresses", "tags", "birth_date"])
consent = st.dictionaries(
    st.sampled_from(["from", "values", "channel", "purpose", "at", "basis", "wording", "whole_person"]),
    some | st.dictionaries(st.sampled_from(["from", "date", "A"]), some),
) | st.fixed_dictionaries(
    {
        "from": st.sampled_from(["A", "work", "c.d"]),
        "values": st.just({"x": "granted", 1: "denied"}),
        "channel": st.sampled_from(["email", "sms", "post"]),
        "purpose": st.just("news"),
    }
)
any_mapping = st.fixed_dictionaries(
    {},
    optional={
        "fields": st.dictionaries(names, row | st.lists(row, max_size=2), max_size=3),
        "consents": st.lists(consent, max_size=1),
        "kind": st.sampled_from(["person", {"from": "A", "values": {"x": "person"}}]) | some,
        "flat": st.booleans(),
    },
)


ITEMS = [{"b": "ann@example.org", "c": "ES"}, {"k": "v", "c": "12"}]
SOURCE = {"A": "x y", "a": ITEMS, "work": "1", "c": {"d": "1"}, "e.f": "912345678; x"}


@settings(max_examples=300)
@given(any_mapping)
def test_any_table_is_compiled_or_refused(data: dict[str, Any]) -> None:
    try:
        load_mapping(data, where="m.yaml", default_region="PT")
    except ConfigError as err:
        assert str(err).startswith("m.yaml: ")


@settings(max_examples=400)
@given(names, likely, st.sampled_from(["x y", "1", "912345678", "ann@example.org;b@example.org", "España", ""]))
def test_what_any_single_row_stores_is_stored_the_same_again(name: str, row: dict[str, Any], text: str) -> None:
    try:
        table = load_mapping({"fields": {name: row}}, where="m.yaml", default_region="PT")
    except ConfigError:
        return

    found = table.inward(Record("1", {**SOURCE, "A": text})).fields
    stored = table.stored(found)
    assert table.stored(stored) == stored


def test_all_mistakes_of_the_shape_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_mapping({"fieldz": {}, "ignor": []}, where="m.yaml", default_region=None)

    assert len(str(caught.value).splitlines()) == 2
