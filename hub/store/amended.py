"""Pieces of sources that could not be read and were put right by a person, kept for when they come again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hub.store import schema
from hub.store.db import Tx, insert_sql

_COLUMNS = ("id", "mark", "place", "text", "external_id", "person", "at", "run_id", "own_run")
_ALL = f"SELECT {', '.join(_COLUMNS)} FROM amended"
_PUT = (
    insert_sql(schema.amended, ["connection", "mark", "place", "text", "external_id", "person", "at"])
    + " ON CONFLICT (connection, mark, place) DO UPDATE SET text = excluded.text, external_id = excluded.external_id,"
    " person = excluded.person, at = excluded.at, run_id = NULL, own_run = NULL"
)


@dataclass(frozen=True, slots=True)
class Amended:
    """mark: of the piece as it came; text: as it is meant; external_id: of the record that it is

    run_id   that it came up in last; own_run: in which the source brought that record by itself as well
    """

    id: int
    mark: str
    place: str
    text: str
    external_id: str
    person: str
    at: float
    run_id: str | None = None
    own_run: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """A correction that stood for a piece. place: of the piece; run_id: None where it was not listed"""

    id: int
    place: str
    external_id: str
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is meant in the place of a piece, and the key of the record that it is."""

    mark: str
    place: str
    text: str
    external_id: str


def has_any(tx: Tx, connection: str) -> bool:
    return tx.one("SELECT 1 FROM amended WHERE connection = :c LIMIT 1", c=connection) is not None


def by_marks(tx: Tx, connection: str, marks: Iterable[str]) -> list[Amended]:
    rows = tx.all(f"{_ALL} WHERE connection = :c AND mark IN :*m ORDER BY id", c=connection, m=sorted(set(marks)))
    return [Amended(*row) for row in rows]


def by_records(tx: Tx, connection: str, ids: Iterable[str]) -> dict[str, list[int]]:
    """External id → numbers of the corrections that are this record."""
    found: dict[str, list[int]] = {}
    text = "SELECT external_id, id FROM amended WHERE connection = :c AND external_id IN :*ids"
    for external_id, number in tx.all(text, c=connection, ids=list(ids)):
        found.setdefault(external_id, []).append(number)
    return found


def put(tx: Tx, connection: str, texts: Sequence[Text], person: str, at: float) -> None:
    """In place of what was said of the same piece before."""
    tx.many(
        _PUT,
        [
            {
                "connection": connection,
                "mark": each.mark,
                "place": each.place,
                "text": each.text,
                "external_id": each.external_id,
                "person": person,
                "at": at,
            }
            for each in texts
        ],
    )


def serve(tx: Tx, connection: str, served: Sequence[Served]) -> None:
    """These stood for a piece: it is not set aside any more, and where it moved to they follow."""
    tx.many(
        "UPDATE amended SET place = :p, external_id = :e, run_id = :r WHERE id = :i",
        [{"i": each.id, "p": each.place, "e": each.external_id, "r": each.run_id} for each in served],
    )
    tx.run(
        "UPDATE parked SET state = 'resolved' WHERE connection = :c AND stage = 'read' AND state IN ('open', 'retry')"
        " AND external_id IN :*places",
        c=connection,
        places=[each.place for each in served],
    )


def brought(tx: Tx, numbers: Sequence[int], run_id: str) -> None:
    """The source itself brings these records: what it says goes first."""
    tx.run("UPDATE amended SET own_run = :r WHERE id IN :*ids", r=run_id, ids=list(numbers))


def restore(tx: Tx, connection: str, run_id: str) -> None:
    """A listing came to its end: records that the source did not bring by itself are those that were put right."""
    tx.run(
        "UPDATE amended SET own_run = NULL WHERE connection = :c AND own_run <> :r",
        c=connection,
        r=run_id,
    )


def waiting(tx: Tx, connection: str, places: Iterable[str]) -> dict[str, str]:
    """Place → raw piece of those that are set aside there, or left out, by themselves."""
    rows = tx.all(
        "SELECT external_id, raw FROM parked WHERE connection = :c AND stage = 'read' AND external_id IN :*places"
        " AND state IN ('open', 'retry', 'dropped') AND raw IS NOT NULL",
        c=connection,
        places=sorted(set(places)),
    )
    return {row[0]: row[1] for row in rows}
