"""Writing to a service: one by one or several at a time, each with an outcome of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hub.connectors.rest.calls import Request, Result, Writing
from hub.connectors.rest.exchange import Exchange, Said
from hub.connectors.rest.reading import Reading
from hub.connectors.rest.records import RecordReader, outward
from hub.connectors.rest.spec import Consent, ServiceSpec
from hub.connectors.rest.words import Where, fill
from hub.errors import AccountError, RecordError, TransientError
from hub.model import Done, Missing, NotSent, Op, Outcome, Record, Refused, Stale, Unknown, Write

LOOK_EVERY = 2.0  # seconds between looks for a record that the service makes later
SENT_TWICE = "The service says nothing of this write: it is not known whether it was carried out."


class Writer:
    def __init__(self, spec: ServiceSpec, exchange: Exchange, reading: Reading) -> None:
        self._spec, self._exchange, self._reading = spec, exchange, reading
        self._reader = RecordReader(spec.record)
        self._consents = {str(fill(each.field, exchange.settings)): each for each in spec.consents}
        self._writable = frozenset(fill(spec.writable, exchange.settings) or ())

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """One outcome each, in order. An error of the account is raised only while nothing was sent."""
        return _in_turn(self._groups(writes), self._carried_out)

    def _groups(self, writes: Sequence[Write]) -> list[list[Write]]:
        """Writes that leave in one call, in order: of one kind, and never two of one record."""
        groups: list[list[Write]] = []
        for write in writes:
            last = groups[-1] if groups else []
            same = last and last[0].op is write.op and len(last) < self._kind(write).size
            if same and (write.id is None or all(each.id != write.id for each in last)):
                last.append(write)
            else:
                groups.append([write])
        return groups

    def _kind(self, write: Write) -> Writing:
        spec = self._spec
        kinds = {Op.CREATE: spec.create, Op.UPDATE: spec.update, Op.ARCHIVE: spec.archive, Op.DELETE: spec.delete}
        kind = kinds[write.op]
        assert kind is not None, "not declared in `can`"
        return kind

    # --- carrying out -----------------------------------------------------------------------------

    def _carried_out(self, writes: Sequence[Write]) -> list[Outcome]:
        try:
            if self._kind(writes[0]).item is not None:
                return self._together(writes)
            [write] = writes  # a call for one
            return [self._single(write)]
        except TransientError as error:
            return [_in_doubt(error)] * len(writes)

    def _single(self, write: Write) -> Outcome:
        kind = self._kind(write)
        try:
            fields, consents = self._split(write)
            if kind.look and (ended := self._looked([write])):
                return ended[write.id]
            if write.op is Op.UPDATE:
                self._consent(write.id, consents, fields)
                if not fields and consents:
                    return self._as_it_is(write)
            values = self._values(kind, write, fields)
            if values is None:
                return Missing()
            answer = self._exchange.ask(kind, values, idempotent=kind.idempotent or None).body
            return self._after(kind, write, answer, consents)
        except Said as error:
            return self._refused(write, error)
        except RecordError as error:
            return Refused(str(error))

    def _after(self, kind: Writing, write: Write, answer: Any, consents: Sequence[Request]) -> Outcome:
        if write.op is Op.DELETE:
            return Done(None)
        record = None if kind.record is None else self._told(kind.record.of(answer))
        name = write.id or (record.id if record else None)
        if name is None and kind.id is not None and (found := kind.id.of(answer)) not in (None, ""):
            name = str(found)
        if name is None:
            return self._by_key(write)
        if write.op is Op.CREATE and (lost := self._unconsented(name, consents, write)) is not None:
            return lost
        if record is None or consents:
            return self._as_it_is(replace(write, id=name))
        return Done(record)

    def _told(self, raw: Any) -> Record | None:
        """The record in an answer; None where it is not whole, since what it names is read apart."""
        return None if self._spec.related else self._reader.record(raw)

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

    def _as_it_is(self, write: Write) -> Outcome:
        """Carried out: what the service holds now, so that a write it ignored is seen."""
        assert write.id is not None
        try:
            found = self._reading.read([write.id]).get(write.id)
        except (TransientError, AccountError) as error:
            return Unknown(f"It was written, and could not be read again. {error}")
        if found is not None:
            return Done(found)
        return Unknown(SENT_TWICE) if write.op is Op.CREATE else Missing()

    # --- several at a time ------------------------------------------------------------------------

    def _together(self, writes: Sequence[Write]) -> list[Outcome]:
        kind = self._kind(writes[0])
        if kind.look and (ended := self._looked(writes)):
            rest = iter(self._together_there([write for write in writes if write.id not in ended]))
            return [ended[write.id] if write.id in ended else next(rest) for write in writes]
        return self._together_there(writes)

    def _together_there(self, writes: Sequence[Write]) -> list[Outcome]:
        if not writes:
            return []
        kind = self._kind(writes[0])
        try:
            split = [self._split(write) for write in writes]
        except Said:
            return self._one_by_one(writes)
        if kind.whole or any(consents for _, consents in split):
            return self._one_by_one(writes)
        values = [self._values(kind, write, fields) or {} for write, (fields, _) in zip(writes, split, strict=True)]
        items = [fill(kind.item, {**each, **self._exchange.settings}) for each in values]
        try:
            together = {"items": items, "size": len(items), "ids": [write.id for write in writes]}
            answer = self._exchange.ask(kind, {**values[0], **together}, idempotent=kind.idempotent or None).body
        except (Said, RecordError) as error:
            if len(writes) == 1:
                return [Refused(str(error)) if isinstance(error, RecordError) else self._refused(writes[0], error)]
            half = len(writes) // 2
            return _in_turn([writes[:half], writes[half:]], self._carried_out)
        return self._results(kind, writes, items, answer)

    def _one_by_one(self, writes: Sequence[Write]) -> list[Outcome]:
        return _in_turn([[write] for write in writes], lambda some: [self._each(some[0])])

    def _each(self, write: Write) -> Outcome:
        """One of a call for several that needs a call of its own beside it."""
        kind = self._kind(write)
        try:
            fields, consents = self._split(write)
            if write.op is Op.UPDATE:
                self._consent(write.id, consents, fields)
                if not fields:
                    return self._as_it_is(write)
            done = self._alone(kind, write, fields)
            if write.op is not Op.CREATE or not consents or not isinstance(done, Done) or done.record is None:
                return done
            lost = self._unconsented(done.record.id, consents, write)
            return self._as_it_is(replace(write, id=done.record.id)) if lost is None else lost
        except Said as error:
            return self._refused(write, error)
        except RecordError as error:
            return Refused(str(error))
        except TransientError as error:
            return _in_doubt(error)

    def _alone(self, kind: Writing, write: Write, fields: Mapping[str, Any]) -> Outcome:
        values = self._values(kind, write, fields)
        if values is None:
            return Missing()
        items = [fill(kind.item, {**values, **self._exchange.settings})]
        answer = self._exchange.ask(kind, {**values, "items": items, "size": 1}, idempotent=kind.idempotent or None)
        return self._results(kind, [write], items, answer.body)[0]

    def _results(self, kind: Writing, writes: Sequence[Write], items: Sequence[Any], answer: Any) -> list[Outcome]:
        result = kind.result
        found = _matched(result, items, answer)
        outcomes: list[Outcome | str] = []
        for write, entry in zip(writes, found, strict=True):
            outcomes.append(self._result(result, write, entry))
        return self._reread(writes, outcomes)

    def _result(self, result: Result, write: Write, entry: tuple[bool, Any]) -> Outcome | str:
        """The outcome, or the id of a record that is to be read."""
        well, body = entry
        if not well:
            return self._refused(write, self._exchange.said_in(body, result.reason))
        if write.op is Op.DELETE:
            return Done(None)
        if result.record is not None and (record := self._told(result.record.of(body))):
            return Done(record)
        if write.id is not None:
            return write.id
        name = result.id.of(body) if result.id is not None else None
        return self._by_key(write) if name in (None, "") else str(name)

    def _reread(self, writes: Sequence[Write], outcomes: Sequence[Outcome | str]) -> list[Outcome]:
        names = [each for each in outcomes if isinstance(each, str)]
        try:
            there = self._reading.read(names) if names else {}
        except (TransientError, AccountError) as error:
            lost = Unknown(f"It was written, and could not be read again. {error}")
            return [lost if isinstance(each, str) else each for each in outcomes]
        return [_seen(write, each, there) for write, each in zip(writes, outcomes, strict=True)]

    # --- what is sent -----------------------------------------------------------------------------

    def _split(self, write: Write) -> tuple[dict[str, Any], list[Request]]:
        """Fields for the write itself, and the calls for consents beside it."""
        spec = self._spec
        if _holds_nul(write.fields):
            raise Said("refused", "a text holds a NUL character, which no service keeps")
        fields = {name: value for name, value in write.fields.items() if name not in spec.read_only}
        known = {*self._writable, *self._consents}
        if self._writable and (unknown := sorted(set(fields) - known)):
            raise Said("refused", f"it has no field {unknown[0]!r} that can be written")
        calls = [_call(name, each, fields.pop(name)) for name, each in self._consents.items() if name in fields]
        return outward(spec.record, fields, spec.empty), [call for call in calls if call is not None]

    def _values(self, kind: Writing, write: Write, fields: Mapping[str, Any]) -> dict[str, Any] | None:
        """What fills the gaps; None when a record that is to be sent back whole is not there."""
        values = {"id": write.id, "key": write.key, "fields": fields, "version": write.version}
        if kind.versioned and write.version is None:
            seen = self._reading.read([str(write.id)]).get(str(write.id))
            return None if seen is None else {**values, "version": seen.version}
        if not kind.whole:
            return values
        assert write.id is not None
        raw = self._reading.raw(write.id)
        if raw is None:
            return None
        before = self._spec.record.fields.of(raw)
        kept = {name: value for name, value in before.items() if name not in self._spec.read_only}
        return {**values, "fields": {**kept, **fields}, "record": raw}

    def _consent(self, name: str | None, calls: Sequence[Request], fields: Mapping[str, Any]) -> None:
        for call in calls:
            values: dict[str, Any] = {"id": name, "fields": fields}
            if "record" in call.names:
                assert name is not None
                values["record"] = self._reading.raw(name)
                if values["record"] is None:
                    raise Said("missing", "it is not there any more")
            try:
                self._exchange.ask(call, values, idempotent=True)
            except Said as error:
                if error.means != "ignore":
                    raise

    def _unconsented(self, name: str, consents: Sequence[Request], write: Write) -> Outcome | None:
        """Of a record that was made just now: the outcome when its consents do not go through.

        It is there, so this is never an answer that says that nothing was made. Found again, it lacks its consents
        and is told them anew.
        """
        try:
            self._consent(name, consents, write.fields)
        except (Said, TransientError, AccountError) as error:
            return Unknown(f"It was made, and its consents could not be set. {error}")
        return None

    # --- what was said ----------------------------------------------------------------------------

    def _refused(self, write: Write, error: Said) -> Outcome:
        if error.means == "missing":
            return Missing() if write.op is not Op.CREATE else Refused(error.words)
        if error.means == "stale":
            return Stale()
        if error.means == "wait":
            return NotSent(f"{self._spec.service} says: {error.words}")
        if error.means == "ignore":
            return Done(None) if write.op is Op.DELETE else self._as_it_is(write) if write.id else Unknown(SENT_TWICE)
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


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, Mapping):
        return any(_holds_nul(each) for each in value.values())
    return isinstance(value, list) and any(_holds_nul(each) for each in value)


def _in_turn(parts: Sequence[Sequence[Write]], carry_out: Callable[[Sequence[Write]], list[Outcome]]) -> list[Outcome]:
    """The outcomes of all parts. An error of the account is raised only by the first: then nothing was sent."""
    outcomes: list[Outcome] = []
    for some in parts:
        try:
            outcomes += carry_out(some)
        except AccountError as error:
            if not outcomes:
                raise
            outcomes += [NotSent(str(error))] * len(some)
    return outcomes


def _in_doubt(error: TransientError) -> Outcome:
    return Unknown(str(error)) if error.maybe_done else NotSent(str(error), error.retry_after)


def _seen(write: Write, outcome: Outcome | str, there: Mapping[str, Record]) -> Outcome:
    if not isinstance(outcome, str):
        return outcome
    if outcome in there:
        return Done(there[outcome])
    return Unknown(SENT_TWICE) if write.op is Op.CREATE else Missing()


def _call(field: str, consent: Consent, value: Any) -> Request | None:
    name = str(value).lower() if isinstance(value, bool) else str(value)
    if value is not None and name not in consent.calls:
        raise Said("refused", f"there is no call that sets {field} to this value")
    return consent.calls.get(name)


def _matched(result: Result, items: Sequence[Any], answer: Any) -> list[tuple[bool, Any]]:
    """For each item: was it carried out, and what the service says of it."""
    bad = result.errors.of(answer) if result.errors is not None else None
    good = result.items.of(answer) if result.items is not None else None
    if result.by is None or result.sent is None:
        return _in_order(result, items, good)
    failed = _by(result.error_by or result.by, bad if isinstance(bad, list) else [])
    carried = _by(result.by, good if isinstance(good, list) else [])
    found = []
    for item in items:
        name = str(result.sent.of(item)).lower()
        entry = failed.get(name, carried.get(name))
        well = name not in failed and (result.ok is None or (entry is not None and result.ok.holds(entry)))
        found.append((well, entry))
    return found


def _in_order(result: Result, items: Sequence[Any], good: Any) -> list[tuple[bool, Any]]:
    entries = good if isinstance(good, list) else [None] * len(items)
    if len(entries) != len(items):
        raise TransientError(SENT_TWICE, maybe_done=True)
    return [(result.ok is None or (entry is not None and result.ok.holds(entry)), entry) for entry in entries]


def _by(place: Where, entries: Sequence[Any]) -> dict[str, Any]:
    return {str(place.of(entry)).lower(): entry for entry in entries}
