"""What people decide about golden records: pin a value, merge, split, answer a question.

Each is one transaction that ends like any other change: the golden record is computed anew and every system
that should know is queued.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.errors import ConfigError, NotThere, Overtaken
from hub.mapping.elements import address_key
from hub.model import base_field
from hub.store import changes
from hub.store import links as db
from hub.store.audit import mark, note
from hub.store.db import Tx, dumps, loads
from hub.sync.clusters import Cluster, Clusters
from hub.sync.engine import Hub
from hub.sync.joining import join, load, part, say, side_of
from hub.sync.link import Link
from hub.sync.place import Newcomer, place


def pin(hub: Hub, golden_id: str, field: str, value: object, person: str, *, version: int | None = None) -> str:
    """Fix a field (or an element key; None removes it) whatever the systems say. Returns the id that answers.

    version  of the golden record that the person has looked at; Overtaken when it has another one by now
    """

    def change(_tx: Tx, clusters: Clusters, cluster: Cluster) -> None:
        fix(clusters, cluster, {field: value}, person)

    return _change(hub, golden_id, change, version)


def fix(clusters: Clusters, cluster: Cluster, values: Mapping[str, object], person: str) -> None:
    tx = clusters.tx
    fixed = [_marked(tx, field) | {"value": mark(tx, value)} for field, value in values.items()]
    note(tx, person, "pinned", f"contact {cluster.id}", {"fields": fixed}, at=clusters.now)
    for field, value in values.items():
        tx.run(
            "INSERT INTO pin (golden_id, field, value, person, at) VALUES (:g, :f, :v, :p, :a)"
            " ON CONFLICT (golden_id, field) DO UPDATE SET value = excluded.value, person = excluded.person,"
            " at = excluded.at",
            g=cluster.id,
            f=field,
            v=dumps(value),
            p=person,
            a=clusters.now,
        )
        cluster.pins[field] = loads(dumps(value))
    cluster.kind = f"pinned by {person}"


def unpin(hub: Hub, golden_id: str, field: str, person: str, *, version: int | None = None) -> str:
    """Let the rules decide a field again. NotThere: it is not pinned. version: as of `pin`"""

    def change(tx: Tx, clusters: Clusters, cluster: Cluster) -> None:
        if field not in cluster.pins:
            raise NotThere(f"This field of {cluster.id} is not pinned, so nothing was changed.")
        note(tx, person, "unpinned", f"contact {cluster.id}", {"fields": [_marked(tx, field)]}, at=clusters.now)
        tx.run("DELETE FROM pin WHERE golden_id = :g AND field = :f", g=cluster.id, f=field)
        cluster.pins.pop(field, None)
        cluster.kind = f"unpinned by {person}"

    return _change(hub, golden_id, change, version)


def _marked(tx: Tx, field: str) -> dict[str, str]:
    """A field for the audit: of one among many values, which one is not told."""
    base = base_field(field)
    return {"field": base} if base == field else {"field": base, "element": mark(tx, field)}


def _change(hub: Hub, golden_id: str, change: Callable[[Tx, Clusters, Cluster], None], version: int | None) -> str:
    with hub.store.write() as tx:
        clusters = _clusters(hub, tx)
        cluster = load(clusters, golden_id)
        if version is not None and cluster.golden.version != version:
            raise Overtaken(f"Golden record {cluster.id} has changed meanwhile. Nothing was changed. Look at it again.")
        change(tx, clusters, cluster)
        return _settled(clusters, cluster)


def _settled(clusters: Clusters, cluster: Cluster) -> str:
    cluster.touched = cluster.joined = True
    clusters.settle()
    return cluster.id


def _clusters(hub: Hub, tx: Tx) -> Clusters:
    return Clusters(hub, tx, hub.new_id("p"), hub.clock())


def merge(hub: Hub, golden_ids: Sequence[str], person: str) -> str:
    """These golden records are one: see `joining.join`. The id that answers for all of them.

    Remembered as the person's "same", so that no later evidence takes them apart.
    """
    with hub.store.write() as tx:
        clusters = _clusters(hub, tx)
        kept = join(clusters, golden_ids, person).kept
        note(tx, person, "merged", f"contact {kept}", {"contacts": sorted(set(golden_ids))}, at=clusters.now)
        return kept


def split(hub: Hub, golden_id: str, refs: Sequence[tuple[str, str]], person: str) -> str:
    """Take these (connection, external id) records out into a golden record of their own; its id.

    The exact inverse of a merge: every claim goes with its record, the id and the pins that a merge took away
    come back, and both sides are repaired in the systems like after any other change. Remembered as "different".
    """
    with hub.store.write() as tx:
        clusters = _clusters(hub, tx)
        parted = part(clusters, golden_id, refs, person)
        said = {"records": len(refs), "new": parted.home}
        note(tx, person, "split", f"contact {parted.left}", said, at=clusters.now)
        return parted.home


# --- questions --------------------------------------------------------------------------------------


def answer(hub: Hub, ask_id: int, verdict: str, person: str, *, open_only: bool = False) -> str:
    """A possible duplicate is decided: "same" merges, "different" is remembered for ever. The golden id of the first.

    Other questions between the two golden records are settled with it.
    open_only  Overtaken when it has an answer already, or another one has settled it
    """
    with hub.store.write() as tx:
        a, b = _asked(tx, ask_id)
        if open_only:
            _refuse_answered(tx, ask_id, a, b)
        clusters = _clusters(hub, tx)
        homes = [a.golden_id, b.golden_id]
        kept = a.golden_id
        if verdict == "same" and a.golden_id != b.golden_id:
            kept = join(clusters, homes, person).kept
        elif verdict == "different" and a.golden_id == b.golden_id:
            old = load(clusters, a.golden_id)
            parted = part(clusters, old.id, side_of(tx, old, a, b), person)
            homes = [parted.home, parted.left]
            kept = next(iter(db.links_by_id(tx, [a.id]).values())).golden_id
        say(tx, a, b, verdict, person, clusters.now)
        tx.run("UPDATE ask SET state = :s WHERE id = :i", s=verdict, i=ask_id)
        if verdict == "different":
            _settle_questions(tx, *homes)
        said_of = {"answer": verdict, "records": [a.id, b.id], "contact": kept}
        note(tx, person, "question answered", f"question {ask_id}", said_of, at=clusters.now)
        return kept


def _refuse_answered(tx: Tx, ask_id: int, a: Link, b: Link) -> None:
    row = tx.one("SELECT state FROM ask WHERE id = :i", i=ask_id)
    if row is None or row[0] not in ("open", "withdrawn") or a.golden_id == b.golden_id:
        raise Overtaken(f"Question {ask_id} is answered already, so nothing was changed. See `hub review list --all`.")


def _asked(tx: Tx, ask_id: int) -> tuple[Link, Link]:
    row = tx.one("SELECT record_a, record_b FROM ask WHERE id = :i", i=ask_id)
    links = db.links_by_id(tx, row) if row else {}
    if row is None or len(links) < 2:
        raise NotThere(f"There is no question number {ask_id}. Nothing was changed. See `hub review list`.")
    return links[row[0]], links[row[1]]


def _settle_questions(tx: Tx, one: str, other: str) -> None:
    """What a "different" across two golden records has answered as well."""
    _mark_questions(tx, one, other, "open", "settled")


def _mark_questions(tx: Tx, one: str, other: str, before: str, after: str) -> None:
    members = db.members(tx, [one, other])
    tx.run(
        "UPDATE ask SET state = :after WHERE state = :before AND ((record_a IN :*one AND record_b IN :*other)"
        " OR (record_a IN :*other AND record_b IN :*one))",
        after=after,
        before=before,
        one=[m.id for m in members[one]],
        other=[m.id for m in members[other]],
    )


@dataclass(frozen=True, slots=True)
class TakenBack:
    """An answer that counts no more, and where the model puts the two records: one golden record, or two."""

    answer: str
    homes: tuple[str, str]

    @property
    def is_one(self) -> bool:
        return self.homes[0] == self.homes[1]


def take_back(hub: Hub, ask_id: int, person: str, *, decide: bool = True) -> TakenBack:
    """Forget the answer to a question: what it did is undone, and the question is open again.

    decide  the model decides at once, and may take the two for one; else when one of them changes
    ConfigError when the question has no answer.
    """
    with hub.store.write() as tx:
        a, b = _asked(tx, ask_id)
        said = _forget_answer(tx, ask_id, a, b)
        clusters = _clusters(hub, tx)
        if said == "same" and a.golden_id == b.golden_id:
            old = load(clusters, a.golden_id)
            part(clusters, old.id, side_of(tx, old, a, b), person, remember=False)
            a, b = _asked(tx, ask_id)
        row = changes.Change(a.golden_id, clusters.now, f"answer “{said}” taken back by {person}", None, None)
        changes.log(tx, [row], clusters.run_id)
        tx.run("UPDATE ask SET state = 'open' WHERE id = :i", i=ask_id)
        note(tx, person, "answer taken back", f"question {ask_id}", {"answer": said}, at=clusters.now)
        if a.golden_id != b.golden_id:
            _mark_questions(tx, a.golden_id, b.golden_id, "settled", "open")
        if decide:
            _decide_again(_clusters(hub, tx), a, b)
        a, b = _asked(tx, ask_id)
        return TakenBack(said, (a.golden_id, b.golden_id))


def _forget_answer(tx: Tx, ask_id: int, a: Link, b: Link) -> str:
    """Remove the verdict, and those on other records of the two that the same answer gave."""
    first, second = sorted((a.id, b.id))
    row = tx.one(
        "SELECT answer, person, at FROM verdict WHERE record_a = :a AND record_b = :b",
        a=first,
        b=second,
    )
    if row is None:
        raise Overtaken(
            f"Question {ask_id} has no answer to take back. Nothing was changed. See `hub review list --all`."
        )
    homes = {a.golden_id, b.golden_id}
    tx.run(
        "DELETE FROM verdict WHERE answer = :v AND person = :p AND at = :t AND record_a IN :*ids AND record_b IN :*ids",
        v=row[0],
        p=row[1],
        t=row[2],
        ids=[m.id for found in db.members(tx, homes).values() for m in found],
    )
    return str(row[0])


def _decide_again(clusters: Clusters, a: Link, b: Link) -> None:
    """As if both had just been read: joined, asked about, or left apart."""
    clusters.load({a.golden_id, b.golden_id})
    links = [m for c in clusters for m in c.members if m.id in (a.id, b.id)]
    place(clusters, [Newcomer(x, x.opinion().fields) for x in links], most_merges=None)
    clusters.settle()


# --- conflicts --------------------------------------------------------------------------------------


def overturn(hub: Hub, conflict_id: int, person: str) -> str:
    """The loser of a conflict was right: its value is pinned, with the conflict's state. The golden id."""
    with hub.store.write() as tx:
        golden_id, field, loser, winner = _overturned(tx, conflict_id)
        clusters = _clusters(hub, tx)
        cluster = load(clusters, golden_id)
        fix(clusters, cluster, _pins_of(field, loser, winner), person)
        said = {"contact": cluster.id, "field": base_field(field)}
        note(tx, person, "conflict overturned", f"conflict {conflict_id}", said, at=clusters.now)
        return _settled(clusters, cluster)


def _overturned(tx: Tx, conflict_id: int) -> tuple[str, str, Any, Any]:
    """(golden id, field, loser, winner) of a conflict, which is marked first: of two people one comes too late."""
    row = tx.one("SELECT golden_id, field, claims, winner FROM conflict WHERE id = :i", i=conflict_id)
    if row is None:
        raise NotThere(f"There is no conflict {conflict_id}. Nothing was changed. See `hub conflicts list`.")
    if row[1] == "(record)":
        raise ConfigError(
            f"Conflict {conflict_id} cannot be overturned. Nothing was changed. See `hub conflicts list`."
        )
    mark_it = "UPDATE conflict SET state = 'overturned' WHERE id = :i AND state <> 'overturned'"
    if not tx.touched(mark_it, i=conflict_id):
        raise Overtaken(f"Conflict {conflict_id} is overturned already, so nothing was changed.")
    fight, winner = loads(row[2])[0], loads(row[3])
    return row[0], row[1], fight["ours"] if fight["theirs"] == winner else fight["theirs"], winner


def _pins_of(field: str, loser: Any, winner: Any) -> dict[str, Any]:
    """Key → value to pin so that the loser stands. An address has a key of its own."""
    if base_field(field) != "addresses" or loser is None:
        return {field: loser}
    beaten = {f"addresses/{address_key(winner)}": None} if winner else {}
    return beaten | {f"addresses/{address_key(loser)}": loser}
