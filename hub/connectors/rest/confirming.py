"""Many records at once that were just written, shown by a query with the fields that were sent."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from hub.connectors.rest.exchange import Exchange, Said
from hub.connectors.rest.paging import items_of
from hub.connectors.rest.records import RecordReader
from hub.connectors.rest.spec import ServiceSpec
from hub.connectors.rest.words import fill
from hub.connectors.rest.write_calls import Written
from hub.errors import AccountError
from hub.model import Record

log = logging.getLogger(__name__)


class Confirming:
    def __init__(self, spec: ServiceSpec, exchange: Exchange) -> None:
        self._spec, self._exchange = spec, exchange
        self._reader = RecordReader(spec.record)
        self._refused = False

    def shown(self, sent: Mapping[str, Mapping[str, Any]]) -> dict[str, Record]:
        """Parts of those records that the service shows exactly as they were sent; the others are to be read by id.

        sent  id → fields. TransientError: the service could not be asked.
        """
        call, read = self._spec.written, self._spec.read
        plain = {name: fields for name, fields in sent.items() if fields and all(map(_is_plain, fields.values()))}
        if call is None or read is None or self._refused or len(plain) <= read.size:
            return {}  # one call of `read` does it
        try:
            raws = list(self._asked(call, plain))
        except (Said, AccountError) as error:
            self._refused = True
            log.warning("%s: what is written cannot be shown by one query: %s", self._exchange.name, error)
            return {}
        parts = (self._reader.part(raw) for raw in raws)
        return {each.id: each for each in parts if each is not None and _holds(each, plain.get(each.id))}

    def _asked(self, call: Written, sent: Mapping[str, Mapping[str, Any]]) -> Iterator[Any]:
        ids, settings = list(sent), self._exchange.settings
        for start in range(0, len(ids), call.size):
            some = ids[start : start + call.size]
            groups = [some[first : first + call.each] for first in range(0, len(some), call.each)]
            items = [fill(call.item, {**settings, "ids": group}) for group in groups]
            names = sorted({name for each in some for name in sent[each]})
            values = {"items": items, "ids": some, "names": names, "size": len(some)}
            yield from items_of(call, self._exchange.ask(call, values, idempotent=True).body)


# --- pure -------------------------------------------------------------------------------------------


def _is_plain(value: Any) -> bool:
    """Lists and objects are shown in one form by a query, and in another one by reading."""
    return not isinstance(value, dict | list)


def _holds(record: Record, sent: Mapping[str, Any] | None) -> bool:
    if sent is None:
        return False
    return all(name in record.fields and _same(record.fields[name], value) for name, value in sent.items())


def _same(there: Any, sent: Any) -> bool:
    return there == sent if sent not in ("", None) else there in ("", None)
