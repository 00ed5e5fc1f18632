"""Records by id, several at a time where the service allows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from hub.connectors.rest.calls import Find, Read
from hub.connectors.rest.exchange import Answer, Exchange, Said
from hub.connectors.rest.paging import items_of
from hub.connectors.rest.together import ask_together
from hub.connectors.rest.words import Values, fill
from hub.errors import TransientError

TOGETHER = 1000  # records that one request of the kind `bundle` asks for, at most


def read_raws(exchange: Exchange, read: Read, ids: Sequence[str]) -> Iterator[Any]:
    """Records as the service gives them; one that is missing is left out."""
    asked = [_asked(read, some) for some in _parts(dict.fromkeys(ids), read.size)]
    if read.bundled:
        yield from _bundled(exchange, read, asked)
        return
    for values in asked:
        try:
            answer = exchange.ask(read, values, idempotent=True)
        except Said as error:
            if error.means in {"missing", "empty"}:
                continue
            raise TransientError(f"A record could not be read: {error.words}.") from error
        yield from _found(read, answer)


def _parts(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, size)):
        yield some


def _asked(read: Read, some: Sequence[str]) -> Values:
    items = None if read.item is None else [fill(read.item, {"id": each}) for each in some]
    return {"id": some[0], "ids": some, "items": items, "size": len(some)}


def _bundled(exchange: Exchange, read: Read, asked: Sequence[Values]) -> Iterator[Any]:
    size = max(1, min(exchange.bundle_size, TOGETHER // read.size))
    for start in range(0, len(asked), size):
        for answer in ask_together(exchange, read, asked[start : start + size], idempotent=True):
            if isinstance(answer, Answer):
                yield from _found(read, answer)
            elif not isinstance(answer, Said):
                raise answer
            elif answer.means not in {"missing", "empty"}:
                raise TransientError(f"A record could not be read: {answer.words}.") from answer


def _found(read: Read, answer: Answer) -> Iterator[Any]:
    if read.more is not None and read.more.holds(answer.body):
        raise TransientError("The answer does not hold all the records that were asked for; nothing is concluded.")
    found = held(read, answer.body) if read.size == 1 else items_of(read, answer.body)
    if read.record is not None:
        found = [read.record.of(each) for each in found]
    beside = {name: place.of(answer.body) for name, place in read.beside.items()}
    there = (raw for raw in found if raw is not None)
    yield from ({**raw, **beside} if beside and isinstance(raw, Mapping) else raw for raw in there)


def held(call: Read | Find, body: Any) -> list[Any]:
    """The record, or those of a list, in an answer. TransientError when there is no such place in it."""
    found = call.items.of(body)
    if found is None and not (call.optional or call.items.has(body)):
        raise TransientError("The answer holds no record where one belongs; nothing is concluded from it.")
    if call.keyed and isinstance(found, Mapping):
        return list(found.values())
    return found if isinstance(found, list) else [found] * (found is not None)
