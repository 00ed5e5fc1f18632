"""A write that a system refused: the value is put right on the golden record, and the write is made again.

What is put right is pinned, so that it goes to every system and no later reading brings the refused value back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hub.errors import ConfigError, Overtaken
from hub.model import MANY, base_field
from hub.store import links as db
from hub.store import parked
from hub.store.db import Tx
from hub.store.lists import ParkedFilter, ParkedRow
from hub.sync.clusters import Clusters
from hub.sync.corrections import LONGEST, mark_of
from hub.sync.desk import note_parked, parked_rows, pin_text, pin_value
from hub.sync.engine import Hub, chunks
from hub.sync.people import fix

STAGE = "write"
BATCH = 200  # contacts put right in one transaction
ELEMENTS = MANY - {"addresses", "consents"}  # fields whose key is the value itself


@dataclass(frozen=True, slots=True)
class Looked:
    """What a person has looked at. seen: how many records; mark: of one, `mark_of` its original"""

    seen: int | None = None
    mark: str | None = None


def sent_fields(row: ParkedRow) -> dict[str, str]:
    """What of a refused write can be put right: field → value as it was sent, as text. Empty: nothing can."""
    return {key: _text(key, value) for key, value in _sent(row).items() if base_field(key) != "consents"}


def _sent(row: ParkedRow) -> dict[str, Any]:
    if row.stage != STAGE:
        return {}
    try:
        said = orjson.loads(row.original)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _text(key: str, value: Any) -> str:
    return key.partition("/")[2] if base_field(key) in ELEMENTS else pin_text(key, value)


def contacts_of(tx: Tx, rows: Sequence[ParkedRow]) -> dict[int, str]:
    """Number of a parked write → the golden record that it is of, as it answers today."""
    found: dict[int, str] = {}
    for name in sorted({row.connection for row in rows}):
        mine = [row for row in rows if row.connection == name]
        links = db.links_of(tx, name, [row.external_id for row in mine])
        for row in mine:
            link = links.get(row.external_id)
            golden_id = link.golden_id if link else row.external_id.removeprefix("golden:")
            home = db.resolve_golden(tx, golden_id)
            if home is not None:
                found[row.number] = home
    return found


def correct_contacts(
    hub: Hub,
    chosen: ParkedFilter,
    values: Mapping[str, str],
    person: str,
    region: str | None,
    looked: Looked = Looked(),
) -> tuple[ParkedRow, ...]:
    """Put fields of refused writes right on their contacts, and send the writes back. Those that were.

    values  field → the value that is meant; empty: none is. `emails` and the like without a value: those that were sent
            are taken from the contact
    ConfigError, NotThere, Overtaken: no write chosen has such a field with another value, or a value that is none;
    nothing is parked so; there are others than were looked at.
    """
    with hub.store.read() as tx:
        rows = [row for row in parked_rows(tx, chosen) if row.stage == STAGE]
        homes = contacts_of(tx, rows)
    if looked.seen is not None and looked.seen != len(rows):
        raise Overtaken(f"There are {len(rows)} such records by now, so nothing was changed. Look at them again.")
    if looked.mark is not None and rows and looked.mark != mark_of(rows[0].original):
        raise Overtaken(f"Record {rows[0].number} came again meanwhile, so nothing was changed. Look at it again.")
    meant = [(row, pins) for row in rows if row.number in homes and (pins := pins_of(row, values, region))]
    if not meant:
        raise ConfigError(
            f"No refused write chosen has another value in {', '.join(sorted(set(map(base_field, values))))}, so "
            "nothing was changed. See `hub parked show`."
        )
    for part in chunks(meant, BATCH):
        put_on_contacts(hub, part, homes, person)
    return tuple(row for row, _ in meant)


def pins_of(row: ParkedRow, values: Mapping[str, str], region: str | None) -> dict[str, Any]:
    """What is to be pinned: key → value, None to take it away. ConfigError for what is no value of its field."""
    sent = _sent(row)
    pins: dict[str, Any] = {}
    for field, text in values.items():
        if len(text) > LONGEST or "\x00" in text:
            raise ConfigError(f"A value is longer than {LONGEST:,} characters or holds a NUL, so nothing was changed.")
        if field in ELEMENTS and not text:
            pins |= {key: None for key in sent if base_field(key) == field}
        elif field in sent and base_field(field) != "consents" and text != _text(field, sent[field]):
            pins |= _pin(field, text.strip(), sent[field], region)
    return pins


def _pin(field: str, text: str, sent: Any, region: str | None) -> dict[str, Any]:
    base = base_field(field)
    if base not in ELEMENTS:
        key, value = pin_value(field, text or None, region)
        return {key: value}
    if not text:
        return {field: None}
    key, value = pin_value(f"{base}/{text}", pin_text(field, sent), region)
    return {field: None, key: value}


def put_on_contacts(
    hub: Hub, part: Sequence[tuple[ParkedRow, Mapping[str, Any]]], homes: Mapping[int, str], person: str
) -> None:
    """Pin what is meant on the contacts of these writes, and send the writes back: one transaction.

    part  with what `pins_of` each says; homes: as of `contacts_of`
    """
    with hub.store.write() as tx:
        clusters = Clusters(hub, tx, hub.new_id("p"), hub.clock())
        clusters.load({homes[row.number] for row, _ in part})
        for row, pins in part:
            cluster = clusters[homes[row.number]]
            fix(clusters, cluster, pins, person)
            cluster.touched = cluster.joined = True
        clusters.settle()
        rows = [row for row, _ in part]
        parked.mark(tx, [row.number for row in rows], "retry")
        note_parked(tx, person, "refused writes corrected", rows, contacts=len({homes[row.number] for row in rows}))
