"""Wrong tries to sign in: each costs a wait that grows, and none locks anybody out for ever.

Counted by name and address together, by address alone, and by name alone. Where one address guesses, it soon has to
wait; whoever the name belongs to still gets in from another. Where many addresses guess one name, new ones have to
wait a little, and those from which its person has signed in before do not.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from dataclasses import dataclass
from math import ceil

FORGOTTEN = 3600.0  # seconds after the last wrong try
MOST_KEYS = 50_000  # remembered at once; the oldest are forgotten first


@dataclass(frozen=True, slots=True)
class Rule:
    """free: wrong tries that cost nothing; after them the wait begins at one second and doubles, to `longest`."""

    free: int
    longest: float

    def wait(self, failed: int) -> float:
        return 0.0 if failed <= self.free else min(self.longest, 2.0 ** min(failed - self.free - 1, 30))


PAIR = Rule(free=5, longest=900.0)
ADDRESS = Rule(free=30, longest=900.0)
NAME = Rule(free=100, longest=30.0)

_Key = tuple[str, str]


class Tries:
    """In the memory of one process, for all its threads."""

    def __init__(self) -> None:
        self._failed: OrderedDict[_Key, tuple[int, float]] = OrderedDict()
        self._known: OrderedDict[_Key, None] = OrderedDict()
        self._guard = threading.Lock()

    def wait_seconds(self, name: str, address: str, now: float) -> int:
        """0: a try may be made now."""
        place = network(address)
        with self._guard:
            waits = [self._left(rule, key, now) for rule, key in self._keys(name, place)]
        return ceil(max(waits))

    def failed(self, name: str, address: str, now: float) -> None:
        place = network(address)
        with self._guard:
            for _, key in self._keys(name, place):
                count, at = self._failed.pop(key, (0, now))
                self._failed[key] = (count + 1 if now - at < FORGOTTEN else 1, now)
            while len(self._failed) > MOST_KEYS:
                self._failed.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        place = network(address)
        with self._guard:
            self._failed.pop((name, place), None)
            self._known[(name, place)] = None
            self._known.move_to_end((name, place))
            while len(self._known) > MOST_KEYS:
                self._known.popitem(last=False)

    def _keys(self, name: str, place: str) -> list[tuple[Rule, _Key]]:
        keys = [(PAIR, (name, place)), (ADDRESS, ("", place))]
        return keys if (name, place) in self._known else [*keys, (NAME, (name, ""))]

    def _left(self, rule: Rule, key: _Key, now: float) -> float:
        count, at = self._failed.get(key, (0, 0.0))
        if now - at >= FORGOTTEN:
            return 0.0
        return max(0.0, at + rule.wait(count) - now)


def network(address: str) -> str:
    """What one guesser has of addresses: of IPv6 a whole network."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "?"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False).network_address)
    return str(found)
