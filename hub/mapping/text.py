"""What may enter at all, and text in its one form: NFC, trimmed.

One rule for every store: a NUL byte, half a surrogate pair, or a value too large parks the record, since
one database would keep it and the next refuse it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any
from unicodedata import is_normalized, normalize
from uuid import UUID

from anyascii import anyascii

from hub.errors import RecordError

MAX_VALUE = 64 * 1024  # bytes of UTF-8
MAX_RECORD = 1024 * 1024  # bytes of UTF-8, names of fields included
MAX_DEPTH = 32  # levels of lists and objects
MAX_BITS = 256  # of an integer: 77 digits, more than any identifier has
EXACT_FLOAT = 2.0**53  # above it a float has lost digits
_PLAIN = frozenset({str, type(None), bool, int, float})
SCIENTIFIC = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+\d+")  # what a spreadsheet makes of a long number


class Unmappable(Exception):  # a result of one value, caught by its row, not an error of the hub
    """A value that has no canonical form; `reason` is for people and holds no part of the value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def inspect(fields: Mapping[str, Any], record_id: str) -> None:
    """RecordError when a record can not be taken: see the head of this module."""
    if _is_small(fields):
        return
    size = 0
    for name, value in fields.items():
        size += _size(name, record_id, 1) + _size(value, record_id, 1)
        if size > MAX_RECORD:
            raise _refused(record_id, f"the record is larger than {MAX_RECORD // 1024} KiB")


def _is_small(fields: Mapping[str, Any]) -> bool:
    """The usual record, seen in one go: plain values that all together are smaller than one may be."""
    values = fields.values()
    try:
        texts = "".join(values)  # of a file or a form: all of them are texts
    except TypeError:
        types = set(map(type, values))
        if not types <= _PLAIN:
            return False
        whole = [value for value in values if type(value) is int] if int in types else ()
        if any(value.bit_length() > MAX_BITS for value in whole):
            return False
        texts = "".join([value for value in values if type(value) is str])
    try:
        every = "".join((*fields, texts))
        return "\0" not in every and len(every if every.isascii() else every.encode()) <= MAX_VALUE
    except (UnicodeEncodeError, TypeError):
        return False


def _size(value: Any, record_id: str, depth: int) -> int:
    if isinstance(value, str):
        return _text_size(value, record_id)
    if depth > MAX_DEPTH:
        raise _refused(record_id, f"lists and objects lie deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        return sum(_size(k, record_id, depth + 1) + _size(v, record_id, depth + 1) for k, v in value.items())
    if isinstance(value, list | tuple):
        return sum(_size(v, record_id, depth + 1) for v in value)
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise _refused(record_id, f"a whole number has more than {MAX_BITS} bits")
    if value is None or isinstance(value, int | float | Decimal | date | UUID):
        return 8
    raise _refused(record_id, f"a value is of the type {type(value).__name__}")


def _text_size(text: str, record_id: str) -> int:
    if "\0" in text:
        raise _refused(record_id, "a value holds a NUL byte")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as err:
        raise _refused(record_id, "a value holds half of a surrogate pair, which is not text") from err
    if size > MAX_VALUE:
        raise _refused(record_id, f"a value is larger than {MAX_VALUE // 1024} KiB")
    return size


def _refused(record_id: str, reason: str) -> RecordError:
    return RecordError(
        f"record not taken: {reason}; correct it in the source, then retry the parked record",
        record_id=record_id,
    )


def check_id(record_id: str) -> None:
    """RecordError for a key that is no text, or that a spreadsheet has rounded: several records may share
    what is left of it."""
    if not record_id.isascii() or "\0" in record_id:
        _text_size(record_id, record_id)
    if "+" in record_id and SCIENTIFIC.fullmatch(record_id):
        raise _refused(record_id, "its key is in scientific notation, so digits of it are lost")


def as_text(value: Any) -> str | None:
    """NFC and trimmed; None for nothing. Unmappable for lists, objects and numbers that lost digits."""
    if type(value) is str:
        text = value.strip()
        if not text.isascii() and not is_normalized("NFC", text):
            text = normalize("NFC", text).strip()
        return text or None
    if value is None:
        return None
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else _float_text(float(value))
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str):
        return as_text(str(value))
    raise Unmappable(f"text was expected, not {'a list' if isinstance(value, list | tuple) else 'an object'}")


def _float_text(value: float) -> str:
    if not math.isfinite(value):
        raise Unmappable("not a number")
    if value.is_integer():
        if abs(value) > EXACT_FLOAT:
            raise Unmappable("a number this large has lost digits: it has to be text in the source")
        return str(int(value))
    return repr(value)


def shown(value: Any) -> str:
    """Any source value as text, for a Problem."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


_MARKS = re.compile("[\u0300-\u036f]+")  # accents, once they are taken apart from their letters
_OTHERS = re.compile("[^0-9a-z]+")
_LETTERS_END = 0x0250  # of the blocks with the letters of European languages that are written in Latin


def _plain(text: str) -> str:
    """Lower case without accents; of other scripts, in Latin letters."""
    plain = text.lower()
    if not plain.isascii():
        plain = _MARKS.sub("", normalize("NFKD", text.casefold()))
        if not plain.isascii():
            plain = anyascii(plain).lower()
    return plain


_FOLDED = {code: _OTHERS.sub(" ", _plain(chr(code))) for code in range(_LETTERS_END)}


def folded_once(text: str) -> str:
    """For comparing: lower case, no accents, each run of anything but letters and digits one space."""
    plain = text.translate(_FOLDED)
    if not plain.isascii():
        plain = _OTHERS.sub(" ", _plain(text))
    return " ".join(plain.split())


folded = lru_cache(maxsize=4_096)(folded_once)
"""The same, of what is likely to come again."""


def ascii_only(text: str) -> str:
    """What a system without accents stores."""
    return text if text.isascii() else anyascii(text)
