"""What people decide at the work lists: held runs, parked records, conflicts; and what may be pinned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from hub.errors import ConfigError
from hub.mapping.elements import email_key
from hub.mapping.phones import phone_key
from hub.mapping.text import Unmappable
from hub.model import KIND, MANY, SINGLE, base_field
from hub.store import lists, work
from hub.store.db import Store, Tx
from hub.store.lists import HoldRow, ParkedFilter
from hub.sync.run import approve_open

READ_AGAIN = ("read", "value")  # stages whose original is only a part: the source has to be read again
EVERYTHING = 2**31  # rows
ADDRESS = frozenset({"street", "locality", "region", "postcode", "country"})


# --- held runs --------------------------------------------------------------------------------------


def approve(store: Store, number: int, person: str, now: float) -> HoldRow:
    """The next run of its connection may touch as much as this hold counted. ConfigError: it is not open."""
    with store.write() as tx:
        hold = _open_hold(tx, number)
        approve_open(tx, hold.connection, person, now, number)
    return hold


def refuse(store: Store, number: int, person: str, now: float) -> HoldRow:
    """Close a hold and pause its connection until somebody starts it by hand. ConfigError: it is not open."""
    with store.write() as tx:
        hold = _open_hold(tx, number)
        tx.run(
            "UPDATE hold SET state = 'refused', person = :p, decided_at = :a WHERE id = :i",
            p=person,
            a=now,
            i=number,
        )
        work.mark_connection(tx, hold.connection, paused=f"{person} refused hold {number} ({hold.gate}): {hold.reason}")
    return replace(hold, state="refused", person=person, decided_at=now)


def _open_hold(tx: Tx, number: int) -> HoldRow:
    hold = lists.hold(tx, number)
    if hold is None or hold.state != "open":
        state = f"is {hold.state} already" if hold else "does not exist"
        raise ConfigError(f"Hold {number} {state}, so nothing was changed. See `hub held list`.")
    return hold


# --- parked records ---------------------------------------------------------------------------------


def retry(store: Store, chosen: ParkedFilter) -> int:
    """Send parked records back: the next run of their connection takes them in, or writes them, again.

    ConfigError when a number is not parked, or nothing is chosen: nothing was changed then.
    """
    with store.write() as tx:
        rows = _parked(tx, chosen)
        work.mark_parked(tx, [r.number for r in rows], "retry")
        _read_again(tx, rows)
    return len(rows)


def drop(store: Store, chosen: ParkedFilter) -> int:
    """Let parked records be: not shown again while their original stays the same. ConfigError as `retry`."""
    with store.write() as tx:
        rows = _parked(tx, chosen)
        work.mark_parked(tx, [r.number for r in rows], "dropped")
    return len(rows)


def _parked(tx: Tx, chosen: ParkedFilter) -> tuple[lists.ParkedRow, ...]:
    rows = lists.parked(tx, chosen, lists.Part(limit=EVERYTHING)).rows
    missing = sorted(set(chosen.numbers or ()) - {r.number for r in rows})
    if missing:
        raise ConfigError(
            f"Not parked now: {', '.join(map(str, missing))}. Nothing was changed. See `hub parked list`."
        )
    if not rows:
        raise ConfigError("Nothing like that is parked, so nothing was changed. See `hub parked list`.")
    return rows


def _read_again(tx: Tx, rows: Iterable[lists.ParkedRow]) -> None:
    """What was parked before it could be mapped is read anew: its source lists everything at the next run."""
    stale = [r for r in rows if r.stage in READ_AGAIN]
    tx.many(
        "UPDATE record SET fingerprint = NULL WHERE connection = :c AND external_id = :e",
        [{"c": r.connection, "e": r.external_id} for r in stale],
    )
    for name in sorted({r.connection for r in stale}):
        work.mark_connection(tx, name, full_at=None, cursor=None)


# --- conflicts --------------------------------------------------------------------------------------


def accept(store: Store, numbers: Iterable[int], person: str, now: float) -> int:
    """The rule decided well: these conflicts leave the list. How many of them were open."""
    with store.write() as tx:
        found = [c for n in dict.fromkeys(numbers) if (c := lists.conflict(tx, n)) and c.state == "open"]
        tx.run("UPDATE conflict SET state = 'accepted' WHERE id IN :*ids", ids=[c.number for c in found])
        work.log_changes(tx, [_accepted(c, person, now) for c in found], None)
    return len(found)


def _accepted(conflict: lists.ConflictRow, person: str, now: float) -> work.Change:
    return work.Change(conflict.golden_id, now, f"conflict {conflict.number} accepted by {person}", None, None)


# --- pins -------------------------------------------------------------------------------------------


def pin_value(field: str, text: str | None, region: str | None) -> tuple[str, Any]:
    """(key, value) that a person's words mean; text None: empty the field, or remove the element.

    `emails/…` and `phones/…` are brought into their canonical form, their text is the label. ConfigError for
    what cannot be pinned: a consent is given or taken back by the person it belongs to.
    """
    base = base_field(field)
    if base == "consents":
        raise ConfigError(
            "A consent cannot be pinned, so nothing was changed. Enter the opt-in or the opt-out in the "
            "system in which the person gave it; the stricter one reaches all the others."
        )
    if base in MANY:
        return _element(base, field, text, region)
    if base not in SINGLE and base != KIND and not field.startswith("custom."):
        raise ConfigError(
            f"There is no field {field!r}, so nothing was changed. Fields: {', '.join(sorted(SINGLE))}, "
            f"kind, custom.NAME, and {', '.join(f'{m}/VALUE' for m in sorted(MANY - {'consents'}))}."
        )
    return field, None if text is None else _single(field, text)


def _single(field: str, text: str) -> str:
    if field == KIND and text not in ("person", "organisation"):
        raise ConfigError(f"kind is person or organisation, not {text!r}. Nothing was changed.")
    if field == "birth_date":
        try:
            date.fromisoformat(text)
        except ValueError as err:
            raise ConfigError("birth_date is written YYYY-MM-DD. Nothing was changed.") from err
    return text


def _element(base: str, field: str, text: str | None, region: str | None) -> tuple[str, Any]:
    name = field.partition("/")[2]
    if not name:
        raise ConfigError(
            f"{base} holds several values, so nothing was changed. Name one: {base}/VALUE; see `hub contacts show`."
        )
    if text is None:
        return field, None
    try:
        if base == "emails":
            field = f"emails/{email_key(name)}"
        elif base == "phones":
            field = f"phones/{phone_key(name, region)}"
    except Unmappable as err:
        raise ConfigError(f"{base}: {err.reason}. Nothing was changed.") from err
    if base == "addresses":
        return field, _address(text)
    return field, {"label": text} if text else {}


def _address(text: str) -> dict[str, str]:
    """`street=Rua Nova 1; postcode=1000-001; locality=Lisboa; country=PT`"""
    parts = dict(p.strip().split("=", 1) for p in text.split(";") if "=" in p)
    if not parts or parts.keys() - ADDRESS:
        raise ConfigError(
            f"An address is written as PART=TEXT; PART=TEXT with the parts {', '.join(sorted(ADDRESS))}. "
            "Nothing was changed."
        )
    return {name: value.strip() for name, value in parts.items()}
