"""Entries of an LDIF file: content records only. Strict.

Source    RFC 2849
Values    lists, since every attribute may have several values; `dn` is a text. Attribute names in small letters,
          options such as `;lang-de` stay part of them; base64 that is text becomes text. Pictures, certificates and
          passwords are left out
Refused   change records (`changetype`), since the hub sees states and not orders; values by URL (`:<`), since they
          would be fetched from anywhere
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Any

from hub.connectors.file_entries import MAX_LINE, Entry, Lines

ATTRIBUTE = re.compile(
    r"((?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)(?:;[A-Za-z0-9-]+)*)"  # a name or a number, and options
    r":([:<]?)[ ]*(.*)",
    re.DOTALL,
)
LEFT_OUT = frozenset({"jpegphoto", "usercertificate", "userpassword", "objectguid", "objectsid", "thumbnailphoto"})


def ldif_entries(lines: Lines) -> Iterator[Entry]:
    """Entries in order, each with the line it begins at."""
    first = size = 0
    held: list[str] = []
    while True:
        lines.begin()
        text = next(lines, None)
        if text is not None and text.rstrip("\r\n"):
            first = first or lines.number
            size += MAX_LINE if lines.too_long else len(text)
            if size < MAX_LINE:
                held.append(text.rstrip("\r\n"))
            continue
        if first:
            last = lines.number - (text is not None)
            entry = _entry(first, last, lines.offset, held, too_long=size >= MAX_LINE)
            if entry is not None:
                yield entry
        if text is None:
            return
        first, size, held = 0, 0, []


def _entry(first: int, last: int, end: int, held: Sequence[str], *, too_long: bool) -> Entry | None:
    if too_long:
        return Entry(first, last, end, None, f"is longer than {MAX_LINE} bytes", "\n".join(held)[:MAX_LINE])
    try:
        fields = _fields(held)
    except ValueError as error:
        return Entry(first, last, end, None, str(error), "\n".join(held))
    return Entry(first, last, end, fields) if fields else None


def _fields(held: Sequence[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for line in _unfolded(held):
        found = ATTRIBUTE.fullmatch(line)
        if found is None:
            raise ValueError("has a line that is no `attribute: value`")
        name, how, text = found[1].lower(), found[2], found[3]
        if name == "version" and not fields:
            if text.strip() != "1":
                raise ValueError("is of another version of LDIF than 1")
            continue
        if name.split(";")[0] in LEFT_OUT:
            continue
        if how == "<":
            raise ValueError(f"takes the value of {name} from an address, which is not fetched")
        if name in ("changetype", "control"):
            raise ValueError("is a change record; only records with the whole content are taken")
        value = _base64(text, name) if how == ":" else text.rstrip(" ")
        if name == "dn":
            if fields:
                raise ValueError("has its `dn` not at the beginning, or twice")
            fields["dn"] = value
        elif "dn" not in fields:
            raise ValueError("does not begin with `dn:`")
        else:
            fields.setdefault(name, []).append(value)
    return fields


def _unfolded(held: Sequence[str]) -> Iterator[str]:
    """Lines put together that go on with a space; comments left out, folded ones too."""
    joined: list[str] = []
    for line in held:
        if line.startswith(" "):
            if not joined:
                raise ValueError("begins with a line that goes on from nothing")
            joined.append(line[1:])
            continue
        if joined and not joined[0].startswith("#"):
            yield "".join(joined)
        joined = [line]
    if joined and not joined[0].startswith("#"):
        yield "".join(joined)


def _base64(text: str, name: str) -> str:
    """Text, or the bytes in hexadecimal where they are none."""
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"has broken base64 in {name}") from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        if name == "dn":
            raise ValueError("has a `dn` that is not text in utf-8") from None
        return raw.hex()
