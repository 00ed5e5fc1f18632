"""Several calls for one record each, in one request: judged one by one, as if each had been alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import orjson

from hub.connectors.http import JSON
from hub.connectors.rest.answers import entries_of
from hub.connectors.rest.bundle import PartRequest, read_bundle, write_bundle
from hub.connectors.rest.calls import Request
from hub.connectors.rest.exchange import Answer, Exchange, Said, Spoken, Verdict
from hub.connectors.rest.words import Values, fill
from hub.connectors.rest.write_calls import Deferred, Parts, Several
from hub.errors import AccountError, RecordError, TransientError

Sent: TypeAlias = Sequence[tuple[Spoken, Request]]

AGAIN = (1.0, 2.0, 4.0, 8.0)  # seconds before calls that were not taken yet go once more, where no other wait is told
PATIENCE = 30.0  # seconds for that altogether: what is put off for longer goes with the next ones
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
    answers = iter(_taken(exchange, sent, repeatable) if sent else ())
    return [next(answers) if isinstance(call, Spoken) else call for call in spoken]


def not_all_of_the_account(found: list[Answer | Verdict]) -> list[Answer | Verdict]:
    """What was answered. AccountError when it is that of all of them: nothing was done."""
    broken = [each for each in found if isinstance(each, AccountError)]
    if broken and len(broken) == len(found):
        raise broken[0]
    return found


def ask_several(exchange: Exchange, several: Several, each: Sequence[Values]) -> list[Answer | None]:
    """What each call for one would have been answered, from one call for several; None: it says nothing of that one.

    Said, RecordError: nothing was carried out. TransientError, AccountError speak for all of them.
    """
    if several.alike and len({frozenset(values["fields"]) for values in each}) > 1:
        raise AssertionError("only writes of the same fields go together: others would lose what they do not name")
    items = [fill(several.item, {**values, **exchange.settings}) for values in each]
    named = items if several.keyed is None else {str(several.keyed.of(item)): item for item in items}
    answer = exchange.ask(several, {**each[0], "items": named, "size": len(items)})
    if several.items is None or several.by is None or several.sent is None or several.answer is None:
        return [Answer(None, answer.headers, answer.at)] * len(items)
    found = several.items.of(answer.body)
    entries = list(found.values()) if isinstance(found, Mapping) else found if isinstance(found, list) else []
    told = {str(several.by.of(entry)): several.answer.of(entry) for entry in entries}
    bodies = [told.get(str(several.sent.of(item))) for item in items]
    return [None if body is None else Answer(body, answer.headers, answer.at) for body in bodies]


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
    items = [fill(deferred.item, _words(exchange, number, call)) for number, call in named.items()]
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


def _words(exchange: Exchange, number: str, call: Spoken) -> Values:
    body = None if call.body is None else orjson.loads(call.body)
    headers = {**call.headers, **({} if body is None else {"Content-Type": JSON})}
    said = {"number": number, "method": call.method, "path": call.path, "query": dict(call.query) or None, "body": body}
    return {**exchange.settings, "call": {**said, "target": exchange.below(call), "headers": headers}}


# --- in one request ---------------------------------------------------------------------------------


def _taken(exchange: Exchange, sent: Sent, repeatable: bool) -> list[Answer | Verdict]:
    """What each was answered. Those that the service would not take yet go again, as a call alone would.

    AccountError when it says so of all of them: nothing was done.
    """
    found = _in_one(exchange, sent, repeatable)
    left = PATIENCE
    for seconds in AGAIN:
        late = [number for number, each in enumerate(found) if _not_yet(each)]
        told = max((_wait_of(found[number]) or 0.0 for number in late), default=0.0)
        left -= told or seconds
        if not late or left < 0:
            break
        if not told:
            exchange.wait(seconds)  # else the next request leaves when it may
        try:
            again = _in_one(exchange, [sent[number] for number in late], repeatable)
        except (Said, AccountError):
            break  # nothing more was done
        except TransientError as error:
            again = [error] * len(late)
        for number, each in zip(late, again, strict=True):
            found[number] = each
    return not_all_of_the_account(found)


def _not_yet(answer: Answer | Verdict) -> bool:
    return isinstance(answer, TransientError) and not answer.maybe_done


def _wait_of(answer: Answer | Verdict) -> float | None:
    return answer.retry_after if isinstance(answer, TransientError) else None


def _in_one(exchange: Exchange, sent: Sent, repeatable: bool) -> list[Answer | Verdict]:
    bundle, requests = exchange.bundle, [request for _, request in sent]
    if bundle.parts is None:
        parts = [PartRequest(call.method, exchange.target(call), call.headers, call.body) for call, _ in sent]
        content = write_bundle(parts, sets=bundle.sets)
        answer = exchange.ask_bundle({}, len(sent), repeatable=repeatable, content=content)
        return list(_parts_of(exchange, answer, requests, repeatable))
    items = [fill(bundle.item, _words(exchange, str(number), call)) for number, (call, _) in enumerate(sent)]
    answer = exchange.ask_bundle({"items": items, "size": len(items)}, len(sent), repeatable=repeatable)
    entries = bundle.parts.items.of(answer.body)
    if not isinstance(entries, list):
        words = f"{exchange.name}: the answer to several calls holds no list of answers."
        raise TransientError(words, maybe_done=not repeatable)
    told = {str(bundle.parts.by.of(entry)): entry for entry in entries if isinstance(entry, Mapping)}
    return [
        _judged(exchange, bundle.parts, request, told.get(str(number)), answer.at)
        for number, request in enumerate(requests)
    ]


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
    exchange: Exchange, places: Parts | Deferred, request: Request, entry: Any, at: datetime | None
) -> Answer | Verdict:
    status, body = (None, None) if entry is None else (places.status.of(entry), places.body.of(entry))
    try:
        if not isinstance(status, int) or not 100 <= status <= 599:
            raise ValueError("it has no status")
        return exchange.judged(request, status, _headers_of(places, entry), _parsed(body, status), at)
    except (ValueError, TypeError):
        return TransientError(f"{exchange.name}: one of many calls has no answer that can be read.", maybe_done=True)


def _headers_of(places: Parts | Deferred, entry: Any) -> dict[str, str]:
    found = places.headers.of(entry) if isinstance(places, Parts) and places.headers is not None else None
    return {name.lower(): str(value) for name, value in found.items()} if isinstance(found, Mapping) else {}


def _parsed(body: Any, status: int) -> Any:
    """ValueError when a good answer is no JSON. Of a bad one the status says enough."""
    if not isinstance(body, str) or not body:
        return body
    try:
        return orjson.loads(body)
    except ValueError:
        if status < 400:
            raise
        return None
