"""What came of a conflict: where the value that stands was written, or still will be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from hub.store import contacts as db
from hub.store.db import Tx
from hub.store.links import goldens, members, resolve_golden
from hub.store.lists import ConflictRow
from hub.sync.link import HOLDING, Link

Reached: TypeAlias = Literal["written", "waits", "holds", "absent", "other"]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the value has come in a system.

    state  "written": the hub wrote the field since then, and was answered; "waits": it still will be; "holds": it is
           there without that; "absent": the contact is not there; "other": it has another value, and nothing waits
    """

    connection: str
    state: Reached
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Aftermath:
    """today  value of the golden record now, None: none; reached: by the systems that had to be told"""

    today: Any
    reached: tuple[Reach, ...]


def aftermath(tx: Tx, row: ConflictRow) -> Aftermath:
    home = resolve_golden(tx, row.golden_id)
    if home is None:
        return Aftermath(None, ())
    golden = goldens(tx, [home])[home]
    today = golden.fields.get(row.field)
    links = members(tx, [home])[home]
    told: dict[str, float] = {}
    for change in db.tellings(tx, [home, *db.former_ids(tx, home)]):
        if change.at >= row.at and row.field in (change.detail or {}):
            told[change.connection or ""] = change.at
    waiting = {each.connection: each.since for each in db.waiting(tx, home)}
    reached = (_reach(name, row.field, today, links, told, waiting) for name in row.told)
    return Aftermath(today, tuple(reached))


def _reach(
    name: str, key: str, today: Any, links: Sequence[Link], told: dict[str, float], waiting: dict[str, float]
) -> Reach:
    there = [link for link in links if link.connection == name and link.state in HOLDING]
    if name in waiting:
        return Reach(name, "waits", waiting[name])
    if not there:
        return Reach(name, "absent")
    if any(link.agreed().get(key) != today for link in there):
        return Reach(name, "other")
    return Reach(name, "written", told[name]) if name in told else Reach(name, "holds")
