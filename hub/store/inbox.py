"""Deliveries of forms: stored durably before they are answered, read in the order they were stored.

The one writer gives numbers and commits them in the same order, so that whoever has read up to a number
has missed none before it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hub.errors import TransientError
from hub.model import Unreadable
from hub.store import opt_in
from hub.store.db import Store, Tx, dumps, loads
from hub.store.opt_in import Asking

BUSY_RETRY_SECONDS = 5.0
KEPT_SECONDS = 30 * 86_400.0  # a delivery that is sent again within this time is known by its id

MOST_TRIES = 2  # of a delivery alone, after the one among others: then it is set aside

Delivery = tuple[int, str, datetime, Mapping[str, Any] | Unreadable]


class Arrival(NamedTuple):
    """A delivery to be stored. asking: consents of it that are to be confirmed; stored only with a new one"""

    connection: str
    delivery_id: str
    received_at: datetime
    payload: Mapping[str, Any]
    asking: Asking | None = None


class StoreInbox:
    """The writing side, of all forms.

    told  hears of which connection something new has arrived
    """

    def __init__(self, store: Store, told: Callable[[str], None] = lambda _: None) -> None:
        self._store, self._told = store, told

    def add(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """All or none, in one transaction; returns when they would survive a crash. True: new, False: known by its id.

        TransientError when the store is busy or away: nothing was stored.
        """
        try:
            with self._store.write() as tx:
                news = _arrive(tx, arrivals)
        except TransientError as err:
            raise TransientError(
                "The store is busy or away: the delivery was not stored. Send it again.",
                retry_after=BUSY_RETRY_SECONDS,
            ) from err
        for connection in sorted(
            {arrival.connection for arrival, is_new in zip(arrivals, news, strict=True) if is_new}
        ):
            self._told(connection)
        return news

    def of(self, connection: str) -> FormInbox:
        return FormInbox(self._store, connection)


def _arrive(tx: Tx, arrivals: Sequence[Arrival]) -> list[bool]:
    """The one writer is here alone: what is not known now is not known when it is written."""
    known = _known(tx, arrivals)
    news = []
    for each in arrivals:
        name = each.connection, each.delivery_id
        news.append(name not in known)
        known.add(name)
    new = [each for each, is_new in zip(arrivals, news, strict=True) if is_new]
    _insert(tx, [(each.connection, each.delivery_id, each.received_at.timestamp(), each.payload) for each in new])
    for each in new:
        if each.asking is not None:
            opt_in.add(tx, each.asking)
    return news


def _known(tx: Tx, arrivals: Sequence[Arrival]) -> set[tuple[str, str]]:
    ids: dict[str, list[str]] = {}
    for each in arrivals:
        ids.setdefault(each.connection, []).append(each.delivery_id)
    text = "SELECT delivery_id FROM inbox WHERE connection = :c AND delivery_id IN :*ids"
    return {(name, row[0]) for name, some in ids.items() for row in tx.all(text, c=name, ids=some)}


def _insert(tx: Tx, rows: Sequence[tuple[str, str, float, Mapping[str, Any]]]) -> None:
    tx.many(
        "INSERT INTO inbox (connection, delivery_id, received_at, payload) VALUES (?, ?, ?, ?)",
        [(connection, delivery_id, at, dumps(dict(payload))) for connection, delivery_id, at, payload in rows],
        ("text", "text", "float8", "text"),
    )


def bring_again(tx: Tx, connection: str, delivery_id: str, received_at: float, payload: Mapping[str, Any]) -> None:
    """A delivery as if it had just come, in the place of what was stored under its id."""
    tx.run("DELETE FROM inbox WHERE connection = :c AND delivery_id = :d", c=connection, d=delivery_id)
    _insert(tx, [(connection, delivery_id, received_at, payload)])


def repeat(tx: Tx, connection: str, delivery_id: str) -> None:
    """A delivery that is still there comes again, as it was."""
    row = tx.one(
        "SELECT received_at, payload FROM inbox WHERE connection = :c AND delivery_id = :d", c=connection, d=delivery_id
    )
    if row is not None:
        bring_again(tx, connection, delivery_id, row[0], loads(row[1]))


def try_again(tx: Tx, rows: Iterable[tuple[str, str]]) -> None:
    """(connection, delivery id): they are not set aside unread."""
    text = "UPDATE inbox SET tries = 0 WHERE connection = ? AND delivery_id = ?"
    tx.many(text, list(rows))


def forget(tx: Tx, connection: str, delivery_ids: Sequence[str]) -> None:
    """Deliveries that are not to be kept."""
    tx.run("DELETE FROM inbox WHERE connection = :c AND delivery_id IN :*ids", c=connection, ids=list(delivery_ids))


class FormInbox:
    """The reading side, of one form: `hub.connectors.contract.Inbox`.

    After a run whose process was killed deliveries are handed out one by one, and each is marked before: so the one
    that kills is found, and set aside at last. Whoever comes for the next one has survived the last.
    """

    def __init__(self, store: Store, connection: str) -> None:
        self._store, self._connection = store, connection
        self._alone: int | None = None  # number of the delivery that was marked last

    def read(self, after: int, limit: int) -> Sequence[Delivery]:
        with self._store.read() as tx:
            careful = self._alone is not None or (limit > 1 and _was_cut_off(tx, self._connection))  # one: a look only
            rows = self._rows(tx, after, 1 if careful else limit)
        if careful:
            self._mark(rows[0][0] if rows else None)
        return [_delivery(number, name, at, payload, tries + careful) for number, name, at, payload, tries in rows]

    def _rows(self, tx: Tx, after: int, limit: int) -> Sequence[Any]:
        return tx.all(
            "SELECT id, delivery_id, received_at, payload, tries FROM inbox"
            " WHERE connection = :c AND id > :after ORDER BY id LIMIT :n",
            c=self._connection,
            after=after,
            n=limit,
        )

    def _mark(self, number: int | None) -> None:
        """The last one came to its end; this one is taken now."""
        with self._store.write() as tx:
            if self._alone is not None:
                tx.run(self._marks("0", " AND tries <= :most"), i=self._alone, most=MOST_TRIES)  # set aside it stays
            if number is not None:
                tx.run(self._marks("tries + 1"), i=number)
        self._alone = number

    def _marks(self, tries: str, more: str = "") -> str:
        """What a plan that is tried out has deleted is not waited for: nothing of that is kept."""
        rest = " FOR UPDATE SKIP LOCKED" if self._store.dialect != "sqlite" else ""
        return f"UPDATE inbox SET tries = {tries} WHERE id IN (SELECT id FROM inbox WHERE id = :i{more}{rest})"


def _was_cut_off(tx: Tx, connection: str) -> bool:
    """Whether the run before the one under way did not come to any end of its own: one that did has counted."""
    rows = tx.all(
        "SELECT status, counts FROM run WHERE connection = :c ORDER BY started_at DESC, id DESC LIMIT 2", c=connection
    )
    return len(rows) == 2 and rows[0][0] == "running" and rows[1][1] is None


def _delivery(number: int, delivery_id: str, received_at: float, payload: str, tries: int) -> Delivery:
    at = datetime.fromtimestamp(received_at, UTC)
    if tries <= MOST_TRIES:
        return number, delivery_id, at, loads(payload)
    reason = (
        f"the hub's process ended {tries} times in the middle of taking it in, so it was set aside and the others "
        "went on. See the log for what ended it; retry it when that is put right"
    )
    return number, delivery_id, at, Unreadable(f"delivery {delivery_id}", reason, payload, delivery_id)


def waiting(tx: Tx, connections: Sequence[str]) -> set[str]:
    """Forms with deliveries that were not pulled yet."""
    newest = tx.all(
        "SELECT i.connection, max(i.id), max(s.cursor) FROM inbox i"
        " LEFT JOIN connection_state s ON s.name = i.connection"
        " WHERE i.connection IN :*names GROUP BY i.connection",
        names=list(connections),
    )
    return {name for name, number, cursor in newest if number > _number(cursor)}


def newest_at(tx: Tx) -> float | None:
    """When the newest delivery there is came; epoch seconds."""
    row = tx.one("SELECT received_at FROM inbox ORDER BY id DESC LIMIT 1")
    return None if row is None else row[0]


def prune(store: Store, now: float, hints: Collection[str] = ()) -> int:
    """Forget deliveries that were pulled and are older than 30 days; how many.

    hints  connections whose deliveries only say where to look: those are forgotten as soon as they were read
    """
    with store.write() as tx:
        cursors = tx.all("SELECT name, cursor FROM connection_state WHERE name IN (SELECT connection FROM inbox)")
        return sum(
            tx.touched(
                "DELETE FROM inbox WHERE connection = :c AND id <= :read AND received_at < :before",
                c=name,
                read=_number(cursor),
                before=now if name in hints else now - KEPT_SECONDS,
            )
            for name, cursor in cursors
        )


def _number(cursor: str | None) -> int:
    """Number of the last delivery that was read: the cursor itself, or `heard` in one that is a JSON object."""
    if cursor and cursor.startswith("{"):
        found = loads(cursor)
        heard = found.get("heard") if isinstance(found, dict) else None
        return heard if isinstance(heard, int) else 0
    return int(cursor) if cursor and cursor.isdigit() else 0
