"""Which writes leave in one call. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hub.connectors.rest.write_calls import Writing
from hub.model import Write


def gathered(writes: Sequence[Write], kind_of: Callable[[Write], Writing]) -> list[int]:
    """Numbers of the writes in the order in which they leave.

    Those that a call for several takes only where their fields are the same stand together, in the place of the first
    of them. Where a record is written twice, nothing moves.
    """
    ids = [write.id for write in writes if write.id is not None]
    if len(set(ids)) < len(ids) or not any(_alike(kind_of(write)) for write in writes):
        return list(range(len(writes)))
    first: dict[object, int] = {}
    for number, write in enumerate(writes):
        first.setdefault(_sort(write, kind_of(write)), number)
    return sorted(range(len(writes)), key=lambda number: first[_sort(writes[number], kind_of(writes[number]))])


def grouped(
    writes: Sequence[Write], kind_of: Callable[[Write], Writing], most: Callable[[Writing], int]
) -> list[list[Write]]:
    """Writes that leave in one call, in order: of one kind, and never two of one record."""
    groups: list[list[Write]] = []
    ids: set[str | None] = set()
    for write in writes:
        kind, last = kind_of(write), groups[-1] if groups else []
        same = last and _sort(last[0], kind_of(last[0])) == _sort(write, kind) and len(last) < most(kind)
        if same and (write.id is None or write.id not in ids):
            last.append(write)
        else:
            groups.append([write])
            ids = set()
        ids.add(write.id)
    return groups


def _alike(kind: Writing) -> bool:
    return kind.several is not None and kind.several.alike


def _sort(write: Write, kind: Writing) -> tuple[object, frozenset[str]]:
    return write.op, frozenset(write.fields) if _alike(kind) else frozenset()
