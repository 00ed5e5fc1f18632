"""Records of a fixed layout, as mainframes write them: text in EBCDIC or ASCII, packed and binary numbers. Pure.

Unsigned whole numbers keep the zeros in front: they are customer numbers, postcodes and telephone numbers. What
occurs several times is a list, without its blank ones. Numbers that are all blanks, or all zero bytes, are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from hub.connectors.file_entries import Entry, Lines
from hub.connectors.filing.copybook import Node, Picture
from hub.connectors.filing.places import FileProblem

Reader = Callable[[bytes, str], Any]

OVER = {  # the last digit with its sign, where text is ASCII
    **{ord(c): (n, "") for n, c in enumerate("0123456789")},
    **{ord(c): (n, "") for n, c in enumerate("{ABCDEFGHI")},
    **{ord(c): (n, "-") for n, c in enumerate("}JKLMNOPQR")},
    **{ord(c): (n, "-") for n, c in enumerate("pqrstuvwxy")},
}
BLOCK = 1024 * 1024  # bytes read at once


def column_names(layout: Node) -> list[str]:
    """Names of the fields of a record, in order."""
    return list(_names(layout))


def _names(node: Node) -> Iterator[str]:
    for child in node.children:
        if child.children and not child.repeats:
            yield from _names(child)
        elif child.name != "FILLER":
            yield child.name


def read_record(layout: Node, raw: bytes, encoding: str) -> dict[str, Any]:
    """The fields of one record; ValueError names the field that cannot be read."""
    fields: dict[str, Any] = {}
    _read_into(fields, layout, raw, 0, encoding)
    return fields


def _read_into(fields: dict[str, Any], group: Node, raw: bytes, at: int, encoding: str) -> int:
    for node in group.children:
        if node.repeats:
            found = []
            for _ in range(node.times):
                value = _one(node, raw, at, encoding)
                at += node.length
                if value not in ("", {}):
                    found.append(value)
            if node.name != "FILLER":
                fields[node.name] = found
        elif node.children:
            at = _read_into(fields, node, raw, at, encoding)
        else:
            if node.name != "FILLER":
                fields[node.name] = _one(node, raw, at, encoding)
            at += node.length
    return at


def _one(node: Node, raw: bytes, at: int, encoding: str) -> Any:
    """One value, or one item of a repeated group: empty when all of it is blank."""
    if node.picture is None:
        inner: dict[str, Any] = {}
        _read_into(inner, node, raw, at, encoding)
        return inner if any(value not in ("", []) for value in inner.values()) else {}
    part = raw[at : at + node.picture.length]
    if node.name == "FILLER":
        return ""
    try:
        return _KINDS[node.picture.kind](part, node.picture, encoding)
    except ValueError as error:
        raise ValueError(f"has no value of its picture in {node.name}") from error


# --- values ---------------------------------------------------------------------------------------


def _text(raw: bytes, picture: Picture, encoding: str) -> str:  # noqa: ARG001 - all kinds are called alike
    if not raw.strip(b"\x00"):
        return ""  # LOW-VALUES
    return raw.decode(encoding).rstrip(" \x00")


def _display(raw: bytes, picture: Picture, encoding: str) -> str:
    blank = " ".encode(encoding)
    if not raw.strip(b"\x00") or not raw.strip(blank):
        return ""
    sign = ""
    if picture.sign == "apart":
        mark, raw = (raw[:1], raw[1:]) if picture.leading else (raw[-1:], raw[:-1])
        sign = {"+": "", "-": "-"}[_known(mark.decode(encoding), "+-")]
    elif picture.sign == "over":
        place = 0 if picture.leading else len(raw) - 1
        digit, sign = _overpunched(raw[place], encoding)
        raw = raw[:place] + str(digit).encode(encoding) + raw[place + 1 :]
    return _number(raw.decode(encoding), sign, picture)


def _overpunched(byte: int, encoding: str) -> tuple[int, str]:
    if "A".encode(encoding) == b"\xc1":
        zone, digit = byte >> 4, byte & 0xF
        if digit > 9 or zone not in (0xC, 0xD, 0xF):
            raise ValueError("no signed digit")
        return digit, "-" if zone == 0xD else ""
    if byte not in OVER:
        raise ValueError("no signed digit")
    return OVER[byte]


def _packed(raw: bytes, picture: Picture, encoding: str) -> str:
    if not raw.strip(b"\x00") or not raw.strip(" ".encode(encoding)):
        return ""  # never filled: a packed zero ends in its sign
    text = raw.hex()
    sign = _known(text[-1], "abcdef")
    return _number(text[:-1], _SIGNS[sign], picture)


def _binary(raw: bytes, picture: Picture, encoding: str) -> str:  # noqa: ARG001
    value = int.from_bytes(raw, "big", signed=picture.sign != "none")
    return _number(str(abs(value)).zfill(picture.digits), "-" if value < 0 else "", picture)


_SIGNS = {"a": "", "b": "-", "c": "", "d": "-", "e": "", "f": ""}
_KINDS: Mapping[str, Callable[[bytes, Picture, str], str]] = {
    "text": _text,
    "display": _display,
    "packed": _packed,
    "binary": _binary,
}


def _known(character: str, allowed: str) -> str:
    if len(character) != 1 or character not in allowed:
        raise ValueError("an unknown sign")
    return character


def _number(digits: str, sign: str, picture: Picture) -> str:
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError("no digits")
    if picture.kind == "packed" and len(digits) > picture.digits:
        extra, digits = digits[: -picture.digits], digits[-picture.digits :]
        if extra.strip("0"):
            raise ValueError("more digits than the picture has")
    if not picture.decimals and picture.sign == "none":
        return digits
    whole = digits[: len(digits) - picture.decimals].lstrip("0") or "0"
    behind = digits[len(digits) - picture.decimals :] if picture.decimals else ""
    text = f"{whole}.{behind}" if behind else whole
    return text if not text.strip("0.") else sign + text


# --- files ----------------------------------------------------------------------------------------


def fixed_records(file: BinaryIO, layout: Node, encoding: str, after: int) -> Iterator[Entry]:
    """Records one after the other, without anything between them; those after a number only."""
    length = layout.length
    file.seek(0, 2)
    if 0 < file.tell() < length:
        raise FileProblem(f"has {file.tell()} bytes where the layout has {length} for a record")
    file.seek(after * length)
    number = after
    while block := file.read(length * max(1, BLOCK // length)):
        for at in range(0, len(block), length):
            number += 1
            yield _entry(number, number, block[at : at + length], layout, encoding)


def line_records(lines: Lines, layout: Node, encoding: str) -> Iterator[Entry]:
    """A record a line; a line may end early, at its padding."""
    while True:
        lines.begin()
        text = next(lines, None)
        if text is None:
            return
        raw = text.rstrip("\r\n").encode(encoding, "surrogateescape")
        if raw.strip():
            yield _entry(lines.number, lines.offset, raw.ljust(layout.length), layout, encoding)


def _entry(number: int, end: int, raw: bytes, layout: Node, encoding: str) -> Entry:
    shown = raw.hex() if "A".encode(encoding) == b"\xc1" else raw.decode("ascii", "backslashreplace")
    if len(raw) != layout.length:
        problem = f"has {len(raw)} bytes where the layout has {layout.length}"
        return Entry(number, number, end, None, problem, shown)
    try:
        return Entry(number, number, end, read_record(layout, raw, encoding))
    except ValueError as error:
        reason = f"is not text in {encoding}" if isinstance(error, UnicodeDecodeError) else str(error)
        return Entry(number, number, end, None, reason, shown)
