"""Rows of tables and files as records: padding, encodings, types that JSON does not know. Pure."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from hashlib import blake2b
from math import isfinite
from types import NoneType
from typing import Any
from uuid import UUID

import orjson

from hub.model import Record, Tombstone, Unreadable

MAX_ROW = 1024 * 1024  # bytes of one record as JSON; more is no contact
MAX_ORIGINAL = 10_000  # characters kept of a row that is set aside
MAX_ID = 512

Item = Record | Tombstone | Unreadable
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # escaped in JSON, and not the text of an escape
_AS_IS = frozenset({int, bool, NoneType})


@dataclass(frozen=True, slots=True)
class Layout:
    """What stands where in a row: the columns that become fields first, then those only looked at.

    key       of one column or more
    lists     lists of objects that belong to a row and are read beside it: name → their keys
    gone      values of the flag column that mean "deleted"
    zone      of change times without one
    encoding  what the bytes of text really are; None: the driver knows
    labelled  what the database takes them for; None: it hands out bytes
    """

    fields: tuple[str, ...]
    key: tuple[int, ...]
    changed: int | None = None
    deleted: int | None = None
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gone: frozenset[Any] = frozenset()
    zone: tzinfo = UTC
    encoding: str | None = None
    labelled: str | None = None


Lists = Mapping[str, Sequence[Sequence[Any]]]
"""The rows of each list that belongs to a row, in order."""


def row_reader(layout: Layout) -> Callable[..., Item]:
    """A function that makes a Record, a Tombstone or an Unreadable of one row and the lists beside it."""
    convert = text_converter(layout)
    relabel = layout.labelled is not None
    width, key = len(layout.fields), layout.key
    single = key[0] if len(key) == 1 else None

    def plain(row: Sequence[Any]) -> list[Any]:
        return [
            value.rstrip(" ")
            if type(value) is str and not relabel
            else value
            if type(value) in _AS_IS
            else convert(value)
            for value in row
        ]

    def read(row: Sequence[Any], lists: Lists | None = None) -> Item:
        try:
            values = plain(row)
            data = orjson.dumps(values[:width])
            beside = {} if lists is None else _objects(layout, lists, plain)
            if beside:
                data += orjson.dumps(beside)
        except (UnicodeError, TypeError) as error:
            return _unreadable(layout, row, f"holds text that cannot be decoded ({_why(error)})")
        record_id = identity(values[single]) if single is not None else key_id([values[place] for place in key])
        problem = unfit(record_id, data)
        if problem is not None:
            return _unreadable(layout, row, problem)
        at = None if layout.changed is None else moment(row[layout.changed], layout.zone)
        if layout.deleted is not None and _is_gone(values[layout.deleted], layout.gone):
            return Tombstone(record_id, at)
        fields = dict(zip(layout.fields, values, strict=False))
        fields.update(beside)
        return Record(record_id, fields, fingerprint(data), at)

    return read


def _objects(
    layout: Layout, lists: Lists, plain: Callable[[Sequence[Any]], list[Any]]
) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [dict(zip(columns, plain(row), strict=False)) for row in lists.get(name, ())]
        for name, columns in layout.lists.items()
    }


def fingerprint(data: bytes) -> str:
    """A version for sources that have none: two states of a record differ in it."""
    return blake2b(data, digest_size=12).hexdigest()


def unfit(record_id: str, data: bytes) -> str | None:
    """Why this cannot be a record, if so; `data` is its values as JSON."""
    if not record_id:
        return "has no key"
    if len(record_id) > MAX_ID:
        return f"has a key of more than {MAX_ID} characters"
    if len(data) > MAX_ROW:
        return f"is longer than {MAX_ROW} bytes"
    if b"\\u0000" in data and _NUL.search(data):
        return "holds a NUL character"
    return None


def text_converter(layout: Layout) -> Callable[[Any], Any]:
    """Values as JSON knows them; UnicodeError when text is not in the declared encoding."""
    encoding, labelled = layout.encoding, layout.labelled

    def convert(value: Any) -> Any:
        match value:
            case str() if labelled is not None and encoding is not None:
                return value.encode(labelled).decode(encoding).rstrip(" ")
            case str():
                return value.rstrip(" ")
            case bytes() | bytearray() | memoryview():
                raw = bytes(value)
                return raw.hex() if encoding is None else raw.decode(encoding).rstrip(" ")
            case Decimal():
                return format(value, "f")
            case float():
                return value if isfinite(value) else str(value)
            case datetime() | date() | time():
                return value.isoformat()
            case timedelta() | UUID():
                return str(value)
            case list() | tuple() | dict():
                return orjson.loads(orjson.dumps(value, default=str))
        return value if isinstance(value, int) else str(value)

    return convert


def identity(value: Any) -> str:
    """The key of a record as text; empty when there is none."""
    match value:
        case None:
            return ""
        case float() if value.is_integer():
            return str(int(value))
        case str():
            return "" if value.isspace() else value
    return str(value)


def key_id(parts: Sequence[Any]) -> str:
    """The key of a record as text: of several columns a JSON list of texts; empty when one has no value."""
    if len(parts) == 1:
        return identity(parts[0])
    texts = [identity(part) for part in parts]
    if None in parts or not any(texts):
        return ""
    return orjson.dumps(texts).decode()


def key_parts(record_id: str, count: int) -> list[str] | None:
    """The texts that `key_id` was made of; None when the id cannot be one of so many columns."""
    if count == 1:
        return [record_id]
    try:
        parts = orjson.loads(record_id)
    except (ValueError, UnicodeError):
        return None
    fits = isinstance(parts, list) and len(parts) == count and all(isinstance(part, str) for part in parts)
    return parts if fits and orjson.dumps(parts).decode() == record_id else None


def moment(value: Any, zone: tzinfo) -> datetime | None:
    """A change time in UTC; None when the value is no time. Text must be ISO 8601."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    at = value if value.tzinfo else value.replace(tzinfo=zone)
    try:
        return at.astimezone(UTC)
    except OverflowError:  # year 1 or 9999
        return None


def earlier(value: Any, seconds: float) -> Any:
    """A change mark moved back by the overlap, of the same kind and shape. ValueError: it is no time.

    Numbers are moved by as many units as there are seconds.
    """
    if seconds == 0:
        return value
    match value:
        case datetime():
            return value - timedelta(seconds=seconds)
        case date():
            return value - timedelta(seconds=seconds) - timedelta(days=1)
        case int() | float():
            return value - seconds if isinstance(value, float) else value - int(seconds)
        case Decimal():
            return value - Decimal(seconds)
    text = str(value).rstrip(" ")
    at = datetime.fromisoformat(text) - timedelta(seconds=seconds)
    if len(text) <= 10:
        return at.date().isoformat()
    return _like(at, text)


def _like(at: datetime, text: str) -> str:
    """`at` written as `text` is: the same separator, digits of the second and mark of UTC."""
    fraction = text.partition(".")[2]
    timespec = "seconds" if not fraction else "microseconds"
    written = at.isoformat(sep=text[10], timespec=timespec)
    if text.endswith("Z"):
        return written.removesuffix("+00:00") + "Z"
    return written


# --- cursors --------------------------------------------------------------------------------------


def pack(value: Any) -> Any:
    """A value of the source in JSON, so that `unpack` gives it back with its type."""
    match value:
        case None | bool() | int() | str() | float():
            return value
        case datetime():
            return {"time": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case Decimal():
            return {"decimal": str(value)}
        case UUID():
            return {"uuid": str(value)}
        case bytes() | bytearray():
            return {"bytes": bytes(value).hex()}
    raise TypeError(f"a {type(value).__name__} cannot order records")


def unpack(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    [(kind, text)] = value.items()
    made: dict[str, Callable[[str], Any]] = {
        "time": datetime.fromisoformat,
        "date": date.fromisoformat,
        "decimal": Decimal,
        "uuid": UUID,
        "bytes": bytes.fromhex,
    }
    return made[kind](text)


# --- rows that are set aside ----------------------------------------------------------------------


def repeated(layout: Layout, row: Sequence[Any], record_id: str) -> Unreadable:
    """The earlier of two rows with one key."""
    return Unreadable(
        f"key {record_id}, an earlier row",
        "the same key stands in more than one row; the last one was taken",
        _original(layout, row),
    )


def _unreadable(layout: Layout, row: Sequence[Any], reason: str) -> Unreadable:
    record_id = escaped(key_id([_trimmed(row[place]) for place in layout.key]))[:MAX_ID]
    original = _original(layout, row)
    if not record_id:
        mark = blake2b(original.encode(), digest_size=6).hexdigest()
        return Unreadable(f"row without a key {mark}", f"the row {reason}", original)
    return Unreadable(f"key {record_id}", f"the row {reason}", original, record_id)


def _trimmed(value: Any) -> Any:
    """Undecodable bytes as backslash and hex: the key of a composite key is made of what is left."""
    return escaped(value).rstrip(" ") if isinstance(value, str) else value


def _original(layout: Layout, row: Sequence[Any]) -> str:
    shown = {
        name: value[:MAX_ORIGINAL] if isinstance(value, str | bytes) else value
        for name, value in zip(layout.fields, row, strict=False)
    }
    return escaped(json.dumps(shown, ensure_ascii=False, default=_shown))[:MAX_ORIGINAL]


def _shown(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def escaped(text: str) -> str:
    """Undecodable bytes as backslash and hex."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()


def _is_gone(value: Any, gone: frozenset[Any]) -> bool:
    return value in gone or (value is not None and str(value).strip() in gone)


def _why(error: Exception) -> str:
    return f"not {error.encoding}" if isinstance(error, UnicodeDecodeError) else "not Unicode"


# --- latin1 as MySQL and MariaDB mean it ----------------------------------------------------------

MYSQL_LATIN1 = "mysql_latin1"
_TABLE = "".join(bytes([n]).decode("cp1252", "replace").replace("\ufffd", chr(n)) for n in range(256))


def _find_codec(name: str) -> codecs.CodecInfo | None:
    if name != MYSQL_LATIN1:
        return None
    back = codecs.charmap_build(_TABLE)

    def encode(text: str, errors: str = "strict") -> tuple[bytes, int]:
        return codecs.charmap_encode(text, errors, back)

    def decode(data: Any, errors: str = "strict") -> tuple[str, int]:
        return codecs.charmap_decode(data, errors, _TABLE)

    return codecs.CodecInfo(encode, decode, name=name)


codecs.register(_find_codec)  # Windows-1252, and its five unused bytes as they are
