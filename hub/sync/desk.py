"""What people decide at the work lists: held runs, parked records, conflicts; and what may be pinned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from hub.connectors.form_settings import RECEIVED_AT
from hub.connectors.form_settings import SPAM as SPAM_MARK
from hub.errors import ConfigError, NotThere, Overtaken
from hub.mapping.elements import ADDRESS_PARTS, email_key
from hub.mapping.phones import phone_key
from hub.mapping.text import Unmappable
from hub.model import KIND, MANY, SINGLE, base_field
from hub.store import changes, connections, lists, opt_in, parked
from hub.store.audit import note
from hub.store.db import Store, Tx, loads
from hub.store.inbox import bring_again, try_again
from hub.store.lists import HoldRow, ParkedFilter
from hub.store.runs import ask_to_stop, one_run
from hub.sync.corrections import amended, mark_of
from hub.sync.run import approve_open

READ_AGAIN = ("read", "value")  # stages whose original is only a part: the source has to be read again
SPAM = "spam"  # stage of deliveries of forms that were taken for it
EVERYTHING = 2**31  # rows
NAMED = 100  # numbers of parked records that a row of the audit names
ADDRESS = frozenset(ADDRESS_PARTS)


# --- held runs --------------------------------------------------------------------------------------


def approve(store: Store, number: int, person: str, now: float, *, seen: Mapping[str, int] | None = None) -> HoldRow:
    """The next run of its connection may touch as much as this hold counted.

    seen  the counts that the person has looked at
    NotThere, Overtaken: there is none, it is not open, or counts something else by now.
    """
    with store.write() as tx:
        hold = open_hold(tx, number, seen)
        approve_open(tx, hold.connection, person, now, number)
        note(tx, person, "hold approved", f"hold {number}", _of_hold(hold), at=now)
    return hold


def refuse(store: Store, number: int, person: str, now: float, *, seen: Mapping[str, int] | None = None) -> HoldRow:
    """Close a hold and pause its connection until somebody starts it by hand. Errors and `seen` as of `approve`."""
    with store.write() as tx:
        hold = open_hold(tx, number, seen)
        tx.run(
            "UPDATE hold SET state = 'refused', person = :p, decided_at = :a WHERE id = :i",
            p=person,
            a=now,
            i=number,
        )
        connections.mark(tx, hold.connection, paused=f"{person} refused hold {number} ({hold.gate}): {hold.reason}")
        note(tx, person, "hold refused", f"hold {number}", _of_hold(hold), at=now)
    return replace(hold, state="refused", person=person, decided_at=now)


def _of_hold(hold: HoldRow) -> dict[str, Any]:
    return {"connection": hold.connection, "gate": hold.gate, "counts": dict(hold.counts), "run": hold.run_id}


def open_hold(tx: Tx, number: int, seen: Mapping[str, int] | None) -> HoldRow:
    """A hold that waits. NotThere, Overtaken: there is none, it is decided, or counts something else than was seen."""
    hold = lists.hold(tx, number)
    if hold is None:
        raise NotThere(f"Hold {number} does not exist, so nothing was changed. See `hub held list`.")
    if hold.state != "open":
        raise Overtaken(f"Hold {number} is {hold.state} already, so nothing was changed. See `hub held list`.")
    if seen is not None and _counted(seen) != _counted(hold.counts):
        raise Overtaken(
            f"Hold {number} counts something else than was looked at, so nothing was changed. Look at it again."
        )
    return hold


def _counted(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: n for name, n in counts.items() if n}


# --- connections ------------------------------------------------------------------------------------


def pause(store: Store, name: str, person: str, reason: str, now: float) -> None:
    """No run of a connection begins until somebody starts it."""
    said = f"{person} paused it" + (f": {reason}" if reason else ".")
    with store.write() as tx:
        connections.remember(tx, name)
        connections.mark(tx, name, paused=said)
        note(tx, person, "paused", f"connection {name}", at=now)


def start(store: Store, name: str, person: str, now: float) -> None:
    """A paused connection is run by its schedule again."""
    with store.write() as tx:
        connections.mark(tx, name, paused=None)
        note(tx, person, "started", f"connection {name}", at=now)


def stop_run(store: Store, run_id: str, person: str, now: float) -> None:
    """A run under way ends after its page; the next one goes on from there.

    NotThere, Overtaken: there is none, or it is not under way any more.
    """
    with store.write() as tx:
        run = one_run(tx, run_id)
        if run is None:
            raise NotThere(f"There is no run {run_id}, so nothing was stopped. See `hub runs`.")
        if run.status != "running":
            raise Overtaken(f"Run {run_id} is {run.status} already, so nothing was stopped.")
        if ask_to_stop(tx, run_id, person):
            note(tx, person, "run asked to stop", f"connection {run.connection}", {"run": run_id}, at=now)


# --- parked records ---------------------------------------------------------------------------------


def retry(store: Store, chosen: ParkedFilter, person: str) -> int:
    """Send parked records back: the next run of their connection takes them in, or writes them, again.

    What was taken for spam is taken for none.

    ConfigError when a number is not parked, or nothing is chosen: nothing was changed then.
    """
    with store.write() as tx:
        rows = parked_rows(tx, chosen)
        parked.mark(tx, [r.number for r in rows if r.stage != SPAM], "retry")
        parked.mark(tx, [r.number for r in rows if r.stage == SPAM], "resolved")
        read_again(tx, rows)
        _not_spam(tx, rows)
        note_parked(tx, person, "parked sent back", rows)
    return len(rows)


def _not_spam(tx: Tx, rows: Iterable[lists.ParkedRow]) -> None:
    """Deliveries that were taken for spam come in anew, without that mark; a consent to be confirmed is asked for."""
    for row in rows:
        if row.stage != SPAM:
            continue
        payload = loads(row.original)
        payload.pop(SPAM_MARK, None)
        arrived = datetime.fromisoformat(payload[RECEIVED_AT]).timestamp() if RECEIVED_AT in payload else row.at
        bring_again(tx, row.connection, row.external_id, arrived, payload)
        opt_in.wake(tx, row.connection, row.external_id)


def drop(store: Store, chosen: ParkedFilter, person: str) -> int:
    """Let parked records be: not shown again while their original stays the same. ConfigError as `retry`."""
    with store.write() as tx:
        rows = parked_rows(tx, chosen)
        parked.mark(tx, [r.number for r in rows], "dropped")
        note_parked(tx, person, "parked dropped", rows)
    return len(rows)


def correct(
    store: Store,
    chosen: ParkedFilter,
    values: Mapping[str, str],
    person: str,
    now: float,
    *,
    seen: int | None = None,
    mark: str | None = None,
) -> tuple[lists.ParkedRow, ...]:
    """Correct fields of parked records and send them back: those of them that have one of these fields.

    values  field → value that is meant; the original stays beside it
    seen    how many records the person has looked at
    mark    of one: `mark_of` the original that the person has looked at
    ConfigError, Overtaken: none of them has such a field with another value; or there are others by now.
    """
    with store.write() as tx:
        rows = parked_rows(tx, chosen)
        if seen is not None and seen != len(rows):
            raise Overtaken(f"There are {len(rows)} such records by now, so nothing was changed. Look at them again.")
        if mark is not None and mark != mark_of(rows[0].original):
            raise Overtaken(f"Record {rows[0].number} came again meanwhile, so nothing was changed. Look at it again.")
        made = [(row, found) for row in rows if (found := amended(row, values, person, now))]
        if not made:
            raise ConfigError(
                f"No record chosen has another value in {', '.join(sorted(values)) or 'any field'}, so nothing was "
                "changed. What could not be read at all is put right in its system."
            )
        parked.correct(tx, [(row.number, found.as_text()) for row, found in made])
        read_again(tx, [row for row, _ in made])
        note_parked(tx, person, "parked corrected", [row for row, _ in made], fields=sorted(values))
    return tuple(row for row, _ in made)


def note_parked(tx: Tx, person: str, action: str, rows: Sequence[lists.ParkedRow], **more: Any) -> None:
    numbers = [r.number for r in rows]
    some = {"records": len(numbers), "numbers": numbers[:NAMED], "connections": sorted({r.connection for r in rows})}
    some |= more
    note(tx, person, action, f"parked {numbers[0]}" if len(numbers) == 1 else "parked", some)


def parked_rows(tx: Tx, chosen: ParkedFilter) -> tuple[lists.ParkedRow, ...]:
    rows = lists.parked(tx, chosen, lists.Part(limit=EVERYTHING)).rows
    missing = sorted(set(chosen.numbers or ()) - {r.number for r in rows})
    if missing:
        raise NotThere(f"Not parked now: {', '.join(map(str, missing))}. Nothing was changed. See `hub parked list`.")
    if not rows:
        raise NotThere("Nothing like that is parked, so nothing was changed. See `hub parked list`.")
    return rows


def read_again(tx: Tx, rows: Iterable[lists.ParkedRow]) -> None:
    """What was parked before it could be mapped is read anew: its source lists everything at the next run."""
    stale = [r for r in rows if r.stage in READ_AGAIN]
    tx.many(
        "UPDATE record SET fingerprint = NULL WHERE connection = :c AND external_id = :e",
        [{"c": r.connection, "e": r.external_id} for r in stale],
    )
    try_again(tx, [(r.connection, r.external_id) for r in stale])
    for name in sorted({r.connection for r in stale}):
        connections.mark(tx, name, full_at=None, cursor=None)


# --- conflicts --------------------------------------------------------------------------------------


def accept(store: Store, numbers: Iterable[int], person: str, now: float) -> int:
    """The rule decided well: these conflicts leave the list. How many of them were open."""
    with store.write() as tx:
        found = [c for n in dict.fromkeys(numbers) if (c := lists.conflict(tx, n)) and c.state == "open"]
        tx.run("UPDATE conflict SET state = 'accepted' WHERE id IN :*ids", ids=[c.number for c in found])
        changes.log(tx, [_accepted(c, person, now) for c in found], None)
        for c in found:
            said = {"contact": c.golden_id, "connection": c.connection, "field": base_field(c.field)}
            note(tx, person, "conflict accepted", f"conflict {c.number}", said, at=now)
    return len(found)


def accept_one(store: Store, number: int, person: str, now: float) -> None:
    """As `accept`. NotThere, Overtaken: there is none, or it is decided already."""
    if accept(store, [number], person, now):
        return
    with store.read() as tx:
        found = lists.conflict(tx, number)
    if found is None:
        raise NotThere(f"There is no conflict {number}. Nothing was changed. See `hub conflicts list`.")
    raise Overtaken(f"Conflict {number} is {found.state} already, so nothing was changed. See `hub conflicts list`.")


def _accepted(conflict: lists.ConflictRow, person: str, now: float) -> changes.Change:
    return changes.Change(conflict.golden_id, now, f"conflict {conflict.number} accepted by {person}", None, None)


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


def pin_text(key: str, value: Any) -> str:
    """A value as `pin_value` takes it."""
    base = base_field(key)
    if base == "addresses" and isinstance(value, Mapping):
        return "; ".join(f"{name}={value[name]}" for name in ADDRESS_PARTS if value.get(name))
    if base in MANY:
        return str((value or {}).get("label", "")) if isinstance(value, Mapping) else ""
    return "" if value is None else str(value)


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
