"""How much one run may touch before a person is asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """share: of the records a connection holds; number: of records. None: no such limit.

    Deletions are held above the smaller of the two, all else above the larger, so that ten new contacts
    beside twenty known ones pass and ten missing of twenty do not.
    """

    share: float | None
    number: int | None


@dataclass(frozen=True, slots=True)
class Limits:
    """Per run and connection. Deletions of everything there is are always held."""

    creates: Limit = Limit(0.3, 1000)
    updates: Limit = Limit(0.3, 1000)
    deletes: Limit = Limit(0.1, 100)
    merges: Limit = Limit(0.1, 100)
    consents: Limit = Limit(0.1, 100)


def exceeded(limit: Limit, count: int, population: int, *, smaller: bool = False) -> bool:
    """Whether `count` of `population` records is more than the limit."""
    over = []
    if limit.share is not None:
        over.append(count > limit.share * population)
    if limit.number is not None:
        over.append(count > limit.number)
    if not over:
        return False
    return any(over) if smaller else all(over)


def held(limits: Limits, counts: Mapping[str, int], population: int, allowed: Mapping[str, int] | None) -> str | None:
    """Why a run with these counts must wait for a person, or None.

    counts   creates, updates, deletes, consents so far in this run
    allowed  what a person has approved for this run; a class that is not in it has its limit
    """
    for name in ("deletes", "consents", "updates", "creates"):
        count = counts.get(name, 0)
        if count == 0 or (allowed is not None and count <= allowed.get(name, 0)):
            continue
        deletes = name == "deletes"
        everything = deletes and population > 0 and count >= population
        if everything or exceeded(getattr(limits, name), count, population, smaller=deletes):
            return f"{count} {name} of {population} records are more than the limit of this connection"
    return None


def most(limit: Limit, population: int, done: int) -> int | None:
    """How many more may be done in this run; None: as many as there are."""
    caps = []
    if limit.share is not None:
        caps.append(int(limit.share * population))
    if limit.number is not None:
        caps.append(limit.number)
    return max(0, max(caps) - done) if caps else None
