"""Real SIGKILLs of a real `hub sync`: python -m tests.kills --kills 100 [--worlds 4] [--contacts 3000] [--seed 1].

A world is a folder with a configuration, the hub's store, and two legacy databases that know nothing of each
other: `erp` and `crm`. Both number their own rows and keep the hub's key in a column, so a create whose answer
is lost has to be found again. People type contacts into both, some into both at once, and edit them, while the
hub runs and while it is dead. `hub sync` is killed at a random moment, started again, killed again, and in the
end left alone until it has nothing to do.

Then every contact has to be in the hub, in both databases, once, with the last value of every field; and
`hub db check` has to find nothing. The last line says how many are lost and doubled; exit 1 if any are.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

SYSTEMS = ("erp", "crm")
OWNED = {"erp": "company", "crm": "job_title"}  # the field that people edit there
COLUMNS = ("given_name", "family_name", "email", "phone", "company", "job_title")
REST_ROUNDS = 12  # of `hub sync` until nothing is left to do
LONGEST = 300.0  # seconds that one `hub sync` may take
FIRST_GUESS = 6.0  # seconds a `hub sync` works, before one was measured
EARLY = 0.08  # share of kills while it still starts
OVERLAP = 2  # seconds that a pull goes back
SPREAD = 7_654_321  # has no divisor in common with 10**7, so numbers never come twice
MOST_AGAIN = 2000  # contacts that may be read again because of a kill

HUB_YAML = """
store: sqlite:///hub.db
default_region: PT
connections:
  erp: {type: sql, url: 'sqlite:///erp.db', table: people, key: id, reference: hub_ref, MORE}
  crm: {type: sql, url: 'sqlite:///crm.db', table: people, key: id, reference: hub_ref, MORE}
""".replace("MORE", f"mapping: people.yaml, changed: {{column: updated_at, overlap: {OVERLAP} seconds}}")
PEOPLE_YAML = """
kind: person
fields:
  {given_name: given_name, family_name: family_name, company: company, job_title: job_title,
   emails: {from: email}, phones: {from: phone}}
ignore: [id, hub_ref, updated_at]
"""

TABLE = """
CREATE TABLE people (
  id INTEGER PRIMARY KEY AUTOINCREMENT, given_name TEXT, family_name TEXT, email TEXT, phone TEXT,
  company TEXT, job_title TEXT, hub_ref TEXT,
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);
CREATE INDEX by_change ON people (updated_at, id);
CREATE TRIGGER stamp AFTER UPDATE ON people BEGIN
  UPDATE people SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = new.id;
END;
"""

ONSETS = "B C D F G L M N P R S T V Br Cr Dr Gr Pr Tr Cl".split()
VOWELS = "a e i o u ai ei ou".split()


@dataclass
class Tally:
    """What happened in a world, and what was found wrong at its end."""

    kills: int = 0
    starts: int = 0
    finished: int = 0
    in_write: int = 0  # kills that left a write with an unknown outcome
    in_load: int = 0  # kills before the first listing was complete
    again: int = 0  # most contacts that were read again after a kill
    contacts: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for name in ("kills", "starts", "finished", "in_write", "in_load", "contacts"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.again = max(self.again, other.again)
        for name in ("lost", "doubled", "wrong"):
            getattr(self, name).extend(getattr(other, name))


class World:
    """One folder, its two databases, the people in them, and the hub that is killed."""

    def __init__(self, folder: Path, seed: int, contacts: int) -> None:
        self.folder, self.draw = folder, Random(seed)
        self.tally = Tally()
        self.people = 0
        self.truth: dict[str, dict[str, str]] = {}  # e-mail → owned field → last value
        self.words = 0
        self.seconds = FIRST_GUESS
        (folder / "config").mkdir()
        (folder / "config" / "hub.yaml").write_text(HUB_YAML)
        (folder / "config" / "people.yaml").write_text(PEOPLE_YAML)
        for name in SYSTEMS:
            with self.database(name) as db:
                db.executescript("PRAGMA journal_mode = WAL;" + TABLE)
        self._move_in(contacts)

    # people --------------------------------------------------------------------------------------------

    @contextmanager
    def database(self, name: str) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.folder / f"{name}.db", timeout=60)) as db, db:
            yield db

    def _move_in(self, contacts: int) -> None:
        """Everybody who was there before the hub came; stamped long ago, a second apart."""
        self._type("erp", contacts)
        self._type("crm", contacts // 10)
        for name in SYSTEMS:
            with self.database(name) as db:
                db.execute("DROP TRIGGER stamp")
                db.execute("UPDATE people SET updated_at = datetime('2024-01-01', id || ' seconds')")
                db.executescript(TABLE[TABLE.index("CREATE TRIGGER") :])

    def meddle(self) -> None:
        """People at work: new contacts, some typed into both systems, and edits."""
        self._type("erp", self.draw.randrange(5, 30))
        self._type("crm", self.draw.randrange(2, 10))
        self._type_into_both(self.draw.randrange(0, 4))
        for name in SYSTEMS:
            self._edit(name, self.draw.randrange(5, 30))

    def _type(self, system: str, count: int) -> None:
        with self.database(system) as db:
            for _ in range(count):
                self._insert(db, system, self._new_person())

    def _type_into_both(self, count: int) -> None:
        found = [self._new_person() for _ in range(count)]
        for system in SYSTEMS:
            with self.database(system) as db:
                for person in found:
                    self._insert(db, system, person)

    def _insert(self, db: sqlite3.Connection, system: str, person: tuple[str, str, str, str]) -> None:
        owned = OWNED[system]
        value = self._word(owned)
        db.execute(
            f"INSERT INTO people (given_name, family_name, email, phone, {owned}) VALUES (?, ?, ?, ?, ?)",
            (*person, value),
        )
        self.truth.setdefault(person[2], {})[owned] = value

    def _edit(self, system: str, count: int) -> None:
        owned = OWNED[system]
        with self.database(system) as db:
            rows = db.execute("SELECT id, email FROM people ORDER BY id").fetchall()
            for row_id, email in self.draw.sample(rows, min(count, len(rows))):
                value = self._word(owned)
                db.execute(f"UPDATE people SET {owned} = ? WHERE id = ?", (value, row_id))
                self.truth[email][owned] = value

    def _new_person(self) -> tuple[str, str, str, str]:
        """Given name, family name, e-mail and phone, like nobody else's.

        Numbers that follow one another differ by a digit or two, which matching takes for a slip.
        """
        self.people += 1
        number = self.people * SPREAD % 10**7
        given, family = self._name(2), f"{self._name(3)} {self._name(3)}"
        return given, family, f"p{number}@post{number % 997}.example", f"+351 91{number:07d}"

    def _name(self, syllables: int) -> str:
        parts = (self.draw.choice(ONSETS) + self.draw.choice(VOWELS) for _ in range(syllables))
        return "".join(parts).capitalize()

    def _word(self, field_name: str) -> str:
        self.words += 1
        return f"{field_name} {self.words}"

    # the hub -------------------------------------------------------------------------------------------

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", "from hub.cli.main import app; app()", *args],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_and_kill(self) -> None:
        """One `hub sync`, killed at a random moment unless it is done before; people act meanwhile."""
        runs = self._runs()
        process = self.start("sync", "--yes", "--json")
        self.tally.starts += 1
        self.meddle()
        if self.draw.random() > EARLY:
            while process.poll() is None and self._runs() == runs:
                time.sleep(0.005)
        began = time.monotonic()
        try:
            out, err = process.communicate(timeout=self.draw.uniform(0.0, self.seconds))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            self._count_kill()
            self.seconds *= 1.1  # it works longer than that
        else:
            self._finished(process.returncode, out, err)
            self.seconds = 0.5 * (self.seconds + time.monotonic() - began)
        if self.draw.random() < 0.7:
            self.meddle()

    def _runs(self) -> list[Any]:
        return self._ask("SELECT count(*) FROM run")

    def _count_kill(self) -> None:
        self.tally.kills += 1
        self.tally.in_write += self._unanswered()
        self.tally.in_load += self._ask("SELECT count(*) FROM connection_state WHERE full_at IS NULL") != [(0,)]

    def _unanswered(self) -> bool:
        return self._ask("SELECT count(*) FROM intent") not in ([(0,)], [])

    def _ask(self, question: str) -> list[Any]:
        """Rows of the hub's store; none while there is no such table yet."""
        if not (self.folder / "hub.db").exists():
            return []
        with closing(sqlite3.connect(self.folder / "hub.db", timeout=60)) as db:
            try:
                return db.execute(question).fetchall()
            except sqlite3.OperationalError as err:
                if "no such table" not in str(err):
                    raise
                return []

    def _finished(self, code: int, out: str, err: str) -> list[dict[str, Any]]:
        self.tally.finished += 1
        if code != 0:
            raise RuntimeError(f"hub sync ended with {code}: {out[-1500:]} {err[-1500:]}")
        found: list[dict[str, Any]] = json.loads(out)["connections"]
        return found

    def rest(self) -> None:
        """Left alone until a whole `hub sync` finds nothing to do."""
        for _ in range(REST_ROUNDS):
            process = self.start("sync", "--yes", "--json")
            self.tally.starts += 1
            out, err = process.communicate(timeout=LONGEST)
            results = self._finished(process.returncode, out, err)
            busy = any(r["counts"].get(k) for r in results for k in ("pushed", "updates", "creates", "merges"))
            if not busy and self._ask("SELECT count(*) FROM queue") == [(0,)]:
                return
            time.sleep(OVERLAP)  # what was written just now is read once more
        self.tally.wrong.append(f"not at rest after {REST_ROUNDS} runs")

    # what must hold ------------------------------------------------------------------------------------

    def judge(self) -> None:
        golden = Counter(
            mail
            for (fields,) in self._ask("SELECT fields FROM golden WHERE state = 'live'")
            for key in json.loads(fields)
            if key.startswith("emails/") and (mail := key.removeprefix("emails/"))
        )
        linked = set(self._ask("SELECT connection, external_id FROM record WHERE state = 'live'"))
        self.tally.contacts = len(self.truth)
        for email in self.truth:
            self._count("the hub", email, golden[email])
        for name in SYSTEMS:
            self._judge_system(name, linked)
        self.tally.again = self._read_again()
        check = self.start("db", "check")
        out, err = check.communicate(timeout=LONGEST)
        if check.returncode:
            self.tally.wrong.append(f"hub db check: {out[-500:]} {err[-500:]}")

    def _judge_system(self, name: str, linked: set[tuple[str, str]]) -> None:
        with self.database(name) as db:
            rows = db.execute(f"SELECT id, hub_ref, {', '.join(COLUMNS)} FROM people").fetchall()
        there = Counter(row[4] for row in rows)
        for email in self.truth:
            self._count(name, email, there[email])
        refs = Counter(row[1] for row in rows if row[1])
        self.tally.doubled += [f"{name} has {n} rows with one key of the hub" for n in refs.values() if n > 1]
        for row in rows:
            if (name, str(row[0])) not in linked:
                self.tally.lost.append(f"row {row[0]} of {name} has no link")
            values = dict(zip(COLUMNS, row[2:], strict=True))
            for owned, value in self.truth.get(row[4], {}).items():
                if values[owned] != value:
                    self.tally.wrong.append(f"row {row[0]} of {name}: {owned} is {values[owned]!r}, not {value!r}")

    def _count(self, where: str, email: str, times: int) -> None:
        if times == 0:
            self.tally.lost.append(f"{email} is not in {where}")
        elif times > 1:
            self.tally.doubled.append(f"{email} is {times} times in {where}")

    def _read_again(self) -> int:
        """The most records that a run read without need, of the runs right after one that was broken off."""
        runs = self._ask("SELECT connection, status, counts FROM run ORDER BY started_at, id")
        most, broken = 0, dict.fromkeys(SYSTEMS, False)
        for connection, status, counts in runs:
            if broken[connection] and counts:
                most = max(most, json.loads(counts).get("unchanged", 0))
            broken[connection] = status == "interrupted"
        return most


def play(seed: int, kills: int, contacts: int) -> Tally:
    with tempfile.TemporaryDirectory(prefix="hub-kills-") as name:
        world = World(Path(name), seed, contacts)
        while world.tally.kills < kills:
            world.run_and_kill()
        world.rest()
        world.judge()
        say(f"world {seed}: {world.tally.kills} kills, {len(world.truth)} contacts, at rest")
        return world.tally


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kills")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--worlds", type=int, default=4, help="run at the same time; they share the kills")
    parser.add_argument("--contacts", type=int, default=3000, help="in a world before the hub comes")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    worlds = min(args.worlds, args.kills)
    shares = [args.kills // worlds + (n < args.kills % worlds) for n in range(worlds)]
    total = Tally()
    with ThreadPoolExecutor(worlds) as pool:
        seeds = range(args.seed, args.seed + worlds)
        for tally in pool.map(play, seeds, shares, [args.contacts] * worlds):
            total.add(tally)
    return report(total)


def report(total: Tally) -> int:
    say(f"{total.kills} kills of {total.starts} starts; {total.finished} ended by themselves")
    say(f"killed in the first load {total.in_load} times, with a write on its way {total.in_write} times")
    say(f"contacts: {total.contacts} in two databases and the hub")
    say(f"read again after a kill: at most {total.again} contacts (allowed: {MOST_AGAIN})")
    for what in (*total.lost[:20], *total.doubled[:20], *total.wrong[:20]):
        say(f"  {what}")
    say(f"{len(total.wrong)} values or checks wrong")
    say(f"{len(total.lost)} lost, {len(total.doubled)} doubled")
    return 1 if total.lost or total.doubled or total.wrong or total.again > MOST_AGAIN else 0


if __name__ == "__main__":
    sys.exit(main())
