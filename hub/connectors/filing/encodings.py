"""What encoding bytes are likely in, when it is not the declared one. Pure, and a guess for messages only."""

from __future__ import annotations

import codecs
import re

BOM = codecs.BOM_UTF8
LIKELY = ("cp1252", "cp850", "cp1250", "mac-roman", "cp1251")
LETTERS = frozenset(
    "áàâãäåæçéèêëíìîïñóòôõöøœúùûüýÿßąćęłńśźżčďěňřšťůžőűğışАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЭЮЯабвгдежзийклмнопрстуфхцчшщыьэюя"
)
COMMON = frozenset("áàâãäåçéèêíñóôõöúüßø")
MANY_BYTES = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")


def likely_encoding(raw: bytes) -> str | None:
    """The best guess for bytes that are not ASCII; None when none is any good."""
    if is_utf8(raw, whole=True):
        return "utf-8"
    scores = {name: _score(raw, name) for name in LIKELY}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > 0 else None


def foreign(begin: bytes, declared: str) -> str | None:
    """What speaks against the declared encoding at the beginning of a file; None: nothing.

    A file in UTF-8 declared as a single-byte encoding has no byte that could not be decoded: it would be read as
    `Ã©` for `é` without an error.
    """
    if is_utf8_name(declared) or not _is_single_byte(declared):
        return None
    found = MANY_BYTES.search(begin)
    if begin.startswith(BOM) or (found is not None and is_utf8(begin)):
        line = begin.count(b"\n", 0, found.start() if found else 0) + 1
        return f"is in utf-8 and not in {declared}, as line {line} shows: set `encoding: utf-8`"
    return None


def is_utf8(raw: bytes, *, whole: bool = False) -> bool:
    """Valid UTF-8; unless `whole`, but for a character that was cut off at the end."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(raw, whole)
    except UnicodeDecodeError:
        return False
    return True


def is_utf8_name(name: str) -> bool:
    return codecs.lookup(name).name in ("utf-8", "utf-8-sig")


def _is_single_byte(name: str) -> bool:
    try:
        return len("é".encode(name, "replace")) == 1
    except LookupError:
        return False


def _score(raw: bytes, encoding: str) -> float:
    """Letters that names are written with speak for an encoding, everything else above ASCII against it."""
    score = 0.0
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return -1.0
    for before, character in zip(" " + text, text, strict=False):
        if character < "\x80":
            continue
        if character not in LETTERS:
            score -= 2
        elif character.isupper() and before.islower():
            score -= 1  # capitals do not follow small letters
        else:
            score += 1.5 if character in COMMON else 1
    return score
