"""Consents of several records in one call, before anything else of them is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hub.connectors.rest.calls import Request
from hub.connectors.rest.exchange import Exchange, Said
from hub.connectors.rest.results import Found, Named, consent_call
from hub.connectors.rest.spec import Consent
from hub.errors import AccountError, RecordError, TransientError
from hub.model import Op, Write


def told_together(exchange: Exchange, consents: Mapping[str, Consent], writes: Sequence[Write]) -> list[Write | Found]:
    """What is left to do of each write. What the call for several does not take is left to the call for one.

    Where a record is written twice, nothing is told together: the last word is to be the last.
    """
    left: list[Write | Found] = list(writes)
    ids = [write.id for write in writes if write.id is not None]
    if len(set(ids)) < len(ids):
        return left
    for name, consent in consents.items():
        for call, numbers in _alike(name, consent, writes) if consent.size > 1 else ():
            for start in range(0, len(numbers), consent.size):
                some = numbers[start : start + consent.size]
                if len(some) > 1 and _told(exchange, call, [writes[number].id for number in some]):
                    for number in some:
                        left[number] = _rest(left[number], name)
    return left


def _alike(name: str, consent: Consent, writes: Sequence[Write]) -> list[tuple[Request, list[int]]]:
    """The calls, each with the numbers of the writes that need it."""
    found: dict[str, tuple[Request, list[int]]] = {}
    for number, write in enumerate(writes):
        call = _call(name, consent, write)
        if call is not None:
            found.setdefault(str(write.fields[name]), (call, []))[1].append(number)
    return list(found.values())


def _call(name: str, consent: Consent, write: Write) -> Request | None:
    if write.op is not Op.UPDATE or write.fields.get(name) is None:
        return None
    try:
        return consent_call(name, consent, write.fields[name])
    except Said:
        return None  # refused when it is written


def _told(exchange: Exchange, call: Request, ids: Sequence[Any]) -> bool:
    try:
        exchange.ask(call, {"ids": ids}, idempotent=True)
    except (Said, RecordError, TransientError, AccountError):
        return False  # each is told by itself, and what is wrong is said of it
    return True


def _rest(write: Write | Found, name: str) -> Write | Found:
    if not isinstance(write, Write):
        return write
    fields = {each: value for each, value in write.fields.items() if each != name}
    if fields:
        return replace(write, fields=fields)
    assert write.id is not None, "an update"
    return Named(write.id)
