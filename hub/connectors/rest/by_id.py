"""Records by id, several at a time where the service allows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from hub.connectors.rest.calls import Find, Read
from hub.connectors.rest.exchange import Answer, Exchange, Said
from hub.connectors.rest.paging import items_of
from hub.connectors.rest.together import ask_together
from hub.connectors.rest.words import fill
from hub.errors import TransientError


def read_raws(exchange: Exchange, read: Read, ids: Sequence[str]) -> Iterator[Any]:
    """Records as the service gives them; one that is missing is left out."""
    if read.bundled:
        yield from _bundled(exchange, read, list(dict.fromkeys(ids)))
        return
    rest = iter(dict.fromkeys(ids))
    while some := list(islice(rest, read.size)):
        items = None if read.item is None else [fill(read.item, {"id": each}) for each in some]
        try:
            answer = exchange.ask(
                read, {"id": some[0], "ids": some, "items": items, "size": len(some)}, idempotent=True
            )
        except Said as error:
            if error.means in {"missing", "empty"}:
                continue
            raise TransientError(f"A record could not be read: {error.words}.") from error
        found = held(read, answer.body) if read.size == 1 else items_of(read, answer.body)
        if read.record is not None:
            found = [read.record.of(each) for each in found]
        beside = {name: place.of(answer.body) for name, place in read.beside.items()}
        there = (raw for raw in found if raw is not None)
        yield from ({**raw, **beside} if beside and isinstance(raw, Mapping) else raw for raw in there)


def _bundled(exchange: Exchange, read: Read, ids: Sequence[str]) -> Iterator[Any]:
    size = exchange.bundle_size
    for start in range(0, len(ids), size):
        some = ids[start : start + size]
        for answer in ask_together(exchange, read, [{"id": each} for each in some], idempotent=True):
            if isinstance(answer, Answer):
                yield from held(read, answer.body)
            elif not isinstance(answer, Said):
                raise answer
            elif answer.means not in {"missing", "empty"}:
                raise TransientError(f"A record could not be read: {answer.words}.") from answer


def held(call: Read | Find, body: Any) -> list[Any]:
    """The record, or those of a list, in an answer. TransientError when there is no such place in it."""
    found = call.items.of(body)
    if found is None and not (call.optional or call.items.has(body)):
        raise TransientError("The answer holds no record where one belongs; nothing is concluded from it.")
    if call.keyed and isinstance(found, Mapping):
        return list(found.values())
    return found if isinstance(found, list) else [found] * (found is not None)
