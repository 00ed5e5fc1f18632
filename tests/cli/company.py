"""A small company on disk: a CRM in a database of its own, a partner's file, and a configuration."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from time import sleep

from tests.canaries import canary

MAPPING = """
fields:
  given_name: first
  family_name: last
  emails: mail
"""
SECRET = canary("company")


class Company:
    """store: address of the hub's store. Everything is below `home`."""

    def __init__(self, home: Path, store: str = "sqlite:///data/hub.db", more: str = "", web_port: int = 0) -> None:
        self.home = home
        (home / "config" / "mappings").mkdir(parents=True)
        (home / "in").mkdir()
        (home / "config" / "mappings" / "crm.yaml").write_text(MAPPING)
        (home / "config" / "hub.yaml").write_text(f"""
store: {store}
connections:
  crm:
    type: sql
    url: sqlite:///crm.db
    table: people
    key: id
    mapping: mappings/crm.yaml
    schedule: every 1 second
    full_every: 1 second
  partners:
    type: file
    path: in/*.csv
    key: id
    schedule: every 1 second
{more}
web: {{port: {web_port}}}
""")
        self.sql("create table people (id integer primary key, first text, last text, mail text)")

    def sql(self, text: str, *values: object) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.home / "crm.db", timeout=30)) as db, db:
            return db.execute(text, values).fetchall()

    def hire(self, first: int, last: int) -> None:
        """People with the numbers from `first` to before `last` in the CRM."""
        with closing(sqlite3.connect(self.home / "crm.db", timeout=30)) as db, db:
            db.executemany("insert into people values (?, ?, ?, ?)", [(n, *person(n)) for n in range(first, last)])

    def deliver(self, first: int, last: int) -> None:
        """The partner's file holds these people."""
        rows = [f"p{n},{','.join(person(n))}" for n in range(first, last)]
        (self.home / "in" / "a.csv").write_text("\n".join(["id,given_name,family_name,emails", *rows, ""]))

    def store(self, text: str) -> list[tuple[object, ...]]:
        """What the SQLite store holds."""
        with closing(sqlite3.connect(self.home / "data" / "hub.db", timeout=30)) as db:
            return db.execute(text).fetchall()

    def wait_until_running(self, process: subprocess.Popen[str]) -> None:
        """Until a run of this process is under way, or it has ended."""
        known = self._runs()
        while process.poll() is None and self._runs() == known:
            sleep(0.01)

    def _runs(self) -> int:
        try:
            return int(str(self.store("select count(*) from run")[0][0]))
        except sqlite3.OperationalError:
            return 0

    def popen(self, *args: str, first: str = "") -> subprocess.Popen[str]:
        """first: what the process does before it is `hub`, such as to look more often than once a minute"""
        return subprocess.Popen(
            [sys.executable, "-c", f"{first}\nfrom hub.cli.main import app; app()", *args],
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )


def person(n: int) -> tuple[str, str, str]:
    """Nobody is like another: names of unlike syllables."""
    return syllables(n, 3).capitalize(), syllables(n * 7919 + 13, 4).capitalize(), f"{syllables(n, 3)}.{n}@example.org"


def syllables(n: int, length: int) -> str:
    n = (n + 1) * 2654435761 % 2**32
    return "".join("bdfgklmnprstvz"[(n >> 5 * i) % 14] + "aeiou"[(n >> 3 * i) % 5] for i in range(length))
