"""A piece of a source that could not be read, as text: kept, shown, and known again when it comes again.

A correction stands for the piece that it was made for: the same bytes at the same place. When lines before it came or
went, it is found at another place of the same file; it stands for one piece of a listing then, never for two.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import orjson

from hub.model import Raw, Unreadable
from hub.store.amended import Amended
from hub.store.db import dumps

LONGEST = 64 * 1024  # characters of a text that is put right
_NUMBER = re.compile(r"\s\d+$")  # of the line, at the end of a place


@dataclass(frozen=True, slots=True)
class Piece:
    """place: as it is parked; named: it showed its key, so that its place says nothing of where it stands"""

    place: str
    mark: str
    named: bool = False


def piece_of(item: Unreadable) -> Piece | None:
    """None: nobody can put it right as text."""
    if item.raw is None:
        return None
    return Piece(item.id or item.where, mark_of(item.raw), item.id is not None)


def mark_of(raw: Raw) -> str:
    """What tells that it is still the same piece."""
    return blake2b(raw.data, digest_size=12).hexdigest()


def raw_text(raw: Raw | None) -> str | None:
    """As it is kept in the store: JSON in which plain text stays readable, so that an erasure finds it."""
    if raw is None:
        return None
    return dumps({"bytes": raw.data.decode("latin-1"), "encoding": raw.encoding, "names": list(raw.names)})


def read_raw(text: str | None) -> Raw | None:
    if text is None:
        return None
    said = orjson.loads(text)
    return Raw(said["bytes"].encode("latin-1"), said["encoding"], tuple(said["names"]))


def spelled(raw: Raw) -> str:
    """The piece as text: bytes that are none in the declared encoding, and NULs, as backslash and hex."""
    return raw.data.decode(raw.encoding, "backslashreplace").replace("\x00", r"\x00")


def spelled_as(raw: Raw, encoding: str) -> str | None:
    """The piece as text in another encoding; None: it is none. LookupError for an unknown encoding."""
    try:
        return raw.data.decode(encoding)
    except UnicodeDecodeError:
        return None


def standing(
    pieces: Sequence[Piece], made: Sequence[Amended], waiting: Collection[str], run_id: str
) -> dict[int, Amended]:
    """Number of a piece of a page → the correction that stands for it.

    made     corrections of the marks of these pieces
    waiting  places at which the same piece is set aside by itself: no correction of elsewhere stands for it
    run_id   a correction that came up in this run already stands for nothing else in it
    """
    exact = {(each.mark, each.place): each for each in made}
    found = {n: exact[piece.mark, piece.place] for n, piece in enumerate(pieces) if (piece.mark, piece.place) in exact}
    taken = {each.id for each in found.values()}
    for n, piece in enumerate(pieces):
        if n in found or piece.named or piece.place in waiting:
            continue
        source = source_of(piece.place)
        for each in made:
            is_free = each.id not in taken and each.run_id != run_id
            if is_free and each.mark == piece.mark and source_of(each.place) == source:
                found[n] = each
                taken.add(each.id)
                break
    return found


def source_of(place: str) -> str:
    """A place without the number of its line: the file, or the sheet."""
    return _NUMBER.sub("", place)
