"""Writing to a service: one by one or several at a time, each with an outcome of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

from hub.connectors.rest.calls import Request
from hub.connectors.rest.confirming import Confirming
from hub.connectors.rest.consenting import told_together
from hub.connectors.rest.erasing import out_of_bin
from hub.connectors.rest.exchange import Answer, Exchange, Said, Verdict
from hub.connectors.rest.grouping import gathered, grouped
from hub.connectors.rest.jobs import carry_out, is_flat
from hub.connectors.rest.reading import Reading
from hub.connectors.rest.records import RecordReader
from hub.connectors.rest.results import (
    SENT_TWICE,
    Found,
    Named,
    Told,
    in_doubt,
    in_turn,
    matched,
    not_there,
    sent_to,
)
from hub.connectors.rest.sampling import Samples
from hub.connectors.rest.sending import Ready, Sending
from hub.connectors.rest.spec import ServiceSpec
from hub.connectors.rest.together import ask_later, ask_several, ask_together, not_all_of_the_account
from hub.connectors.rest.words import fill
from hub.connectors.rest.write_calls import Job, Result, Several, Writing
from hub.errors import AccountError, RecordError, TransientError
from hub.model import Done, Missing, NotSent, Op, Outcome, Record, Refused, Stale, Unknown, Write

ENDINGS = frozenset({Op.DELETE, Op.ERASE})  # nothing is there to be read afterwards
LOOK_EVERY = 2.0  # seconds between looks for a record that the service makes later
ROOM = 100.0  # seconds for the writes of one batch: a run holds its connection for 120 without a sign of life
NO_ROOM = "There was no time left for it; it goes with the next ones."
IN_A_HURRY = timedelta(hours=1)  # calls go one by one after the service did not get through many of them in time


class Writer:
    def __init__(self, spec: ServiceSpec, exchange: Exchange, reading: Reading) -> None:
        self._spec, self._exchange, self._reading = spec, exchange, reading
        self._reader = RecordReader(spec.record)
        self._sending = Sending(spec, exchange, reading)
        self._samples = Samples(spec.sample)
        self._confirming = Confirming(spec, exchange)
        self._hurried_until = self._begun = datetime.min.replace(tzinfo=UTC)

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """One outcome each, in order. An error of the account is raised only while nothing was sent."""
        since = self._exchange.now()
        self._begun = self._exchange.clock()
        left = told_together(self._exchange, self._sending.consents, writes)
        rest = [each for each in left if isinstance(each, Write)]
        try:
            later = iter(self._in_calls(rest))
        except AccountError as error:
            if list(writes) == left:
                raise
            later = iter([NotSent(str(error))] * len(rest))
        return self._read_back(writes, [next(later) if isinstance(each, Write) else each for each in left], since)

    def _in_calls(self, writes: Sequence[Write]) -> list[Found]:
        order = gathered(writes, self._kind)
        moved = [writes[number] for number in order]
        parts = [part for group in grouped(moved, self._kind, self._size) for part in self._parts(group)]
        found = in_turn(parts, self._in_time)
        return [each for _, each in sorted(zip(order, found, strict=True), key=itemgetter(0))]

    def _in_time(self, writes: Sequence[Write]) -> list[Found]:
        """Those of one call, where there is room for it: what does not fit goes with the next ones."""
        deferred = self._spec.deferred
        poll = deferred.start.poll if deferred is not None else None
        if not self._room(poll.at_most if poll is not None and len(writes) > 1 else 0.0):
            return [NotSent(NO_ROOM, untried=True)] * len(writes)
        return self._sampled(writes)

    def _room(self, takes: float) -> bool:
        """Is there time left for a call that takes so many seconds?"""
        spent = (self._exchange.clock() - self._begun).total_seconds()
        return spent <= 0 or spent + takes <= ROOM

    @property
    def batch(self) -> int:
        """The most writes that the hub hands over together: as many as leave in one request, or more."""
        spec = self._spec
        kinds = [spec.create, spec.update, spec.archive, spec.delete, spec.erase]
        return spec.at_once or max((self._size(kind) for kind in kinds if kind is not None), default=1)

    def _parts(self, group: list[Write]) -> list[list[Write]]:
        """One by one where they are too few to wait for, or where the service was waited for in vain."""
        deferred = self._spec.deferred
        if deferred is None or not self._kind(group[0]).deferred:
            return [group]
        worth = deferred.worth(len(group), self._exchange.settings) and self._exchange.clock() >= self._hurried_until
        return [group] if worth else [[each] for each in group]

    def _kind(self, write: Write) -> Writing:
        spec = self._spec
        kinds = {Op.CREATE: spec.create, Op.UPDATE: spec.update, Op.ARCHIVE: spec.archive, Op.DELETE: spec.delete}
        kind = spec.erase if write.op is Op.ERASE else kinds[write.op]
        assert kind is not None, "not declared in `can`"
        return kind

    def _size(self, kind: Writing) -> int:
        if kind.bundled:
            return self._exchange.bundle_size
        if kind.several is not None:
            return kind.several.size
        if kind.deferred and self._spec.deferred is not None:
            most = self._spec.deferred.size
            return most if self._spec.deferred.worth(most, self._exchange.settings) else 1
        job = kind.job
        worth = job is not None and job.worth(job.size, self._exchange.settings)
        return max(kind.size, job.size) if job is not None and worth else kind.size

    # --- carrying out -----------------------------------------------------------------------------

    def _sampled(self, writes: Sequence[Write]) -> list[Found]:
        """What became of the writes of one call. Now and then what the answer shows is held against a reading."""
        found = self._carried_out(writes)
        if not any(isinstance(each, Told) for each in found):
            return found
        again = self._spec.read is not None and self._samples.due()
        return [_taken(each, again) if isinstance(each, Told) else each for each in found]

    def _carried_out(self, writes: Sequence[Write]) -> list[Found]:
        kind = self._kind(writes[0])
        if kind.binned:
            [write] = writes  # a call for one
            [deleted] = self._carried_out([replace(write, op=Op.DELETE)])
            return [out_of_bin(self._exchange, kind, write, deleted)]
        try:
            if kind.bundled or (len(writes) > 1 and (kind.deferred or kind.several)):
                return self._several(kind, writes)
            if kind.item is not None:
                return self._together(writes)
            [write] = writes  # a call for one
            return [self._single(kind, write)]
        except TransientError as error:
            return [in_doubt(error)] * len(writes)

    def _single(self, kind: Writing, write: Write) -> Found:
        try:
            if kind.look and (ended := self._looked([write])):
                return ended[write.id]
            ready = self._sending.ready(kind, write)
            if not isinstance(ready, Ready):
                return ready
            answer = self._exchange.ask(kind, ready.values, idempotent=kind.idempotent or None)
            return self._after(kind, write, answer.body, ready.consents)
        except Said as error:
            return self._refused(write, error)
        except RecordError as error:
            return Refused(str(error))

    def _after(self, kind: Writing, write: Write, answer: Any, consents: Sequence[Request]) -> Found:
        if write.op in ENDINGS:
            return Done(None)
        record = None if kind.record is None else self._told(kind, write, kind.record.of(answer))
        name = write.id or (record.id if record else None)
        if name is None and kind.id is not None and (found := kind.id.of(answer)) not in (None, ""):
            name = str(found)
        if name is None:
            return self._by_key(write)
        if write.op is Op.CREATE and (lost := self._sending.unconsented(name, consents, write)) is not None:
            return lost
        elsewhere = record is not None and record.id != name and self._spec.read is not None
        if record is None or consents or elsewhere:
            return Named(name)
        return Told(record, kind.partial)

    def _told(self, kind: Writing, write: Write, raw: Any) -> Record | None:
        """The record in an answer; None where that is not whole, since what it names is read apart.

        A part of a record is taken where all that was sent is in it.
        """
        if not kind.partial:
            return None if self._spec.related else self._reader.record(raw)
        part = self._reader.part(raw)
        sent = write.fields.keys() - set(self._spec.read_only) - self._sending.consents.keys()
        return part if part is not None and sent <= part.fields.keys() else None

    def _by_key(self, write: Write) -> Outcome:
        """A new record whose id the answer does not tell."""
        try:
            found = self._otherwise(write)
            left = self._kind(write).appears
            while found is None and left > 0:
                self._exchange.wait(min(LOOK_EVERY, left))
                left -= LOOK_EVERY
                found = self._otherwise(write)
        except (TransientError, AccountError) as error:
            return Unknown(f"It was written, and could not be read again. {error}")
        return Unknown(SENT_TWICE) if found is None else Done(found)

    def _otherwise(self, write: Write) -> Record | None:
        """The record of a create, by the hub's key or by what the file says it is read by."""
        found = self._reading.find(write.key) if self._spec.find else None
        lookup, by = self._kind(write).lookup, self._kind(write).by
        if found is None and lookup is not None:
            found = self._reading.looked_up(lookup, {"key": write.key, "fields": write.fields})
        if found is None and by is not None:
            name = fill(by, {"key": write.key, "fields": write.fields, **self._exchange.settings})
            found = None if name is None else self._reading.by(str(name))
        return found

    def _looked(self, writes: Sequence[Write]) -> dict[str | None, Outcome]:
        """Those of these writes that are not to be made: the record is not there, or it moved on."""
        there = self._reading.read([write.id for write in writes if write.id is not None])
        ended: dict[str | None, Outcome] = {each.id: Missing() for each in writes if each.id not in there}
        if self._spec.stale:
            known = [each for each in writes if each.id in there and each.version is not None]
            ended |= {each.id: Stale() for each in known if there[str(each.id)].version != each.version}
        return ended

    def _read_back(self, writes: Sequence[Write], found: Sequence[Found], since: datetime) -> list[Outcome]:
        """What the service holds now of those whose answer does not show it, so that a write it ignored is seen."""
        sent = sent_to(writes, found, self._spec.read_only)
        try:
            sampled = {each.id for each in found if isinstance(each, Named) and each.told is not None}
            shown = self._confirming.shown({name: each for name, each in sent.items() if name not in sampled})
            names = [name for name in sent if name not in shown]
            there = self._reading.written(names, since) if names else {}
        except (TransientError, AccountError) as error:
            return [_unread(each, error) for each in found]
        return [self._seen(write, each, there, shown) for write, each in zip(writes, found, strict=True)]

    def _seen(self, write: Write, found: Found, there: Mapping[str, Record], shown: Mapping[str, Record]) -> Outcome:
        if not isinstance(found, Named):
            assert not isinstance(found, Told), "taken by `_sampled`"
            return found
        if found.id in shown:
            return Done(shown[found.id], partial=True)
        record = there.get(found.id)
        if record is None:
            return not_there(write)
        if found.told is not None:
            self._samples.compare(found.told, record)
        return Done(record)

    # --- several in one request, each of them whole ------------------------------------------------

    def _several(self, kind: Writing, writes: Sequence[Write]) -> list[Found]:
        ended = self._looked(writes) if kind.look else {}
        seen = self._sending.versions(kind, [write for write in writes if write.id not in ended])
        ready: list[Ready | Found] = []
        for write in writes:
            if write.id in ended:
                ready.append(ended[write.id])
            else:
                ready.append(self._tried(kind, replace(write, version=seen.get(write.id, write.version))))
        values = [each.values for each in ready if isinstance(each, Ready)]
        try:
            rest = iter(self._answers(kind, values))
        except AccountError as error:
            if not any(map(_told_already, writes, ready)):
                raise
            rest = iter([error] * len(values))
        return [
            self._answered(kind, write, each, rest) if isinstance(each, Ready) else each
            for write, each in zip(writes, ready, strict=True)
        ]

    def _answers(self, kind: Writing, values: Sequence[Mapping[str, Any]]) -> Sequence[Answer | Verdict]:
        """What each of the calls was answered. Refused as a whole, they go one by one."""
        idempotent = kind.idempotent or None
        if kind.several is not None:
            return not_all_of_the_account(self._in_halves(kind, kind.several, values))
        try:
            if kind.bundled:
                return ask_together(self._exchange, kind, values, idempotent=idempotent)
            assert self._spec.deferred is not None, "checked with the file"
            return ask_later(self._exchange, self._spec.deferred, kind, values)
        except Said:
            return [self._answer(kind, each) for each in values]
        except TransientError as error:
            if kind.deferred and error.maybe_done:
                self._hurried_until = self._exchange.clock() + IN_A_HURRY
            return [error] * len(values)

    def _in_halves(
        self, kind: Writing, several: Several, values: Sequence[Mapping[str, Any]]
    ) -> list[Answer | Verdict]:
        """By the call for several; what that refuses, or says nothing of, in the end by the call for one."""
        if not self._room(0):
            return [TransientError(NO_ROOM, untried=True)] * len(values)
        if len(values) < 2:
            return [self._answer(kind, each) for each in values]
        try:
            found = ask_several(self._exchange, several, values)
        except (Said, RecordError):
            half = len(values) // 2
            return self._in_halves(kind, several, values[:half]) + self._in_halves(kind, several, values[half:])
        except (TransientError, AccountError) as error:
            return [error] * len(values)
        return [self._answer(kind, each) if told is None else told for each, told in zip(values, found, strict=True)]

    def _answer(self, kind: Writing, values: Mapping[str, Any]) -> Answer | Verdict:
        try:
            return self._exchange.ask(kind, values, idempotent=kind.idempotent or None)
        except (Said, TransientError, AccountError, RecordError) as error:
            return error

    def _tried(self, kind: Writing, write: Write) -> Ready | Found:
        try:
            return self._sending.ready(kind, write)
        except Said as error:
            return self._refused(write, error)
        except TransientError as error:
            return in_doubt(error)

    def _answered(self, kind: Writing, write: Write, ready: Ready, answers: Iterator[Answer | Verdict]) -> Found:
        answer = next(answers)
        try:
            if isinstance(answer, Answer):
                return self._after(kind, write, answer.body, ready.consents)
            if isinstance(answer, Said):
                return self._refused(write, answer)
        except TransientError as error:
            return in_doubt(error)
        if isinstance(answer, RecordError):
            return Refused(str(answer))
        return in_doubt(answer) if isinstance(answer, TransientError) else NotSent(str(answer))

    # --- several at a time ------------------------------------------------------------------------

    def _together(self, writes: Sequence[Write]) -> list[Found]:
        kind = self._kind(writes[0])
        if kind.look and (ended := self._looked(writes)):
            rest = iter(self._together_there([write for write in writes if write.id not in ended]))
            return [ended[write.id] if write.id in ended else next(rest) for write in writes]
        return self._together_there(writes)

    def _together_there(self, writes: Sequence[Write]) -> list[Found]:
        if not writes:
            return []
        kind = self._kind(writes[0])
        plain = [self._plain(kind, each) for each in writes]
        split = [each for each in plain if each is not None]
        if len(split) < len(writes):
            return self._apart(writes, {number for number, each in enumerate(plain) if each is not None})
        if kind.job is not None and (found := self._by_job(kind, kind.job, writes, split)):
            return found
        if len(writes) > kind.size:
            parts = [writes[start : start + kind.size] for start in range(0, len(writes), kind.size)]
            return in_turn(parts, self._carried_out)
        values = [self._sending.values(kind, write, fields) or {} for write, fields in zip(writes, split, strict=True)]
        items = [fill(kind.item, {**each, **self._exchange.settings}) for each in values]
        try:
            together = {"items": items, "size": len(items), "ids": [write.id for write in writes]}
            answer = self._exchange.ask(kind, {**values[0], **together}, idempotent=kind.idempotent or None).body
        except (Said, RecordError) as error:
            if len(writes) == 1:
                return [Refused(str(error)) if isinstance(error, RecordError) else self._refused(writes[0], error)]
            half = len(writes) // 2
            return in_turn([writes[:half], writes[half:]], self._carried_out)
        return self._results(kind, writes, items, answer)

    def _plain(self, kind: Writing, write: Write) -> dict[str, Any] | None:
        """Its fields; None where it goes by itself: it has consents to tell, or something that cannot be written."""
        if kind.whole:
            return None
        try:
            fields, consents = self._sending.split(write)
        except Said:
            return None
        return None if consents else fields

    def _apart(self, writes: Sequence[Write], together: Collection[int]) -> list[Found]:
        """Those that go by themselves first, consents among them; then the others, together."""
        alone = [write for number, write in enumerate(writes) if number not in together]
        rest = [write for number, write in enumerate(writes) if number in together]
        parts = [[each] for each in alone] + ([rest] if rest else [])
        found = in_turn(parts, lambda some: self._together_there(some) if some is rest else [self._each(some[0])])
        lone, others = iter(found[: len(alone)]), iter(found[len(alone) :])
        return [next(others) if number in together else next(lone) for number in range(len(writes))]

    def _by_job(
        self, kind: Writing, job: Job, writes: Sequence[Write], fields: Sequence[Mapping[str, Any]]
    ) -> list[Found] | None:
        """None where they go by the call itself: too few, no table can hold them, or the service takes no job."""
        if not job.worth(len(writes), self._exchange.settings):
            return None
        values = [self._sending.values(kind, write, each) or {} for write, each in zip(writes, fields, strict=True)]
        rows = [fill(job.item, {**each, **self._exchange.settings}) for each in values]
        if not all(map(is_flat, rows)):
            return None
        try:
            answer = carry_out(self._exchange, job, rows)
        except Said:
            return None
        told = matched(job.result, rows, answer)
        return [
            Unknown(SENT_TWICE) if entry[1] is None else self._result(kind, job.result, write, entry)
            for write, entry in zip(writes, told, strict=True)
        ]

    def _each(self, write: Write) -> Found:
        """One of a call for several that needs a call of its own beside it."""
        kind = self._kind(write)
        try:
            fields, consents = self._sending.split(write)
            if write.op is Op.UPDATE:
                self._sending.consent(write.id, consents, fields)
                if not fields:
                    assert write.id is not None
                    return Named(write.id)
            done = self._alone(kind, write, fields)
            name = _name_of(done)
            if write.op is not Op.CREATE or not consents or name is None:
                return done
            lost = self._sending.unconsented(name, consents, write)
            return Named(name) if lost is None else lost
        except Said as error:
            return self._refused(write, error)
        except RecordError as error:
            return Refused(str(error))
        except TransientError as error:
            return in_doubt(error)

    def _alone(self, kind: Writing, write: Write, fields: Mapping[str, Any]) -> Found:
        values = self._sending.values(kind, write, fields)
        if values is None:
            return Missing()
        items = [fill(kind.item, {**values, **self._exchange.settings})]
        answer = self._exchange.ask(kind, {**values, "items": items, "size": 1}, idempotent=kind.idempotent or None)
        return self._results(kind, [write], items, answer.body)[0]

    def _results(self, kind: Writing, writes: Sequence[Write], items: Sequence[Any], answer: Any) -> list[Found]:
        found = matched(kind.result, items, answer)
        return [self._result(kind, kind.result, write, entry) for write, entry in zip(writes, found, strict=True)]

    def _result(self, kind: Writing, result: Result, write: Write, entry: tuple[bool, Any]) -> Found:
        well, body = entry
        if not well:
            return self._refused(write, self._exchange.said_in(body, result.reason))
        if write.op in ENDINGS:
            return Done(None)
        if result.record is not None and (record := self._told(kind, write, result.record.of(body))):
            return Told(record, kind.partial)
        if write.id is not None:
            return Named(write.id)
        name = result.id.of(body) if result.id is not None else None
        return self._by_key(write) if name in (None, "") else Named(str(name))

    # --- what was said ----------------------------------------------------------------------------

    def _refused(self, write: Write, error: Said) -> Found:
        if error.means == "missing":
            return Missing() if write.op is not Op.CREATE else Refused(error.words)
        if error.means == "stale":
            return Stale()
        if error.means == "wait":
            return NotSent(f"{self._spec.service} says: {error.words}")
        if error.means == "ignore":
            return Done(None) if write.op in ENDINGS else Named(write.id) if write.id else Unknown(SENT_TWICE)
        if error.means == "exists" and write.op is Op.CREATE:
            return self._existing(write, error)
        return Refused(f"{self._spec.service} refused it: {error.words}")

    def _existing(self, write: Write, error: Said) -> Outcome:
        """A create that found the record there: ours of an earlier try, or the one that the answer names."""
        name = error.rule.id.of(error.body) if error.rule and error.rule.id else None
        record = self._otherwise(write)
        if record is None and name not in (None, "") and self._spec.read:
            record = self._reading.read([str(name)]).get(str(name))
        if record is None:
            return Refused(f"{self._spec.service} says it is there already: {error.words}")
        return Done(record, existed=True)


# --- pure -------------------------------------------------------------------------------------------


def _told_already(write: Write, ready: Ready | Found) -> bool:
    """Did a call for a consent leave before the write itself?"""
    return isinstance(ready, Named) or (isinstance(ready, Ready) and write.op is Op.UPDATE and bool(ready.consents))


def _taken(told: Told, again: bool) -> Found:
    return Named(told.record.id, told.record) if again else Done(told.record, partial=told.partial)


def _name_of(found: Found) -> str | None:
    """The id of a record that was made."""
    if isinstance(found, Named):
        return found.id
    return found.record.id if isinstance(found, Told | Done) and found.record is not None else None


def _unread(found: Found, error: TransientError | AccountError) -> Outcome:
    if not isinstance(found, Named):
        assert not isinstance(found, Told), "taken by `_sampled`"
        return found
    return Unknown(f"It was written, and could not be read again. {error}")
