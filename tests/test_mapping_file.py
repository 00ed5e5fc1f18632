"""Mapping files that are changed row by row: they say what the table says, and nothing else in them moves."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.config.editing import StaleEdit
from hub.config.mapping_file import MappingFile, data_of, open_mapping, refuse_stale, rewritten, save_text
from hub.connectors.registry import connector_type
from hub.connectors.rest.files import built_in_services
from hub.errors import ConfigError, NotThere
from hub.mapping.alter import alterations, changed_rows, full, keyed_as, same, short
from hub.mapping.spec import load_mapping
from hub.store.db import Store
from hub.web.console.mapping_form import form_of, read_form, table_of

ROOT = Path(__file__).parent.parent
FILES = [*ROOT.glob("config/mappings/*.yaml"), *ROOT.glob("demo/config/mappings/*.yaml")]
FILES += sorted(ROOT.glob("hub/connectors/defaults/*.yaml"))
TEXTS = {str(path.relative_to(ROOT)): path.read_text() for path in FILES}
TEXTS |= {name: connector_type(name).default_mapping for name in built_in_services()}

STEPS = st.sampled_from(
    [
        "text",
        "upper",
        {"date": "%d/%m/%Y"},
        {"date": ["%Y%m%d", "%d.%m.%Y"]},
        {"pattern": {"match": "(a+)", "group": 1}},
    ]
)
WORDS = st.text("abcXYZ 0'\"#:{}=é", min_size=1, max_size=8).map(str.strip).filter(bool)
VALUES = st.dictionaries(st.one_of(WORDS, st.integers(0, 99)), WORDS, min_size=1, max_size=4)
ROWS = st.fixed_dictionaries(
    {"from": st.sampled_from(["name", "a.b", "items[].value", "['x.y']"])},
    optional={
        "with": st.lists(STEPS, min_size=1, max_size=3),
        "values": VALUES,
        "write": st.sampled_from(["never", "if_empty"]),
        "max_length": st.integers(1, 200),
        "empty": st.lists(WORDS, min_size=1, max_size=2),
    },
)


def file_of(text: str) -> MappingFile:
    return MappingFile(Path(), "crm", "mappings/crm.yaml", text, "", True, data_of(text, "crm.yaml"), ())


@pytest.mark.parametrize("name", TEXTS)
def test_a_table_that_was_not_changed_leaves_its_file_as_it_is(name):
    file = file_of(TEXTS[name])

    assert alterations(file.data, file.table) == []
    assert rewritten(file, file.table) == file.text
    assert changed_rows(file.data, file.table) == []


@pytest.mark.parametrize("name", TEXTS)
def test_a_table_comes_back_from_the_form_as_it_went_in(name):
    table = full(data_of(TEXTS[name], name))

    back, wrong = table_of(form_of(table))

    assert wrong == []
    assert same(table, back)


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_written_short_means_the_same(name):
    data = data_of(TEXTS[name], name)

    first, second = (load_mapping(each, where=name, default_region=None).digest for each in (data, short(full(data))))

    assert first == second


@settings(max_examples=150)
@given(data=st.data(), name=st.sampled_from(sorted(TEXTS)))
def test_whatever_rows_change_the_file_says_so_and_other_lines_stay(data, name):
    file = file_of(TEXTS[name])
    table: dict[str, Any] = copy.deepcopy(file.table)
    touched = data.draw(st.lists(st.sampled_from([*table["fields"], "note", "custom.x"]), max_size=3, unique=True))
    for field in touched:
        rows = data.draw(st.lists(ROWS, max_size=3))
        table["fields"].pop(field, None)
        if rows:
            table["fields"][field] = [dict(row) for row in rows]
    if data.draw(st.booleans()) and table["consents"]:
        del table["consents"][data.draw(st.integers(0, len(table["consents"]) - 1))]

    text = rewritten(file, table)

    assert same(full(data_of(text, name)), table)
    kept = [line for line in file.text.splitlines() if line.startswith("#")]
    assert [line for line in text.splitlines() if line.startswith("#")] == kept
    assert set(changed_rows(file.data, table)) <= {*touched, "consents email newsletter"} | {
        f"consents {row['channel']} {row['purpose']}" for row in file.table["consents"]
    }


def test_a_row_taken_out_of_a_list_leaves_the_comments_of_the_others():
    text = "fields:\n  phones:\n    - tel       # at work\n    - mobile    # theirs\n    - fax       # nobody's\n"
    file = file_of(text)
    table = copy.deepcopy(file.table)
    del table["fields"]["phones"][1]

    assert rewritten(file, table) == "fields:\n  phones:\n    - tel       # at work\n    - fax       # nobody's\n"


def test_the_order_of_a_table_of_values_is_kept_as_it_decides_what_is_written():
    file = file_of("fields:\n  language: {from: lang, values: {E: en, P: pt}}\n")
    table = copy.deepcopy(file.table)
    table["fields"]["language"][0]["values"] = {"P": "pt", "E": "en"}

    found = data_of(rewritten(file, table), "x")["fields"]["language"]["values"]

    assert list(found) == ["P", "E"]


def test_keys_that_came_as_texts_are_of_the_type_of_the_file():
    data = data_of("fields:\n  language: {from: lang, values: {7: en, true: pt, '2': es}}\n", "x")
    sent = full({"fields": {"language": {"from": "lang", "values": {"7": "en", "true": "pl", "2": "es", "3": "fr"}}}})

    assert list(keyed_as(data, sent)["fields"]["language"][0]["values"]) == [7, True, "2", "3"]


def test_only_names_of_rows_are_told_of_a_change():
    data = {"fields": {"note": "secret_column"}, "consents": []}
    wanted = full({"fields": {"company": "other"}, "consents": [{"from": "n", "channel": "sms", "purpose": "news"}]})

    assert changed_rows(data, wanted) == ["note", "company", "consents sms news"]


# --- in a folder ------------------------------------------------------------------------------------

HUB = """store: sqlite:///hub.db
connections:
  fair:                   # once a year
    type: file
    path: fair.csv
  desk: {type: file, path: desk.csv, mapping: desk.yaml}
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "hub.yaml").write_text(HUB)
    (tmp_path / "desk.yaml").write_text("fields: {company: firm}\n")
    return tmp_path


@pytest.fixture
def store(tmp_path):
    made = Store(f"sqlite:///{tmp_path}/hub.db")
    made.create()
    yield made
    made.close()


def test_the_first_save_writes_a_file_and_names_it_and_the_second_only_changes_it(folder, store):
    file = open_mapping(folder, "fair")
    assert not file.is_own and file.name == "mappings/fair.yaml"

    save_text(store, file, rewritten(file, {**file.table, "ignore": ["x"]}), "ann", 1.0)

    assert (folder / "hub.yaml").read_text() == HUB.replace("fair.csv\n", "fair.csv\n    mapping: mappings/fair.yaml\n")
    again = open_mapping(folder, "fair")
    assert again.is_own and again.table["flat"] and again.table["ignore"] == ["x"]
    assert again.etag != file.etag


def test_a_file_that_is_there_already_is_not_taken_for_the_first_save(folder):
    (folder / "mappings").mkdir()
    (folder / "mappings/fair.yaml").write_text("fields: {}\n")

    assert open_mapping(folder, "fair").name == "mappings/fair_2.yaml"


def test_what_was_changed_meanwhile_is_not_written_over_and_leaves_no_note(folder, store):
    file = open_mapping(folder, "desk")
    (folder / "desk.yaml").write_text("fields: {company: house}\n")

    with pytest.raises(StaleEdit):
        save_text(store, file, "fields: {company: mine}\n", "ann", 1.0)
    with pytest.raises(StaleEdit):
        refuse_stale(open_mapping(folder, "desk"), file.etag)

    assert (folder / "desk.yaml").read_text() == "fields: {company: house}\n"
    with store.read() as tx:
        assert tx.all("SELECT action FROM audit") == []


def test_a_file_that_is_no_table_is_refused_with_its_name(folder):
    for text, said in (("- a\n", "desk.yaml"), ("fields: [1]\n", "fields"), ("fields: {a: {b: 1}}\n", "fields.a")):
        (folder / "desk.yaml").write_text(text)
        with pytest.raises(ConfigError, match=said):
            open_mapping(folder, "desk")


def test_a_connection_that_is_gone_has_no_mapping(folder):
    with pytest.raises(NotThere):
        open_mapping(folder, "nobody")


# --- what people type -------------------------------------------------------------------------------


@settings(max_examples=200)
@given(VALUES)
def test_a_table_of_values_is_read_as_it_is_shown(values):
    table = full({"fields": {"language": {"from": "lang", "values": values}}})

    back, wrong = table_of(form_of(table))

    assert wrong == [] and same(back, table)


@given(st.lists(st.tuples(st.text("fcks.0123ame", max_size=12), st.text(max_size=20)), max_size=40))
def test_whatever_is_sent_is_read_and_never_breaks(sent):
    table_of(read_form(sent))
