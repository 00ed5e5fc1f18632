"""What a receiver is told now: each matter once when it comes and once when it is over, never too often. Pure.

A matter is told when it has held for a while, and over when it has been gone for as long; what comes and goes
meanwhile is not told at all. What waits for its turn is told together.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Known:
    """A matter as a receiver knows it. Epoch seconds; told_at None: not yet; gone_at None: it holds"""

    since: float
    told_at: float | None = None
    gone_at: float | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """Seconds. every: at most one message in so long; after: what is over sooner is not told"""

    every: float
    after: float


@dataclass(frozen=True, slots=True)
class Turn:
    """known: from now on; new, over: what the message is about, none of either being no message"""

    known: Mapping[str, Known]
    new: tuple[str, ...] = ()
    over: tuple[str, ...] = ()

    @property
    def is_told(self) -> bool:
        return bool(self.new or self.over)


def turn(known: Mapping[str, Known], there: Set[str], last: float | None, policy: Policy, now: float) -> Turn:
    """there: matters that hold now; last: when the last message was written"""
    noticed = _noticed(known, there, now)
    if last is not None and now - last < policy.every:
        return Turn(noticed)
    new = tuple(sorted(k for k, one in noticed.items() if one.told_at is None and now - one.since >= policy.after))
    over = tuple(
        sorted(k for k, one in noticed.items() if one.gone_at is not None and now - one.gone_at >= policy.after)
    )
    told = {key: replace(one, told_at=now) if key in new else one for key, one in noticed.items() if key not in over}
    return Turn(told, new, over)


def _noticed(known: Mapping[str, Known], there: Set[str], now: float) -> dict[str, Known]:
    found = {key: replace(known[key], gone_at=None) if key in known else Known(now) for key in there}
    for key, one in known.items():
        if key not in there and one.told_at is not None:
            found[key] = one if one.gone_at is not None else replace(one, gone_at=now)
    return found
