"""Compiled consents: one status for a channel and a purpose, of an address or of the whole person."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from hub.mapping.fields import Column, Field, keeps_own
from hub.mapping.paths import MISSING, Path, place
from hub.mapping.table import WriteMode
from hub.mapping.text import Unmappable, shown
from hub.model import Fields, Problem

WHOLE_PERSON = "*"
STRICTNESS = {"denied": 0, "pending": 1, "granted": 2}  # the smaller wins where two speak of one person
ADDRESS_FIELD = {"email": "emails", "sms": "phones", "phone": "phones", "whatsapp": "phones"}
"""The field whose first element a consent of this channel belongs to."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What else is known of a consent: a text of the mapping, or a path with its reader and writer."""

    name: str
    constant: str | None = None
    column: Column | None = None


@dataclass(frozen=True, slots=True)
class ConsentField:
    """A consent row. A refusal without an address is taken for the whole person; a grant without one is
    a problem, since it would be widened."""

    channel: str
    purpose: str
    mode: WriteMode
    status: Column
    details: tuple[Detail, ...]
    whole_person: bool
    base: str = "consents"
    bases: tuple[str, ...] = ("consents",)
    required: bool = False
    one_way: bool = False

    @property
    def paths(self) -> tuple[Path, ...]:
        others = tuple(detail.column.path for detail in self.details if detail.column is not None)
        return (self.status.path, *others)

    def covers(self, key: str) -> bool:
        return key.startswith(f"consents/{self.channel}|") and key.endswith(f"|{self.purpose}")

    def key(self, address: str) -> str:
        return f"consents/{self.channel}|{address}|{self.purpose}"

    def address(self, fields: Fields) -> str | None:
        """The address that a consent of this record belongs to, None without one."""
        base = ADDRESS_FIELD.get(self.channel)
        if self.whole_person or base is None:
            return WHOLE_PERSON
        prefix = f"{base}/"
        return next((k[len(prefix) :] for k, v in fields.items() if k.startswith(prefix) and usable(v)), None)

    def among(self, columns: Set[str]) -> Field | None:
        return self if self.status.path.head in columns else None

    def read(self, source: Mapping[str, Any], out: dict[str, Any], problems: list[Problem]) -> None:
        raw = self.status.raw(source)
        if raw is MISSING:
            return
        try:
            status = self.status.read(raw)
        except Unmappable as err:
            problems.append(Problem(self.base, shown(raw), err.reason))
            return
        if status is None:
            return
        address = self.address(out)
        if address is None and status == "granted":
            reason = f"consent to {self.purpose} without an address it could belong to"
            problems.append(Problem(self.base, shown(raw), reason))
            return
        value = {"status": status, **self._read_details(source, problems)}
        if address is None and status == "pending" and value.get("basis") == "asked":
            problems.append(Problem(self.base, shown(raw), f"a request for {self.purpose} without an address"))
            return
        out[self.key(address or WHOLE_PERSON)] = value

    def _read_details(self, source: Mapping[str, Any], problems: list[Problem]) -> dict[str, str]:
        found: dict[str, str] = {}
        for detail in self.details:
            if detail.column is None:
                if detail.constant:
                    found[detail.name] = detail.constant
                continue
            raw = detail.column.raw(source)
            if raw is MISSING:
                continue
            try:
                value = detail.column.read(raw)
            except Unmappable as err:
                problems.append(Problem(self.base, shown(raw), f"{detail.name}: {err.reason}"))
                continue
            if value:
                found[detail.name] = value
        return found

    def project(self, golden: Fields, held: Fields, creating: bool, out: dict[str, Any]) -> None:
        """`out` holds the projected addresses already: consents come last in a mapping."""
        key = self.key(self.address(out) or self.address(held) or WHOLE_PERSON)
        mine = {k: v for k, v in held.items() if self.covers(k)}
        if keeps_own(self.mode, bool(mine), creating):
            out.update(mine)
            return
        said = [golden[k] for k in self._speaking(key, golden, out) if isinstance(golden.get(k), Mapping)]
        said = [value for value in said if self._holds(value)]
        if said:
            out[key] = min(said, key=strictness)

    def _speaking(self, key: str, golden: Fields, out: Fields) -> list[str]:
        """Keys that decide: the address itself, and any refusal that includes it."""
        keys = [key]
        if self.whole_person:
            base = ADDRESS_FIELD.get(self.channel, "")
            own = [k.split("/", 1)[1] for k in out if base and k.startswith(f"{base}/")]
            wider = [self.key(address) for address in own]
        else:
            wider = [self.key(WHOLE_PERSON)]
        return keys + [k for k in wider if k != key and refuses(golden.get(k))]

    def _holds(self, value: Mapping[str, Any]) -> bool:
        try:
            return self.status.write is None or self.status.write(value["status"]) is not MISSING
        except (Unmappable, KeyError):
            return False

    def lacks(self, golden: Fields) -> bool:
        return not any(self.covers(key) for key in golden)

    def pick(self, fields: Fields) -> str | None:
        """Of several consents of this row the one the system can hold: of its first address, else the
        strictest."""
        keys = [key for key in fields if self.covers(key) and isinstance(fields[key], Mapping)]
        own = self.key(self.address(fields) or WHOLE_PERSON)
        return own if own in keys else min(keys, key=lambda k: (strictness(fields[k]), k), default=None)

    def write(self, desired: Fields, payload: dict[str, Any]) -> None:
        key = self.pick(desired)
        value: Mapping[str, Any] = {} if key is None else desired[key]
        self._put(self.status, value.get("status"), payload)
        for detail in self.details:
            if detail.column is not None:
                self._put(detail.column, value.get(detail.name), payload)

    def _put(self, column: Column, value: Any, payload: dict[str, Any]) -> None:
        if column.write is None:
            return
        try:
            place(payload, column.path.steps, None if value is None else column.write(value))
        except Unmappable:
            return

    def stored(self, fields: Fields) -> dict[str, Any]:
        """The consent as it comes back: under its own key, since an address may not be among `fields`."""
        key = self.pick(fields)
        if key is None:
            return {}
        if self.status.write is None:
            return {key: fields[key]}
        payload: dict[str, Any] = {}
        self.write({key: fields[key]}, payload)
        raw = self.status.raw(payload)
        if raw is MISSING or raw is None:
            return {}
        return {key: {"status": self.status.read(raw), **self._read_details(payload, [])}}


def usable(value: Any) -> bool:
    return not (isinstance(value, Mapping) and value.get("invalid"))


def strictness(value: Mapping[str, Any]) -> int:
    return STRICTNESS.get(str(value.get("status")), len(STRICTNESS))


def refuses(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("status") == "denied"
