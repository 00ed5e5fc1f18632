"""Finding a golden record by what a person has: an id, an e-mail address, a phone number, words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from hub.dedupe.features import features
from hub.dedupe.keys import blocking_keys
from hub.mapping.elements import email_key
from hub.mapping.phones import phone_key
from hub.mapping.text import Unmappable, folded
from hub.store import contacts as db
from hub.store.contacts import Found
from hub.store.db import Tx
from hub.store.links import resolve_golden
from hub.store.lists import like

MOST_WORDS = 8  # words of a search that are looked at
_LOOSE = re.compile(r"[aeiouyclnszgdtr]|[^\x00-\x7f]")
"""Letters that are written with and without accents: in a pattern they stand for any letter."""


def find(tx: Tx, text: str, region: str | None, limit: int) -> tuple[list[Found], bool]:
    """(golden records, whether there are more). Exact matches end the search; words are looked for last."""
    text = text.strip()
    if not text:
        return [], False
    ids = list(dict.fromkeys(islice(_exact(tx, text, region, limit + 1), limit + 1)))
    if not ids:
        ids = list(islice(_by_words(tx, text), limit + 1))
    return db.found(tx, ids[:limit]), len(ids) > limit


def _exact(tx: Tx, text: str, region: str | None, most: int) -> Iterator[str]:
    home = resolve_golden(tx, text)
    if home is not None:
        yield home
    names = db.connections(tx)
    name, _, external_id = text.partition(":")
    if external_id and name in names:
        yield from db.by_external_id(tx, external_id, [name], most)
    yield from db.by_external_id(tx, text, names, most)
    for key in element_keys(text, region):
        yield from _by_element(tx, key, most)


def element_keys(text: str, region: str | None) -> list[str]:
    """The canonical keys that a text may stand for as an e-mail address or a phone number."""
    keys = []
    for prefix, read in (("emails/", email_key), ("phones/", lambda t: phone_key(t, region))):
        try:
            keys.append(prefix + read(text))
        except Unmappable:
            continue  # it is no such thing: looked for as words then
    return keys


def _by_element(tx: Tx, key: str, most: int) -> Iterator[str]:
    """By the index of matching; by reading all where too many share the value, or it is only pinned."""
    candidates = db.by_match_key(tx, blocking_keys(features({key: {}})), 50 * most)
    hits = [f.id for f in db.found(tx, candidates) if key in f.fields]
    if hits:
        yield from hits
        return
    yield from (g for g, fields in db.by_pattern(tx, [f"%{like(key.lower())}%"]) if key in fields)


def _by_words(tx: Tx, text: str) -> Iterator[str]:
    words = folded(text).split()[:MOST_WORDS]
    if not words:
        return
    patterns = [f"%{_LOOSE.sub('_', like(word))}%" for word in words]
    for golden_id, fields in db.by_pattern(tx, patterns):
        said = " ".join(_texts(fields))
        if all(word in said for word in words):
            yield golden_id


def _texts(fields: Mapping[str, Any]) -> Iterator[str]:
    """Everything a golden record says, folded; consents are no help in finding anybody."""
    for key, value in fields.items():
        if key.startswith("consents/"):
            continue
        if "/" in key and not key.startswith("addresses/"):
            yield folded(key.split("/", 1)[1])
        parts = value.values() if isinstance(value, Mapping) else [value]
        yield from (folded(str(part)) for part in parts if part)
