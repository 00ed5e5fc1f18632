"""Records of another kind that records name by id, read in batches and put beside their fields."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from hub.connectors.rest.by_id import read_raws
from hub.connectors.rest.exchange import Exchange
from hub.connectors.rest.spec import Related, ServiceSpec
from hub.model import Record

T = TypeVar("T")

KEPT = 5000  # of each kind, so that the company of many contacts is read once


class Relations:
    def __init__(self, spec: ServiceSpec, exchange: Exchange) -> None:
        self._exchange = exchange
        self._kinds = [(each, Kept()) for each in spec.related]

    def joined(self, raws: Sequence[Any], items: Sequence[T]) -> Sequence[T | Record]:
        """The items; records with what their raw form names beside their fields, or an empty place."""
        found: list[T | Record] = list(items)
        for related, kept in self._kinds:
            named = [_named(related, raw) for raw in raws]
            self._fetch(related, kept, [name for name in named if name and name not in kept.known])
            for place, (item, name) in enumerate(zip(found, named, strict=True)):
                if isinstance(item, Record):
                    found[place] = replace(item, fields={**item.fields, related.into: kept.known.get(name or "")})
            kept.forget()
        return found

    def _fetch(self, related: Related, kept: Kept, names: Sequence[str]) -> None:
        asked = list(dict.fromkeys(names))
        kept.known.update(dict.fromkeys(asked))
        raws = read_raws(self._exchange, related.read, asked)
        kept.known.update({str(related.id.of(raw)): raw for raw in raws})


class Kept:
    """What was read, up to KEPT of the newest; None: it is not there."""

    def __init__(self) -> None:
        self.known: OrderedDict[str, Any] = OrderedDict()

    def forget(self) -> None:
        while len(self.known) > KEPT:
            self.known.popitem(last=False)


def _named(related: Related, raw: Any) -> str | None:
    value = related.ids.of(raw)
    if isinstance(value, list):
        value = value[0] if value else None
        if related.item is not None:
            value = related.item.of(value)
    return None if value is None or value == "" else str(value)
