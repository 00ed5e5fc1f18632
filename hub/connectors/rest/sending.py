"""What a write sends: its fields, and the calls for consents beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.connectors.rest.calls import Request
from hub.connectors.rest.exchange import Exchange, Said
from hub.connectors.rest.reading import Reading
from hub.connectors.rest.records import outward
from hub.connectors.rest.results import Found, Named, consent_call, holds_nul
from hub.connectors.rest.spec import Consent, ServiceSpec
from hub.connectors.rest.words import fill
from hub.connectors.rest.write_calls import Writing
from hub.errors import AccountError, TransientError
from hub.model import Missing, Op, Outcome, Unknown, Write


@dataclass(frozen=True, slots=True)
class Ready:
    """A write as it leaves: what fills its gaps, and the calls for consents that follow a create."""

    values: Mapping[str, Any]
    consents: Sequence[Request]


class Sending:
    def __init__(self, spec: ServiceSpec, exchange: Exchange, reading: Reading) -> None:
        self._spec, self._exchange, self._reading = spec, exchange, reading
        self._consents = {str(fill(each.field, exchange.settings)): each for each in spec.consents}
        self._writable = frozenset(fill(spec.writable, exchange.settings) or ())

    @property
    def consents(self) -> Mapping[str, Consent]:
        """Fields that have calls of their own."""
        return self._consents

    def ready(self, kind: Writing, write: Write) -> Ready | Found:
        """Its consents are set first; Said when the service takes them or it not."""
        fields, consents = self.split(write)
        if write.op is Op.UPDATE:
            self.consent(write.id, consents, fields)
            if not fields and consents:
                assert write.id is not None
                return Named(write.id)
        values = self.values(kind, write, fields)
        return Missing() if values is None else Ready(values, consents)

    def versions(self, kind: Writing, writes: Sequence[Write]) -> dict[str | None, str | None]:
        """Those of the records whose version is not known and has to be named."""
        unknown = [write.id for write in writes if kind.versioned and write.version is None and write.id is not None]
        there = self._reading.read(unknown) if unknown else {}
        return {name: record.version for name, record in there.items()}

    def split(self, write: Write) -> tuple[dict[str, Any], list[Request]]:
        """Fields for the write itself, and the calls for consents beside it."""
        spec = self._spec
        if holds_nul(write.fields):
            raise Said("refused", "a text holds a NUL character, which no service keeps")
        fields = {name: value for name, value in write.fields.items() if name not in spec.read_only}
        known = {*self._writable, *self._consents}
        if self._writable and (unknown := sorted(set(fields) - known)):
            raise Said("refused", f"it has no field {unknown[0]!r} that can be written")
        calls = [consent_call(name, each, fields.pop(name)) for name, each in self._consents.items() if name in fields]
        return outward(spec.record, fields, spec.empty), [call for call in calls if call is not None]

    def values(self, kind: Writing, write: Write, fields: Mapping[str, Any]) -> dict[str, Any] | None:
        """What fills the gaps; None when a record that it is filled from is not there."""
        values = {"id": write.id, "key": write.key, "fields": fields, "version": write.version}
        if kind.versioned and write.version is None:
            seen = self._reading.read([str(write.id)]).get(str(write.id))
            return None if seen is None else {**values, "version": seen.version}
        if not kind.whole and "record" not in kind.names:
            return values
        assert write.id is not None
        raw = self._reading.raw(write.id)
        if raw is None:
            return None
        if not kind.whole:
            return {**values, "record": raw}
        before = self._spec.record.fields.of(raw)
        kept = {name: value for name, value in before.items() if name not in self._spec.read_only}
        return {**values, "fields": {**kept, **fields}, "record": raw}

    def consent(self, name: str | None, calls: Sequence[Request], fields: Mapping[str, Any]) -> None:
        for call in calls:
            values: dict[str, Any] = {"id": name, "ids": [name], "fields": fields}
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

    def unconsented(self, name: str, consents: Sequence[Request], write: Write) -> Outcome | None:
        """Of a record that was made just now: the outcome when its consents do not go through.

        It is there, so this is never an answer that says that nothing was made. Found again, it lacks its consents
        and is told them anew.
        """
        try:
            self.consent(name, consents, write.fields)
        except (Said, TransientError, AccountError) as error:
            return Unknown(f"It was made, and its consents could not be set. {error}")
        return None
