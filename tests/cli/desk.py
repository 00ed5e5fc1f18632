"""A desk: the command `hub` over two small databases that people edit, and the store behind it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from hub.store.db import Store
from tests.cli.conftest import Answer

COLUMNS = ("first", "last", "mail", "tel", "job")
MAPPING = """
fields:
  given_name: first
  family_name: last
  emails: mail
  phones: tel
  job_title: job
"""
CONNECTION = """
  {name}:
    type: sql
    url: sqlite:///{name}.db
    table: people
    key: id
    mapping: people.yaml
    full_every: 1 second
"""
HARMFUL = "[red]Eve\x1b[31m\x9b2J\u202e\x07"
"""A name that would write red, clear the screen, turn the line round and ring the bell."""


class Desk:
    """Call it with the words after `hub`."""

    def __init__(self, hub: Callable[..., Answer]) -> None:
        self.hub = hub
        Path("config").mkdir()
        Path("config/people.yaml").write_text(MAPPING)
        connections = "".join(CONNECTION.format(name=name) for name in ("crm", "shop"))
        Path("config/hub.yaml").write_text(f"default_region: PT\nconnections:{connections}")
        for name in ("crm", "shop"):
            self.sql(name, f"create table people (id integer primary key, {', '.join(COLUMNS)})")

    def __call__(self, *words: str) -> Answer:
        return self.hub(*words)

    def sql(self, name: str, text: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"{name}.db")) as db, db:
            return db.execute(text, values).fetchall()

    def type_in(self, name: str, first: str, last: str, mail: str | None, **more: str) -> str:
        """Somebody makes a contact there; its name as CONNECTION:ID."""
        fields = {"first": first, "last": last, "mail": mail, **more}
        values = [fields.get(c) for c in COLUMNS]
        self.sql(name, f"insert into people ({', '.join(COLUMNS)}) values (?, ?, ?, ?, ?)", *values)
        return f"{name}:{self.sql(name, 'select max(id) from people')[0][0]}"

    def edit(self, ref: str, **fields: str) -> None:
        name, _, row_id = ref.partition(":")
        for column, value in fields.items():
            self.sql(name, f"update people set {column} = ? where id = ?", value, row_id)

    def sync(self, *names: str) -> None:
        """One cycle after the other, so that the order of what is read is known."""
        for name in names or ("crm", "shop", "crm"):
            answer = self("sync", name, "--yes")
            assert answer.code in (0, 1), answer.out + answer.err

    def json(self, *words: str) -> Any:
        answer = self(*words, "--json")
        assert answer.code in (0, 1), answer.err
        return json.loads(answer.out)

    def golden(self, text: str) -> str:
        """The golden id of the one contact that is found."""
        (found,) = self.json("contacts", "find", text)["rows"]
        return str(found["id"])

    def store(self, text: str, **params: Any) -> None:
        """A statement on the hub's own store."""
        store = Store("sqlite:///data/hub.db")
        try:
            with store.write() as tx:
                tx.run(text, **params)
        finally:
            store.close()

    def ask(self, a: str, b: str) -> int:
        """A question about two records, as matching would ask it; its number."""
        evidence = json.dumps([{"field": "given", "level": "a slip apart", "bits": 2.0}, ["phone", "different", -3.0]])
        numbers = (
            "(SELECT id FROM record WHERE connection || ':' || external_id = :a),"
            " (SELECT id FROM record WHERE connection || ':' || external_id = :b)"
        )
        self.store("DELETE FROM ask")
        self.store(
            "INSERT INTO ask (record_a, record_b, weight, evidence, at, state)"
            f" VALUES ({numbers}, -1.0, :e, :at, 'open')",
            a=a,
            b=b,
            e=evidence,
            at=time.time(),
        )
        return int(self.json("review", "list")["rows"][0]["number"])
