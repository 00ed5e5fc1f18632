"""Who changed what: rows without gaps, each sealed to the one before it by a keyed code.

A row is written in the transaction of the change it tells of, or neither is. The key is not in the store in clear:
who can write into the tables can neither change, leave out nor exchange a row unseen. That rows are missing at
the end is seen against a head that was kept elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.errors import ConfigError
from hub.store.db import Tx, dumps, loads
from hub.store.keyring import AUDIT

BATCH = 2000  # rows read together
_FIRST = ""  # what the first row follows
_HEAD = "audit head"
_KEY = "audit key"
BEGUN_ANEW = "keys begun anew"
"""Action of the first row under another key: those before it were made with one that is lost."""


@dataclass(frozen=True, slots=True)
class Row:
    """One change. detail: numbers, ids and names of fields; values only as `mark` makes them."""

    number: int
    at: float
    who: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    code: str


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of a moment: what is kept elsewhere, to see whether rows were cut off."""

    number: int
    code: str

    def __str__(self) -> str:
        return f"{self.number}:{self.code}"


@dataclass(slots=True)
class Verdict:
    """What `verify` found. wrong: (number of the row, what is wrong with it), in order.

    unjudged  rows from before the keys were begun anew: whether one of them was changed cannot be told
    """

    rows: int = 0
    unjudged: int = 0
    head: Head | None = None
    wrong: list[tuple[int, str]] = field(default_factory=list)


def note(
    tx: Tx, who: str, action: str, subject: str, detail: Mapping[str, Any] | None = None, *, at: float | None = None
) -> None:
    """Write a change down, in its own transaction.

    who      a person's name, or "token:NAME"
    subject  what was changed: its kind and id, such as "hold 7"
    at       epoch seconds; None: now
    """
    key = _key(tx)
    last: Head = tx.memo.get(_HEAD) or _last(tx) or Head(0, _FIRST)
    moment = time.time() if at is None else float(at)
    said = dumps(dict(detail or {}))
    number = last.number + 1
    code = _code(key, last.code, (number, moment, who, action, subject, said))
    tx.run(
        "INSERT INTO audit (number, at, who, action, subject, detail, code) VALUES (:n, :t, :w, :a, :s, :d, :c)",
        n=number,
        t=moment,
        w=who,
        a=action,
        s=subject,
        d=said,
        c=code,
    )
    tx.memo[_HEAD] = Head(number, code)


def mark(tx: Tx, value: Any) -> str:
    """Tells whether two values of the audit are the same, and nothing of the value to who lacks the key."""
    return hmac.new(_key(tx), b"value" + dumps(value).encode(), hashlib.sha256).hexdigest()[:16]


def _key(tx: Tx) -> bytes:
    if _KEY not in tx.memo:
        tx.memo[_KEY] = tx.keys.key(tx, AUDIT)
    found: bytes = tx.memo[_KEY]
    return found


def _code(key: bytes, before: str, row: Sequence[Any]) -> str:
    return hmac.new(key, dumps([before, *row]).encode(), hashlib.sha256).hexdigest()


def _last(tx: Tx) -> Head | None:
    row = tx.one("SELECT number, code FROM audit ORDER BY number DESC LIMIT 1")
    return Head(*row) if row else None


# --- reading ----------------------------------------------------------------------------------------


def head(tx: Tx) -> Head | None:
    """None: nothing was ever written down."""
    return _last(tx)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows. None: all."""

    who: str | None = None
    action: str | None = None
    subject: str | None = None


def rows(tx: Tx, wanted: Wanted, limit: int, before: int | None = None) -> list[Row]:
    """The newest first; before: only rows with a smaller number."""
    found = tx.all(
        "SELECT number, at, who, action, subject, detail, code FROM audit"
        " WHERE (:b = 0 OR number < :b) AND (:w = '' OR who = :w) AND (:a = '' OR action = :a)"
        " AND (:s = '' OR subject = :s) ORDER BY number DESC LIMIT :n",
        b=before or 0,
        w=wanted.who or "",
        a=wanted.action or "",
        s=wanted.subject or "",
        n=limit,
    )
    return [Row(r[0], r[1], r[2], r[3], r[4], loads(r[5]), r[6]) for r in found]


# --- judging ----------------------------------------------------------------------------------------


def read_head(text: str) -> Head:
    """As `Head` is written. ConfigError for anything else."""
    number, colon, code = text.strip().partition(":")
    if not colon or not number.isdecimal() or len(code) != 64:
        raise ConfigError("A head is written NUMBER:CODE, as `hub audit head` prints it. Nothing was verified.")
    return Head(int(number), code)


def verify(tx: Tx, heads: Sequence[Head] = ()) -> Verdict:
    """Look at every row, against its code and the row before it; and at heads that were kept elsewhere."""
    verdict = Verdict()
    key = tx.keys.known(tx, AUDIT)
    start = _begun_anew(tx, key) if key is not None else 0
    before = Head(0, _FIRST)
    kept = {h.number: h for h in heads}
    for row in _raw(tx):
        number, code = row[0], row[6]
        if key is None:
            verdict.wrong.append((number, "the key of the audit is gone from the store"))
            break
        verdict.wrong += _judge(key if number >= start else None, before, row)
        if number in kept and not hmac.compare_digest(code, kept[number].code):
            verdict.wrong.append((number, "is not the row whose head was kept"))
        before = Head(number, code)
        verdict.rows += 1
        verdict.unjudged += number < start
    verdict.head = before if before.number else None
    last = max(kept, default=0)
    if last > before.number:
        verdict.wrong.append((before.number + 1, f"rows {before.number + 1} to {last} are missing at the end"))
    return verdict


def _begun_anew(tx: Tx, key: bytes) -> int:
    """Number of the row under this key with which it began anew; 0: it never did. Without the key nobody writes one."""
    text = (
        "SELECT a.number, a.at, a.who, a.action, a.subject, a.detail, a.code, b.code FROM audit a"
        " LEFT JOIN audit b ON b.number = a.number - 1 WHERE a.action = :a ORDER BY a.number DESC"
    )
    for row in tx.all(text, a=BEGUN_ANEW):
        if hmac.compare_digest(_code(key, row[7] or _FIRST, row[:6]), row[6]):
            return int(row[0])
    return 0


def _judge(key: bytes | None, before: Head, row: Sequence[Any]) -> Iterator[tuple[int, str]]:
    """key: None where it is lost, and only numbers can be looked at"""
    number, first = row[0], before.number + 1
    if number > first:
        yield first, f"row {first} is missing" if number == first + 1 else f"rows {first} to {number - 1} are missing"
        return  # it follows a row that is not there, so its own code says nothing
    if key is not None and not hmac.compare_digest(_code(key, before.code, row[:6]), row[6]):
        yield number, "was changed, or put in another's place"


def _raw(tx: Tx) -> Iterator[Sequence[Any]]:
    after = 0
    while found := tx.all(
        "SELECT number, at, who, action, subject, detail, code FROM audit WHERE number > :a ORDER BY number LIMIT :n",
        a=after,
        n=BATCH,
    ):
        yield from found
        after = found[-1][0]
