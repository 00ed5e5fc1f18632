"""Several calls for one record each, in one request: judged one by one, as if each had been alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from hub.connectors.rest.answers import entries_of
from hub.connectors.rest.bundle import PartRequest, read_bundle, write_bundle
from hub.connectors.rest.calls import Request
from hub.connectors.rest.exchange import Answer, Exchange, Said, Spoken, Verdict
from hub.connectors.rest.words import Values, fill
from hub.connectors.rest.write_calls import Deferred
from hub.errors import AccountError, RecordError, TransientError

READS = frozenset({"GET", "PUT", "DELETE"})  # and what else leaves, sent twice, what it leaves once


def ask_together(
    exchange: Exchange, request: Request, each: Sequence[Values], *, idempotent: bool | None = None
) -> list[Answer | Verdict]:
    """What the service answers to each of several calls of one kind, sent in one request of the kind `bundle`.

    TransientError, AccountError and Said speak for all of them.
    """
    repeatable = request.method in READS if idempotent is None else idempotent
    return ask_mixed(exchange, [(request, values) for values in each], repeatable=repeatable)


def ask_mixed(
    exchange: Exchange, calls: Sequence[tuple[Request, Values]], *, repeatable: bool
) -> list[Answer | Verdict]:
    """The same for calls of several kinds. repeatable: all of them twice leave what they leave once"""
    if len(calls) == 1:
        return [_alone(exchange, *calls[0], repeatable)]
    spoken = [_spoken(exchange, request, values) for request, values in calls]
    sent = [(call, request) for call, (request, _) in zip(spoken, calls, strict=True) if isinstance(call, Spoken)]
    answers: Iterator[Answer | Verdict] = iter(())
    if sent:
        parts = [PartRequest(call.method, exchange.target(call), call.headers, call.body) for call, _ in sent]
        answer = exchange.ask_bundle(write_bundle(parts, sets=exchange.in_sets), repeatable=repeatable)
        answers = _parts_of(exchange, answer, [request for _, request in sent], repeatable)
    return [next(answers) if isinstance(call, Spoken) else call for call in spoken]


def ask_later(
    exchange: Exchange, deferred: Deferred, request: Request, each: Sequence[Values]
) -> list[Answer | Verdict]:
    """The same for calls that the service works through in its own time.

    Said, AccountError: nothing was carried out. TransientError says whether something may have been; then nothing more
    is carried out, as far as the service could be told so.
    """
    calls = [_spoken(exchange, request, values) for values in each]
    named = {str(number): call for number, call in enumerate(calls) if isinstance(call, Spoken)}
    if not named:
        return [call for call in calls if not isinstance(call, Spoken)]
    items = [fill(deferred.item, {**exchange.settings, **_words(number, call)}) for number, call in named.items()]
    begun = exchange.begin(deferred.start, {"items": items, "size": len(items)}, idempotent=False)
    answer = _ended(exchange, deferred, begun)
    told = _told(exchange, deferred, answer)
    return [
        _judged(exchange, deferred, request, told.get(str(number)), answer.at) if isinstance(call, Spoken) else call
        for number, call in enumerate(calls)
    ]


# --- one of them ------------------------------------------------------------------------------------


def _alone(exchange: Exchange, request: Request, values: Values, idempotent: bool) -> Answer | Verdict:
    try:
        return exchange.ask(request, values, idempotent=idempotent)
    except (Said, RecordError) as error:
        return error


def _spoken(exchange: Exchange, request: Request, values: Values) -> Spoken | RecordError:
    try:
        return exchange.spoken(request, values)
    except RecordError as error:
        return error


def _words(number: str, call: Spoken) -> Values:
    body = None if call.body is None else orjson.loads(call.body)
    query = dict(call.query) or None
    return {"call": {"number": number, "method": call.method, "path": call.path, "query": query, "body": body}}


# --- in one request ---------------------------------------------------------------------------------


def _parts_of(
    exchange: Exchange, answer: Answer, requests: Sequence[Request], repeatable: bool
) -> Iterator[Answer | Verdict]:
    """As many as were asked; one that has no answer may have been carried out or not."""
    try:
        parts = read_bundle(answer.headers.get("content-type", ""), answer.body or b"")
        read = [
            exchange.judged(
                request, part.status, part.headers, orjson.loads(part.body) if part.body else None, answer.at
            )
            for request, part in zip(requests, parts, strict=False)
        ]
    except (ValueError, TypeError) as error:
        raise TransientError(
            f"{exchange.name}: the answer to several calls cannot be read.", maybe_done=not repeatable
        ) from error
    yield from read
    for _ in range(len(requests) - len(read)):
        yield TransientError(f"{exchange.name}: one of several calls has no answer.", maybe_done=True)


# --- later ------------------------------------------------------------------------------------------


def _ended(exchange: Exchange, deferred: Deferred, begun: Answer) -> Answer:
    assert deferred.start.poll is not None, "checked with the file"
    try:
        return exchange.awaited(deferred.start.poll, begun.job, {})
    except Said as error:
        words = f"{exchange.name}: calls were taken, and the service does not say what became of them: {error.words}"
        raise TransientError(words, maybe_done=True) from error


def _told(exchange: Exchange, deferred: Deferred, answer: Answer) -> dict[str, Any]:
    """What the file says, by the names that we gave. TransientError: it cannot be read; all of it was carried out."""
    address = deferred.answers.of(answer.body)
    try:
        if not isinstance(address, str) or not address:
            raise ValueError("the service names no file of answers")
        raw = exchange.file(Request(call=deferred.start.call), {}, address).body
        entries = entries_of(raw)
    except (ValueError, Said, AccountError, TransientError) as error:
        words = f"{exchange.name}: calls were carried out, and what they were answered cannot be read: {error}"
        raise TransientError(words, maybe_done=True) from error
    return {str(deferred.by.of(entry)): entry for entry in entries if isinstance(entry, Mapping)}


def _judged(
    exchange: Exchange, deferred: Deferred, request: Request, entry: Any, at: datetime | None
) -> Answer | Verdict:
    status, body = (None, None) if entry is None else (deferred.status.of(entry), deferred.body.of(entry))
    try:
        if not isinstance(status, int) or not 100 <= status <= 599:
            raise ValueError("it has no status")
        return exchange.judged(request, status, {}, orjson.loads(body) if isinstance(body, str) and body else body, at)
    except (ValueError, TypeError):
        return TransientError(f"{exchange.name}: one of many calls has no answer that can be read.", maybe_done=True)
