"""What people are shown of a mapping that they change: mistakes at rows, records before and after, the way back."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.mapping.alter import full
from hub.mapping.paths import MISSING, getter, parse_path
from hub.mapping.preview import Between, Tally, judge_table, paths_of, row_says, source_paths
from hub.model import Problem, Record

TABLE = {
    "fields": {
        "family_name": "last",
        "emails": "mail",
        "phones": [{"from": "tel"}, {"from": "cell", "label": "mobile"}],
        "birth_date": {"from": "born", "with": [{"date": "%d/%m/%Y"}]},
    }
}
ANN = Record("1", {"last": "Baker", "mail": "ann@example.org", "tel": "912000001", "born": "03/04/1990", "shoe": 38})


def judged(**fields: Any):
    return judge_table(full({"fields": {**TABLE["fields"], **fields}}), "PT")


def shown(golden=None, record=ANN, **fields: Any):
    return Between(judged().mapping, judged(**fields).mapping, lambda key, a, b: a != b).show(record, golden)


def test_a_mistake_stands_at_its_row_whichever_others_there_are():
    found = judged(phones=["tel", {"from": "cell", "with": ["nope"]}], note={"from": "a..b"})

    assert found.mapping is None
    assert [key for key, _ in found.wrong] == ["fields.phones[1]", "fields.note[0]"]
    assert found.wrong[0][1].startswith("with[0]: there is no transform 'nope'")
    assert "fields.phones[0]" in found.rows and "fields.note[0]" not in found.rows


def test_rows_that_are_right_alone_and_not_together_are_said_at_the_first():
    found = judged(note="mail")

    assert found.mapping is None
    assert len(found.wrong) == 1
    assert "writes mail already" in found.wrong[0][1]


def test_what_differs_from_the_mapping_in_use_is_marked():
    lines = {line.key: line for line in shown(family_name={"from": "last", "with": ["upper"]}, note="shoe").lines}

    assert (lines["family_name"].was, lines["family_name"].after, lines["family_name"].change) == (
        "Baker",
        "BAKER",
        "other",
    )
    assert (lines["note"].after, lines["note"].change) == ("38", "new")
    assert lines["emails/ann@example.org"].change == ""


def test_what_nothing_reads_any_more_is_gone_and_what_cannot_be_read_says_why():
    lines = {line.key: line for line in shown(birth_date={"from": "born", "with": ["date"]}).lines}

    assert lines["birth_date"].problem or lines["birth_date"].change == "gone"
    assert any(line.problem for line in shown(birth_date={"from": "born", "with": ["date"]}).lines)


def test_a_record_that_cannot_be_taken_says_so():
    found = shown(record=Record("1", {"last": "A\0"}))

    assert "NUL" in (found.error or "") and found.lines == ()


def test_the_way_back_shows_what_the_golden_record_would_have_there():
    golden = {"family_name": "Bäcker", "emails/ann@example.org": {}}
    told = {each.name: each for each in shown(golden, family_name={"from": "last", "ascii": True}).told}

    assert (told["last"].holds, told["last"].was, told["last"].value) == ("Baker", "Bäcker", "Backer")
    assert told["last"].sent and told["last"].change == "other"
    assert not told["mail"].sent


def test_a_field_that_is_never_written_is_left_alone():
    told = {each.name: each for each in shown(family_name={"from": "last", "write": "never"}).told}

    assert told["last"].change == "gone" and not told["last"].sent


def test_one_row_says_what_it_makes_of_a_record_by_itself():
    rows = judged().rows

    assert [said[1:] for said in row_says(rows["fields.family_name[0]"], "family_name", ANN)] == [
        ("family_name", "Baker")
    ]
    assert [key for _, key, _ in row_says(rows["fields.phones[0]"], "phones", ANN)] == ["phones/+351912000001"]
    [(raw, _, value)] = row_says(rows["fields.birth_date[0]"], "birth_date", Record("2", {"born": "1990"}))
    assert raw == "1990" and isinstance(value, Problem)


def test_records_that_map_otherwise_are_counted_by_field():
    tally = Tally()
    after = judged(family_name={"from": "last", "with": ["upper"]}).mapping
    for name in ("Baker", "COSTA", "Novak"):
        tally.add(judged().mapping, after, Record(name, {"last": name}))

    assert (tally.records, tally.otherwise, tally.fields) == (3, 2, {"family_name": 2})


def test_the_paths_of_a_table_are_all_that_it_names():
    table = {
        "kind": {"from": "k", "values": {"p": "person"}},
        "fields": {"addresses": {"from": {"street": "s", "country": "c"}}, "note": {"from": ["n", "m"], "join": " "}},
        "consents": [{"from": "f", "values": {}, "channel": "sms", "purpose": "x", "at": "t", "basis": {"from": "b"}}],
        "ignore": ["i"],
    }

    assert set(paths_of(table)) == {"k", "s", "c", "n", "m", "f", "t", "b", "i"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=5))
def test_every_path_that_is_offered_can_be_read(fields):
    for path in source_paths([Record("1", fields)]):
        parsed = parse_path(path)
        assert getter(parsed.steps)(fields) is not MISSING
