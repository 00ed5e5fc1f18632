"""Writing rows that are entities of their own: within a new record, by calls of their own in one that is there.

What is there is read first: a record that moved on since the hub read it, or a row of it, is not written. The calls go
together where the service takes several in one request, and each names the state of the row that it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from hub.connectors.rest.by_id import read_raws
from hub.connectors.rest.calls import Request
from hub.connectors.rest.exchange import Answer, Exchange, Said, Verdict
from hub.connectors.rest.reading import Reading
from hub.connectors.rest.records import RecordReader
from hub.connectors.rest.results import in_doubt, not_there
from hub.connectors.rest.rows import Unfit, calls, nested
from hub.connectors.rest.sending import Ready, Sending
from hub.connectors.rest.spec import ServiceSpec
from hub.connectors.rest.together import ask_mixed
from hub.connectors.rest.words import Values
from hub.errors import AccountError, RecordError, TransientError
from hub.model import Done, Missing, NotSent, Op, Outcome, Refused, Stale, Unknown, Write

Send: TypeAlias = Callable[[Sequence[Write]], list[Outcome]]
PARTLY = "A part of it was written, and another part was not: "


@dataclass(frozen=True, slots=True)
class Prepared:
    """The calls of one write; `begins`: the first of them changes the record itself."""

    calls: Sequence[tuple[Request, Values]]
    begins: bool


class ChildRows:
    """Of one connection."""

    def __init__(self, spec: ServiceSpec, exchange: Exchange, reading: Reading) -> None:
        self._spec, self._exchange, self._reading = spec, exchange, reading
        self._kinds = spec.children.kinds if spec.children is not None else ()
        self._names = frozenset(kind.field for kind in self._kinds)
        self._reader = RecordReader(spec.record)
        self._sending = Sending(spec, exchange, reading)

    def write(self, writes: Sequence[Write], send: Send) -> list[Outcome]:
        """One outcome each, in order. What `send` raises is raised; then nothing was sent."""
        touching = [not self._names.isdisjoint(write.fields) for write in writes]
        if not any(touching):
            return send(writes)
        ready: list[Write | Outcome] = [
            self._whole(write) if touches and write.op is Op.CREATE else write
            for write, touches in zip(writes, touching, strict=True)
        ]
        apart = [each for each, touches in zip(ready, touching, strict=True) if touches and _is_update(each)]
        plain = [each for each in ready if isinstance(each, Write) and each not in apart]
        sent = iter(send(plain) if plain else [])
        mine = iter(self._updated([each for each in apart if isinstance(each, Write)], first=not plain))
        return [each if not isinstance(each, Write) else next(mine) if each in apart else next(sent) for each in ready]

    def _whole(self, write: Write) -> Write | Outcome:
        try:
            return replace(write, fields=nested(self._kinds, write.fields, self._exchange.settings))
        except Unfit as error:
            return Refused(f"It was not made: {error}.")

    # --- records that are there -------------------------------------------------------------------

    def _updated(self, writes: Sequence[Write], *, first: bool) -> list[Outcome]:
        """first: nothing was sent before, so an error of the account may be raised"""
        if not writes:
            return []
        since = self._exchange.now()
        try:
            raws = self._raws(writes)
            ready = [self._ready(write, raws.get(str(write.id))) for write in writes]
        except TransientError as error:
            return [NotSent(str(error), error.retry_after, error.untried)] * len(writes)
        except AccountError as error:
            if first:
                raise
            return [NotSent(str(error))] * len(writes)
        answers = iter(self._asked([call for each in ready if isinstance(each, Prepared) for call in each.calls]))
        found = [
            each
            if not isinstance(each, Prepared)
            else _judged(self._spec.service, each, [next(answers) for _ in each.calls])
            for each in ready
        ]
        return self._read_back(writes, found, since)

    def _raws(self, writes: Sequence[Write]) -> dict[str, Any]:
        assert self._spec.read is not None, "checked with the file"
        raws = read_raws(self._exchange, self._spec.read, [str(write.id) for write in writes])
        return {str(self._spec.record.id.of(raw)): raw for raw in raws}

    def _ready(self, write: Write, raw: Any) -> Prepared | Outcome:
        assert self._spec.update is not None, "checked with the file"
        record = None if raw is None else self._reader.record(raw)
        if record is None:
            return Missing()
        if write.version is not None and write.version != record.version:
            return Stale()
        rest = {name: value for name, value in write.fields.items() if name not in self._names}
        try:
            found = list(calls(self._kinds, record.id, raw, write.fields, self._exchange.settings))
            begun = self._sending.ready(self._spec.update, replace(write, fields=rest, version=record.version))
        except Unfit as error:
            return Refused(f"Nothing of it was written: {error}.")
        except Said as error:
            return Refused(f"{self._spec.service} refused it: {error.words}")
        if isinstance(begun, Ready) and rest:
            return Prepared([(self._spec.update, begun.values), *found], True)
        return Prepared(found, False)

    def _asked(self, asked: Sequence[tuple[Request, Values]]) -> list[Answer | Verdict]:
        size = self._exchange.bundle_size
        found: list[Answer | Verdict] = []
        for start in range(0, len(asked), size):
            some = asked[start : start + size]
            try:
                found += ask_mixed(self._exchange, some, repeatable=False)
            except (Said, TransientError, AccountError) as error:
                found += [error] * len(some)
        return found

    def _read_back(self, writes: Sequence[Write], found: Sequence[Outcome | None], since: Any) -> list[Outcome]:
        names = [str(write.id) for write, each in zip(writes, found, strict=True) if each is None]
        try:
            there = self._reading.written(names, since) if names else {}
        except (TransientError, AccountError) as error:
            lost = Unknown(f"It was written, and could not be read again. {error}")
            return [lost if each is None else each for each in found]
        return [
            each if each is not None else Done(there[str(write.id)]) if write.id in there else not_there(write)
            for write, each in zip(writes, found, strict=True)
        ]


# --- pure -------------------------------------------------------------------------------------------


def _is_update(each: Write | Outcome) -> bool:
    return isinstance(each, Write) and each.op is Op.UPDATE


def _judged(service: str, prepared: Prepared, answers: Sequence[Answer | Verdict]) -> Outcome | None:
    """None: all of it was carried out. A part that was not leaves the whole in doubt, so that it is read again."""
    bad = [each for each in answers if not isinstance(each, Answer)]
    if not bad:
        return None
    if len(bad) < len(answers):
        return Unknown(f"{PARTLY}{bad[0]}")
    if any(isinstance(each, TransientError) and each.maybe_done for each in bad):
        return Unknown(str(bad[0]))
    return _of(service, bad[0], of_record=prepared.begins)


def _of(service: str, error: Verdict, *, of_record: bool) -> Outcome:
    if isinstance(error, RecordError):
        return Refused(str(error))
    if isinstance(error, TransientError):
        return in_doubt(error)
    if isinstance(error, AccountError):
        return NotSent(str(error))
    if error.means == "missing":
        return Missing() if of_record else Stale()  # a row that left is seen by reading again
    if error.means == "stale":
        return Stale()
    return (
        NotSent(f"{service} says: {error.words}")
        if error.means == "wait"
        else Refused(f"{service} refused it: {error.words}")
    )
