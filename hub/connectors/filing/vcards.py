"""Cards of a .vcf file, one at a time, and cards written. The fields are those of an address book (CardDAV).

Without a UID a card has no key: name a field that serves as one in `key`, such as full_name. Groups are no contacts
and are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hub.connectors.file_entries import MAX_LINE, Entry, Lines
from hub.connectors.vcard import VCardError, parse, plain_card
from hub.connectors.vcard_fields import GROUP_KIND, kind_of, new_card, read_fields
from hub.errors import RecordError

LONGEST = 16 * MAX_LINE  # bytes of a card: a picture fits


def card_entries(lines: Lines, encoding: str) -> Iterator[Entry]:
    """Cards in order, each with the line it begins at; what stands between cards is set aside."""
    held: list[str] = []
    first = size = 0
    while True:
        lines.begin()
        text = next(lines, None)
        if text is None:
            break
        if not held and not text.strip():
            continue
        mark = text.strip().upper()
        if held and mark == "BEGIN:VCARD":  # the one before was never ended
            yield _broken(first, lines, "has no END:VCARD", held)
            held, size = [], 0
        first = first if held else lines.number
        size += len(text)
        if size <= LONGEST:
            held.append(text)
        if mark == "END:VCARD":
            entry = _entry(first, lines, held, encoding, too_long=size > LONGEST)
            if entry is not None:
                yield entry
            held, size = [], 0
    if held:
        yield _broken(first, lines, "has no END:VCARD", held)


def _entry(first: int, lines: Lines, held: list[str], encoding: str, *, too_long: bool) -> Entry | None:
    if too_long:
        return _broken(first, lines, f"is longer than {LONGEST} bytes", held[:20])
    text = "".join(held)
    try:
        card = plain_card(text) or parse(text.encode(encoding, "surrogateescape"), encoding)
    except VCardError as error:
        return _broken(first, lines, f"is no vCard: {error}", held)
    except UnicodeError:
        return _broken(first, lines, f"is not text in {encoding}", held)
    if kind_of(card) == GROUP_KIND:
        return None
    fields = {"uid": card.first_text("UID") or None, **read_fields(card)}
    return Entry(first, lines.number, lines.offset, fields)


def _broken(first: int, lines: Lines, problem: str, held: list[str]) -> Entry:
    return Entry(first, lines.number, lines.offset, None, problem, "".join(held)[:MAX_LINE])


def card_problem(fields: Mapping[str, Any]) -> str | None:
    """Why no card can be made of these fields."""
    try:
        new_card("uid", "3.0", fields)
    except RecordError as error:
        return str(error)
    return None


def written_card(uid: str, version: str, fields: Mapping[str, Any]) -> str:
    return new_card(uid, version, fields).written()
