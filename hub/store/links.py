"""Source records, golden records and what ties them: one function an operation, each a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from hub.model import LinkState
from hub.store import schema
from hub.store.db import Row, Tx, dumps, insert_row_sql, loads
from hub.sync.link import Link

RecordRow = tuple[int, str, str, str, str, bytes, str | None, float, str, str | None, str, str | None]
"""All of a row of `record`, in the order of `_RECORD`."""

RECORD = "record"  # in `counter`: the highest number of a record
NO_FEATURES: Mapping[int, str] = MappingProxyType({})

_RECORD = [
    "id",
    "connection",
    "external_id",
    "golden_id",
    "state",
    "fingerprint",
    "version",
    "changed",
    "fields",
    "side",
    "run_id",
    "features",
]
_LINK = "id, connection, external_id, golden_id, state, fingerprint, version, changed, fields, side"
_INSERT_RECORD = insert_row_sql(schema.record, _RECORD)
_UPDATE_RECORD = (
    "UPDATE record SET golden_id = ?, state = ?, fingerprint = ?, version = ?, changed = ?, fields = ?, side = ?,"
    " run_id = ? WHERE id = ?"
)
_UPDATE_SIDE = (
    "UPDATE record SET state = :state, fingerprint = :fingerprint, version = :version,"
    " fields = :fields, side = :side WHERE id = :id"
)
_SELECT_GOLDEN = "SELECT id, state, version, fields, created_at FROM golden WHERE id IN :*ids"
_WHOLE = (
    "SELECT g.id, g.state, g.version, g.fields, g.created_at, EXISTS (SELECT 1 FROM pin p WHERE p.golden_id = g.id),"
    f" {', '.join('r.' + name for name in _LINK.split(', '))}"
    " FROM golden g LEFT JOIN record r ON r.golden_id = g.id WHERE g.id IN :*ids ORDER BY r.id"
)
_GOLDEN = ["id", "state", "merged_into", "version", "fields", "created_at", "updated_at"]
_INSERT_GOLDEN = insert_row_sql(schema.golden, _GOLDEN)
_UPDATE_GOLDEN = (
    "UPDATE golden SET state = :state, version = :version, fields = :fields, updated_at = :updated_at WHERE id = :id"
)


@dataclass(slots=True)
class GoldenRow:
    """A row of `golden`."""

    id: str
    state: str
    version: int
    fields: dict[str, Any]
    created_at: float


def known(tx: Tx, connection: str, ids: Sequence[str]) -> dict[str, tuple[int, bytes | None, str]]:
    """External id → (record id, fingerprint, state): all that an unchanged record costs."""
    rows = tx.all(
        "SELECT external_id, id, fingerprint, state FROM record WHERE connection = :c AND external_id IN :*ids",
        c=connection,
        ids=list(ids),
    )
    return {r[0]: (r[1], r[2], r[3]) for r in rows}


def golden_ids(tx: Tx, connection: str, ids: Sequence[str]) -> dict[str, str]:
    """External id → golden id."""
    rows = tx.all(
        "SELECT external_id, golden_id FROM record WHERE connection = :c AND external_id IN :*ids",
        c=connection,
        ids=list(ids),
    )
    return {r[0]: r[1] for r in rows}


def homes(tx: Tx, connection: str, ids: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """External id → golden id; and those of them that were set aside and wait."""
    rows = tx.all(
        "SELECT external_id, golden_id FROM record WHERE connection = :c AND external_id IN :*ids"
        " UNION ALL SELECT DISTINCT external_id, NULL FROM parked WHERE connection = :c AND external_id IN :*ids"
        " AND state IN ('open', 'retry')",
        c=connection,
        ids=list(ids),
    )
    return {i: home for i, home in rows if home is not None}, [i for i, home in rows if home is None]


def links_of(tx: Tx, connection: str, ids: Sequence[str]) -> dict[str, Link]:
    rows = tx.all(
        f"SELECT {_LINK} FROM record WHERE connection = :c AND external_id IN :*ids",
        c=connection,
        ids=list(ids),
    )
    return {r[2]: _link(r) for r in rows}


def links_by_id(tx: Tx, ids: Iterable[int]) -> dict[int, Link]:
    rows = tx.all(f"SELECT {_LINK} FROM record WHERE id IN :*ids", ids=list(ids))
    return {r[0]: _link(r) for r in rows}


def links_after(tx: Tx, after: int, limit: int) -> list[Link]:
    """Some records in order of id, whatever their state."""
    rows = tx.all(f"SELECT {_LINK} FROM record WHERE id > :after ORDER BY id LIMIT :n", after=after, n=limit)
    return [_link(row) for row in rows]


def links_there_after(tx: Tx, connection: str, after: str, limit: int) -> list[Link]:
    """Some records of a connection in order of external id, whatever their state."""
    rows = tx.all(
        f"SELECT {_LINK} FROM record WHERE connection = :c AND external_id > :after ORDER BY external_id LIMIT :n",
        c=connection,
        after=after,
        n=limit,
    )
    return [_link(row) for row in rows]


def packed_otherwise(tx: Tx, edition: int) -> int:
    """How many records have features that another edition packed."""
    [(count,)] = tx.all(
        "SELECT count(*) FROM record WHERE features IS NOT NULL AND features NOT LIKE :start", start=f"[{edition},%"
    )
    return int(count)


def members(tx: Tx, golden_ids: Iterable[str]) -> dict[str, list[Link]]:
    """Every source record of these golden records, whatever its state, in order of id."""
    wanted = list(golden_ids)
    found: dict[str, list[Link]] = {g: [] for g in wanted}
    if not wanted:
        return found
    for row in tx.all(f"SELECT {_LINK} FROM record WHERE golden_id IN :*ids ORDER BY id", ids=wanted):
        found[row[3]].append(_link(row))
    return found


def in_state(tx: Tx, connection: str, state: LinkState, limit: int, after: int = 0) -> list[Link]:
    rows = tx.all(
        f"SELECT {_LINK} FROM record WHERE connection = :c AND state = :s AND state <> 'live' AND id > :after"
        " ORDER BY id LIMIT :n",
        c=connection,
        s=str(state),
        after=after,
        n=limit,
    )
    return [_link(r) for r in rows]


def count_doomed(tx: Tx, connection: str) -> int:
    # "<> 'live'" names the partial index: what is in doubt is found without looking at what is not
    row = tx.one(
        "SELECT count(*) FROM record WHERE connection = :c AND state = 'doomed' AND state <> 'live'",
        c=connection,
    )
    return int(row[0]) if row else 0


def count_there(tx: Tx, connection: str) -> int:
    """Records of a connection that are there, as far as we know."""
    row = tx.one(
        "SELECT count(*) FROM record WHERE connection = :c AND state IN ('live', 'archived', 'absent')", c=connection
    )
    return int(row[0]) if row else 0


def saved_by(tx: Tx, run_id: str, ids: Sequence[int]) -> set[int]:
    """Of these records, those that this run has saved."""
    rows = tx.all("SELECT id FROM record WHERE id IN :*ids AND run_id = :r", ids=list(ids), r=run_id)
    return {r[0] for r in rows}


def set_state(tx: Tx, ids: Sequence[int], state: LinkState) -> None:
    tx.run("UPDATE record SET state = :s WHERE id IN :*ids", s=str(state), ids=list(ids))


def forget_fingerprint(tx: Tx, record_id: int) -> None:
    """What is read of it next is looked at closely, whether it has changed or not."""
    tx.run("UPDATE record SET fingerprint = NULL WHERE id = :i", i=record_id)


def forget_fingerprints(tx: Tx, connection: str, external_ids: Sequence[str]) -> None:
    """These are looked at closely when they are read again."""
    tx.run(
        "UPDATE record SET fingerprint = NULL WHERE connection = :c AND external_id IN :*ids",
        c=connection,
        ids=list(external_ids),
    )


def take_back(tx: Tx, golden_ids: Sequence[str]) -> None:
    """What the hub had deleted of these golden records may be made anew."""
    tx.run(
        "UPDATE record SET state = :to WHERE golden_id IN :*ids AND state = :was",
        to=str(LinkState.TAKEN_BACK),
        was=str(LinkState.REMOVED),
        ids=list(golden_ids),
    )


def next_record_ids(tx: Tx, n: int) -> range:
    """`n` fresh numbers; only the one writer asks."""
    first = tx.counter(RECORD) + 1
    tx.count(RECORD, n)
    return range(first, first + n)


def insert_links(tx: Tx, links: Sequence[Link], run_id: str, features: Mapping[int, str] = NO_FEATURES) -> None:
    """features  record id → what matching sees of it, packed"""
    rows = [(x.id, x.connection, x.external_id, *_row(x, run_id), features.get(x.id)) for x in links]
    tx.many(_INSERT_RECORD, rows)


def insert_records(tx: Tx, rows: Sequence[RecordRow]) -> None:
    """Rows that are there as the store keeps them."""
    tx.many(_INSERT_RECORD, rows)


def update_links(tx: Tx, links: Sequence[Link], run_id: str) -> None:
    tx.many(_UPDATE_RECORD, [(*_row(x, run_id), x.id) for x in links])


def rename(tx: Tx, record_id: int, external_id: str) -> None:
    tx.run("UPDATE record SET external_id = :e WHERE id = :i", e=external_id, i=record_id)


def update_sides(tx: Tx, links: Sequence[Link]) -> None:
    """Shadow and state only: which golden record a link belongs to may have moved meanwhile."""
    tx.many(
        _UPDATE_SIDE,
        [
            {
                "id": x.id,
                "state": str(x.state),
                "fingerprint": x.fingerprint,
                "version": x.version,
                "fields": dumps(x.fields),
                "side": _side(x),
            }
            for x in links
        ],
    )


def touch(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """A new fingerprint and state for records whose canonical fields did not change."""
    tx.many(
        "UPDATE record SET fingerprint = :fingerprint, version = :version, state = :state WHERE id = :id",
        rows,
    )


def _row(link: Link, run_id: str) -> tuple[Any, ...]:
    return (
        link.golden_id,
        str(link.state),
        link.fingerprint,
        link.version,
        link.changed,
        dumps(link.fields),
        _side(link),
        run_id,
    )


def _side(link: Link) -> str | None:
    if not (link.told or link.own or link.since or link.echo or link.odd):
        return None
    parts = {
        "told": link.told,
        "own": link.own,
        "since": link.since,
        "echo": sorted(link.echo),
        "odd": sorted(link.odd),
    }
    return dumps({name: part for name, part in parts.items() if part})


def _link(row: Sequence[Any]) -> Link:
    side = loads(row[9]) if row[9] else {}
    return Link(
        id=row[0],
        connection=row[1],
        external_id=row[2],
        golden_id=row[3],
        state=LinkState(row[4]),
        fingerprint=bytes(row[5]) if row[5] is not None else None,
        version=row[6],
        changed=row[7],
        fields=loads(row[8]),
        told=side.get("told", {}),
        own=side.get("own", {}),
        since=side.get("since", {}),
        echo=set(side.get("echo", ())),
        odd=set(side.get("odd", ())),
    )


# --- golden records ---------------------------------------------------------------------------------


def goldens(tx: Tx, ids: Iterable[str]) -> dict[str, GoldenRow]:
    return {r[0]: _golden(r) for r in tx.all(_SELECT_GOLDEN, ids=list(ids))}


def asked_whole(tx: Tx, golden_ids: Sequence[str]) -> Callable[[], list[Row]]:
    """The rows of `whole`, to be had later."""
    return tx.later(_WHOLE, ids=list(golden_ids))


def whole(tx: Tx, rows: Iterable[Row]) -> tuple[dict[str, GoldenRow], dict[str, list[Link]], dict[str, dict[str, Any]]]:
    """Golden records, every source record of each, and their pins by field."""
    goldens: dict[str, GoldenRow] = {}
    members: dict[str, list[Link]] = {}
    pinned = []
    for row in rows:
        golden_id = row[0]
        if golden_id not in goldens:
            goldens[golden_id], members[golden_id] = _golden(row), []
            if row[5]:
                pinned.append(golden_id)
        if row[6] is not None:
            members[golden_id].append(_link(row[6:]))
    return goldens, members, pins(tx, pinned) if pinned else {}


def _golden(row: Sequence[Any]) -> GoldenRow:
    return GoldenRow(row[0], row[1], row[2], loads(row[3]), row[4])


def resolve_golden(tx: Tx, golden_id: str) -> str | None:
    """The id that answers for this one today, through every merge; None if it never was."""
    while True:
        row = tx.one("SELECT merged_into FROM golden WHERE id = :id", id=golden_id)
        if row is None:
            return None
        if row[0] is None:
            return golden_id
        golden_id = row[0]


def resolve_goldens(tx: Tx, golden_ids: Iterable[str]) -> dict[str, str]:
    """For each of these ids that ever was, the one that answers for it today, through every merge."""
    wanted = list(golden_ids)
    heirs: dict[str, str | None] = {}
    layer = set(wanted)
    while layer:
        rows = tx.all("SELECT id, merged_into FROM golden WHERE id IN :*ids", ids=sorted(layer))
        heirs.update((row[0], row[1]) for row in rows)
        layer = {row[1] for row in rows if row[1] is not None} - heirs.keys()
    return {golden_id: _last_heir(heirs, golden_id) for golden_id in wanted if golden_id in heirs}


def _last_heir(heirs: Mapping[str, str | None], golden_id: str) -> str:
    while heir := heirs[golden_id]:
        golden_id = heir
    return golden_id


def insert_goldens(tx: Tx, rows: Sequence[GoldenRow], at: float) -> None:
    tx.many(
        _INSERT_GOLDEN,
        [(g.id, g.state, None, g.version, dumps(g.fields), g.created_at, at) for g in rows],
    )


def update_goldens(tx: Tx, rows: Sequence[GoldenRow], at: float) -> None:
    tx.many(
        _UPDATE_GOLDEN,
        [
            {"id": g.id, "state": g.state, "version": g.version, "fields": dumps(g.fields), "updated_at": at}
            for g in rows
        ],
    )


def pins(tx: Tx, golden_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for golden_id, field, value in tx.all(
        "SELECT golden_id, field, value FROM pin WHERE golden_id IN :*ids", ids=list(golden_ids)
    ):
        found.setdefault(golden_id, {})[field] = loads(value) if value is not None else None
    return found


# --- matching ---------------------------------------------------------------------------------------


class Look(NamedTuple):
    """A record as matching sees it. features: packed; None where they have to be taken from its fields.

    golden_at  when its golden record was made; of `looks_of` and `judged` only, as are `tied` and `state`
    tied       the hub wrote there
    """

    id: int
    connection: str
    external_id: str
    golden_id: str
    features: str | None
    golden_at: float = 0.0
    tied: bool = False
    state: str = LinkState.LIVE

    @property
    def ref(self) -> tuple[str, str]:
        return self.connection, self.external_id


_VERDICTS = (
    "SELECT record_a, record_b, answer FROM verdict WHERE record_a IN :*ids"
    " UNION SELECT record_a, record_b, answer FROM verdict WHERE record_b IN :*ids"
)
_GLANCE = "SELECT id, connection, external_id, golden_id, features FROM record WHERE id IN :*ids"
_LOOK = (
    "SELECT r.id, r.connection, r.external_id, r.golden_id, r.features, g.created_at,"
    " coalesce(r.side LIKE '%\"echo\":%', :no), r.state"
    " FROM record r JOIN golden g ON g.id = r.golden_id WHERE"
)
_LOOKS_OF = f"{_LOOK} r.golden_id IN :*ids ORDER BY r.id"
_JUDGED = _LOOKS_OF.replace(" FROM record", ", EXISTS (SELECT 1 FROM verdict v WHERE v.record_a = r.id) FROM record", 1)


def looks(tx: Tx, ids: Iterable[int]) -> list[Look]:
    """These records at a glance: most of what meets is told apart by it, and its golden record not looked up."""
    return [Look(*row) for row in tx.all(_GLANCE, ids=list(ids))]


def looks_of(tx: Tx, golden_ids: Iterable[str]) -> list[Look]:
    """All records of these golden records."""
    return [Look(*row) for row in tx.all(_LOOKS_OF, ids=list(golden_ids), no=False)]


def homes_of(tx: Tx, ids: Iterable[int]) -> dict[int, str]:
    """The golden id of each of these records."""
    wanted = list(ids)
    return dict(tx.all("SELECT id, golden_id FROM record WHERE id IN :*ids", ids=wanted)) if wanted else {}


def judged(tx: Tx, golden_ids: Iterable[str]) -> tuple[list[Look], dict[tuple[int, int], str]]:
    """All records of these golden records, and what people said of them."""
    rows = tx.all(_JUDGED, ids=list(golden_ids), no=False)
    said = [row[0] for row in rows if row[-1]]
    return [Look(*row[:-1]) for row in rows], verdicts(tx, said) if said else {}


def save_features(tx: Tx, rows: Sequence[tuple[str | None, int]]) -> None:
    """(features, record id) pairs."""
    tx.many("UPDATE record SET features = ? WHERE id = ?", rows)


def repack(tx: Tx, rows: Sequence[tuple[str, int]]) -> None:
    """(features, record id) pairs; what is taken from its fields when it is needed stays so."""
    tx.many("UPDATE record SET features = ? WHERE id = ? AND features IS NOT NULL", rows)


def verdicts(tx: Tx, ids: Iterable[int]) -> dict[tuple[int, int], str]:
    return {(a, b): answer for a, b, answer in tx.all(_VERDICTS, ids=list(ids))}


def keep_apart(tx: Tx, pairs: Iterable[tuple[int, int]]) -> None:
    """(former, record id): what people said to be different from the one is so from the other. Its number is higher."""
    tx.many(
        "INSERT INTO verdict (record_a, record_b, answer, person, at)"
        " SELECT CASE WHEN record_a = :f THEN record_b ELSE record_a END, CAST(:n AS BIGINT), answer, person, at"
        " FROM verdict WHERE (record_a = :f OR record_b = :f) AND answer = 'different'",
        [{"f": former, "n": record_id} for former, record_id in pairs],
    )
