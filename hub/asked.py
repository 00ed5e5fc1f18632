"""Runs that people ask for. Each is made in the end, also when a change of the configuration comes in between."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Order:
    """full: everything is listed again. person: who asked"""

    full: bool
    person: str


class Asked:
    """By connection, what people asked for that has not been made yet. Thread-safe."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._orders: dict[str, Order] = {}

    def put(self, name: str, order: Order) -> bool:
        """Whether it is the only one of its connection. Two become one, full if one of them is."""
        with self._guard:
            before = self._orders.get(name)
            self._orders[name] = order if before is None else _one(before, order)
            return before is None

    def get(self, name: str) -> Order | None:
        with self._guard:
            return self._orders.get(name)

    def made(self, name: str, order: Order) -> bool:
        """It is done with, unless more was asked for meanwhile: whether it is."""
        with self._guard:
            is_over = self._orders.get(name) is order
            if is_over:
                del self._orders[name]
            return is_over

    def take(self) -> dict[str, Order]:
        """All that were not made. They are somebody else's now."""
        with self._guard:
            taken, self._orders = self._orders, {}
            return taken


def _one(before: Order, after: Order) -> Order:
    """Always another object than the two."""
    by = after if after.full and not before.full else before
    return Order(by.full, by.person)
