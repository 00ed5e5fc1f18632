"""Keys of several columns, and child tables, where the contract suite does not look."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.connectors.contract import Context
from hub.connectors.rows import key_id, key_parts
from hub.connectors.sql import SqlConnector
from hub.errors import AccountError
from hub.model import Done, Op, Refused, Stale, Unreadable, Write
from hub.testing.contract import done, items, listing, records

PHONES: dict[str, Any] = {"table": "phones", "key": "cli", "columns": ["number", "kind"], "row": "id", "order": "pos"}
TABLES = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, at TEXT);
CREATE TABLE phones (id INTEGER PRIMARY KEY, cli INTEGER, number TEXT, kind TEXT, note TEXT, pos INTEGER, at TEXT);
CREATE INDEX phones_cli ON phones (cli);
INSERT INTO people VALUES (1, 'ANA', '2026-01-01 10:00:00'), (2, 'EVA', '2026-01-01 10:00:00');
INSERT INTO phones VALUES (10, 1, '600111222', 'home', 'kept', 2, '2026-01-01 10:00:00'),
  (11, 1, '600111333', 'work', 'kept', 1, '2026-01-01 10:00:00');
"""


class Shop:
    """A SQLite file, connectors to it, and what it holds."""

    def __init__(self, path: Path, closing: ExitStack) -> None:
        self.path, self.closing = path, closing
        self.run(TABLES)

    def run(self, script: str) -> None:
        connection = sqlite3.connect(self.path)
        connection.executescript(script)
        connection.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.path)
        found = connection.execute(query).fetchall()
        connection.close()
        return found

    def connect(self, **settings: Any) -> SqlConnector:
        given = {"url": f"sqlite:///{self.path}", "table": "people", "key": "id", "children": {"phones": PHONES}}
        context = Context("shop", closing=self.closing)
        return SqlConnector(SqlConnector.Settings.model_validate({**given, **settings}), context)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with ExitStack() as closing:
        yield Shop(tmp_path / "shop.db", closing)


def phone(number: str, kind: str = "home") -> dict[str, str]:
    return {"number": number, "kind": kind}


def update(fields: dict[str, Any], version: str | None = None) -> Write:
    return Write(Op.UPDATE, "hub:1", "1", fields, version)


# --- keys of several columns ------------------------------------------------------------------------


@given(st.lists(st.text(), min_size=2, max_size=4).filter(any))
def test_an_id_of_several_columns_comes_apart_as_it_was_put_together(parts: list[str]) -> None:
    texts = ["" if part.isspace() else part for part in parts]
    if any(texts):
        assert key_parts(key_id(parts), len(parts)) == texts


@given(st.text() | st.sampled_from(['["a"]', '["a", "b"]', '["a",1]', '["a","b","c"]', "[]"]))
def test_what_is_no_id_of_two_columns_is_none(text: str) -> None:
    parts = key_parts(text, 2)

    assert parts is None or key_id(parts) == text or not any(parts)


def test_rows_of_two_companies_with_one_number_are_two_records(shop: Shop) -> None:
    shop.run(
        "CREATE TABLE clients (emp TEXT, cli INTEGER, name TEXT, PRIMARY KEY (emp, cli)); "
        "INSERT INTO clients VALUES ('1', 11, 'ANA'), ('11', 1, 'EVA'), ('a,b', 1, 'IDA'), (NULL, 5, 'UNA')"
    )
    connector = shop.connect(table="clients", key=["emp", "cli"], children={})
    found = items(connector.pull(None))

    assert {item.id for item in found} - {None} == {'["1","11"]', '["11","1"]', '["a,b","1"]'}
    assert [item.reason for item in found if isinstance(item, Unreadable)] == ["the row has no key"]
    assert connector.read(['["11","1"]'])['["11","1"]'].fields["name"] == "EVA"
    assert connector.read(["11", '["11"]', '["11", "1"]', "[[],[]]"]) == {}


def test_a_listing_by_two_columns_resumes_in_the_midst_of_a_company(shop: Shop) -> None:
    shop.run("CREATE TABLE clients (emp TEXT, cli INTEGER, name TEXT, PRIMARY KEY (emp, cli))")
    connection = sqlite3.connect(shop.path)
    rows = [(emp, cli, "X") for emp in ("A", "B") for cli in range(3100)]
    connection.executemany("INSERT INTO clients VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    connector = shop.connect(table="clients", key=["emp", "cli"], children={})
    pages = list(connector.pull(None))

    rest = records(connector.pull(pages[3].cursor))

    assert sum(len(page.items) for page in pages) == 6200
    assert len(rest) == 2200
    assert not rest.keys() & records(pages[:4]).keys()


# --- reading lists ----------------------------------------------------------------------------------


def test_rows_of_a_child_table_are_a_list_in_its_order(shop: Shop) -> None:
    found = records(shop.connect().pull(None))

    assert found["1"].fields["phones"] == [phone("600111333", "work"), phone("600111222")]
    assert found["2"].fields["phones"] == []


def test_a_page_with_two_lists_takes_three_statements(shop: Shop) -> None:
    connector = shop.connect(children={"phones": PHONES, "more": {**PHONES, "where": {"kind": "work"}}})
    connector.check()
    said: list[str] = []

    def note(*arguments: Any) -> None:
        said.append(arguments[2])

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        read = connector.read(["1", "2"])
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)

    assert len([each for each in said if each.startswith("SELECT")]) == 3
    assert read["1"].fields["more"] == [phone("600111333", "work")]


def test_a_change_in_a_child_is_a_change_of_the_record(shop: Shop) -> None:
    connector = shop.connect()
    before = records(connector.pull(None))
    shop.run("UPDATE phones SET kind = 'fax' WHERE id = 10")

    after = records(connector.pull(None))

    assert (before["1"].version != after["1"].version, before["2"] == after["2"]) == (True, True)


def test_a_child_with_a_change_time_is_noticed_where_its_owner_stood_still(shop: Shop) -> None:
    changed = {"column": "at", "overlap": 0}
    connector = shop.connect(changed=changed, children={"phones": {**PHONES, "changed": "at"}})
    _, cursor = listing(connector)
    shop.run("INSERT INTO phones VALUES (12, 2, '600111444', 'home', NULL, 1, '2026-01-01 11:00:00')")

    pages = list(connector.pull(cursor))

    assert records(pages)["2"].fields["phones"] == [phone("600111444")]
    assert '"lists":{"phones":"2026-01-01 11:00:00"}' in str(pages[-1].cursor)


def test_the_first_rows_of_an_empty_child_table_are_noticed(shop: Shop) -> None:
    shop.run("DELETE FROM phones")
    changed = {"column": "at", "overlap": 0}
    connector = shop.connect(changed=changed, children={"phones": {**PHONES, "changed": "at"}})
    _, cursor = listing(connector)
    shop.run("INSERT INTO phones VALUES (12, 2, '600111444', 'home', NULL, 1, '2020-01-01 11:00:00')")

    assert records(connector.pull(cursor))["2"].fields["phones"] == [phone("600111444")]


def test_an_undecodable_child_costs_its_record_only(shop: Shop) -> None:
    shop.run("UPDATE phones SET number = CAST(x'E9' AS TEXT) WHERE id = 10")

    first, second = items(shop.connect().pull(None))

    assert isinstance(first, Unreadable)
    assert (first.id, second.id) == ("1", "2")


# --- writing lists ----------------------------------------------------------------------------------


def test_a_list_is_written_whole_and_what_stays_keeps_what_nobody_named(shop: Shop) -> None:
    wanted = [phone("600111222", "mobile"), phone("600111333", "work"), phone("600111444")]

    stored = done(shop.connect().write([update({"phones": wanted})]))

    assert stored.fields["phones"] == [wanted[1], wanted[0], wanted[2]]
    assert shop.rows("SELECT id, cli, number, kind, note, pos FROM phones ORDER BY id") == [
        (10, 1, "600111222", "mobile", "kept", 2),
        (11, 1, "600111333", "work", "kept", 1),
        (12, 1, "600111444", "home", None, 3),
    ]


@pytest.mark.parametrize("row", ["id", None], ids=["own key", "no key"])
@pytest.mark.parametrize(
    "wanted",
    [[], None, [phone("1")], [phone("600111333", "work"), phone("2"), phone("2")], [phone("600111222", "x")]],
)
def test_whatever_a_list_was_it_is_what_was_written(shop: Shop, row: str | None, wanted: Any) -> None:
    connector = shop.connect(children={"phones": {**PHONES, "row": row}})

    once = done(connector.write([update({"phones": wanted})]))
    twice = done(connector.write([update({"phones": wanted})]))

    assert once == twice
    assert sorted(once.fields["phones"], key=str) == sorted(wanted or [], key=str)


def test_a_new_row_comes_with_its_list_and_a_deleted_one_takes_its_own_along(shop: Shop) -> None:
    connector = shop.connect(children={"work": {**PHONES, "columns": ["number"], "where": {"kind": "work"}}})
    fields = {"name": "IDA", "work": [{"number": "1"}, {"number": "2"}]}

    made = done(connector.write([Write(Op.CREATE, "hub:9", None, fields)]))
    gone = connector.write([Write(Op.DELETE, "hub:1", "1", {})])

    assert made.fields["work"] == fields["work"]
    assert gone == [Done(None)]
    assert shop.rows("SELECT cli, number, kind FROM phones ORDER BY id") == [
        (1, "600111222", "home"),
        (3, "1", "work"),
        (3, "2", "work"),
    ]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("x", "takes objects"),
        (["x"], "takes objects"),
        ([{"colour": "red"}], "no column colour"),
        ([phone(["x"])], "one value"),
    ],  # type: ignore[arg-type]
)
def test_a_list_that_does_not_fit_is_refused_and_its_row_stays_as_it_was(shop: Shop, wanted: Any, says: str) -> None:
    connector = shop.connect()
    before = connector.read(["1"])

    [outcome] = connector.write([update({"name": "NEW", "phones": wanted})])

    assert isinstance(outcome, Refused)
    assert says in outcome.reason
    assert connector.read(["1"]) == before


def test_a_child_changed_since_it_was_read_makes_a_write_stale(shop: Shop) -> None:
    connector = shop.connect()
    seen = connector.read(["1"])["1"]
    shop.run("UPDATE phones SET number = '7' WHERE id = 10")

    assert connector.write([update({"name": "NEW"}, seen.version)]) == [Stale()]


def test_five_hundred_updates_read_their_rows_and_lists_in_a_few_statements(shop: Shop) -> None:
    connection = sqlite3.connect(shop.path)
    connection.executemany("INSERT INTO people VALUES (?, 'X', NULL)", [(n,) for n in range(100, 600)])
    connection.commit()
    connection.close()
    connector = shop.connect()
    connector.check()
    said: list[str] = []

    def note(*arguments: Any) -> None:
        said.append(arguments[2])

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        connector.write([Write(Op.UPDATE, f"hub:{n}", str(n), {"name": "NEW"}) for n in range(100, 600)])
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)

    assert len([each for each in said if each.startswith("SELECT")]) == 4


# --- settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"key": ["a", "b"], "create_key": "hub"}, "a key of one column"),
        ({"key": ["a", "a"]}, "names a column twice"),
        ({"key": ["a", "b"], "children": {"phones": PHONES}}, "as many columns as `key`"),
        ({"key": "a", "children": {"phones": {**PHONES, "changed": "at"}}}, "needs `changed` of the table"),
        ({"key": "a", "children": {"phones": {"table": "x", "key": "y", "columns": []}}}, "columns"),
    ],
)
def test_settings_that_do_not_hang_together_say_so(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        SqlConnector.Settings.model_validate({"url": "sqlite:///x", "table": "t", **settings})


def test_a_list_named_like_a_column_stops_the_connection(shop: Shop) -> None:
    with pytest.raises(AccountError, match="give the list another name"):
        shop.connect(children={"name": PHONES}).check()


def test_a_child_table_that_is_not_there_is_named(shop: Shop) -> None:
    with pytest.raises(AccountError, match="there is no table fones"):
        shop.connect(children={"phones": {**PHONES, "table": "fones"}}).check()
