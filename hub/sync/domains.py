"""The domain of e-mail addresses put right in many records that were set aside, and in writes that were refused.

Each goes the way of a single correction: a value of a record that was set aside is taken as it is meant, what a system
refused is put right on the contact and written again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic
from typing import Any

from hub.errors import ConfigError, NotThere, Overtaken
from hub.mapping.elements import email_key
from hub.mapping.text import Unmappable
from hub.model import UNREAD, base_field
from hub.store import lists, parked
from hub.store.db import Store, Tx
from hub.store.lists import ParkedFilter, ParkedRow
from hub.sync.corrections import STAGES, Correction, fields_of, kept_of, values_of
from hub.sync.desk import note_parked, read_again
from hub.sync.engine import Hub
from hub.sync.refused_writes import STAGE as WRITE
from hub.sync.refused_writes import contacts_of, pins_of, put_on_contacts, sent_fields

SHOWN = 20  # values of a preview
PAGE = 100  # records of one transaction; the audit names each of them
MOST = 5_000  # records put right by one step
COUNT_SECONDS = 5.0
LONGEST = 253  # characters of a domain
_SEPARATOR = re.compile(r"\s*[;,|\n]\s*")  # between addresses that share one field
_SPACE = re.compile(r"\s")


@dataclass(frozen=True)
class DomainRule:
    """find: what stands behind the @ and is meant as `put`, a domain"""

    find: str
    put: str

    def checked(self) -> DomainRule:
        """ConfigError when one of them cannot be."""
        if not self.find.strip() or len(self.find) > LONGEST or not self.find.isprintable() or "@" in self.find:
            raise ConfigError("What is looked for is what stands behind the @ of an address. Nothing was changed.")
        try:
            email_key(f"a@{self.put}")
        except Unmappable as err:
            raise ConfigError(f"{self.put[:60]!r} is no domain of e-mail addresses. Nothing was changed.") from err
        return self

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # the beginning of another domain is not meant; a dot may end a sentence
        return re.compile(rf"(?<=@){re.escape(self.find.strip())}(?![\w-]|\.\w)", re.IGNORECASE)

    def applied(self, text: str) -> str:
        return self._pattern.sub(lambda _: self.put.strip(), text)


@dataclass(frozen=True, slots=True)
class Shown:
    """One value of a preview. Personal data."""

    number: int
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a rule would do to `records` and `writes`; `counted` of `total` were looked at."""

    total: int
    counted: int
    records: int
    writes: int
    shown: tuple[Shown, ...]


@dataclass(slots=True)
class Mended:
    """What was put right, and how many were not come to."""

    numbers: list[int] = field(default_factory=list)
    connections: set[str] = field(default_factory=set)
    left: int = 0


def forecast(store: Store, chosen: ParkedFilter, rule: DomainRule) -> Forecast:
    """What a rule would do to the records of a filter. Nothing is written; counted for some seconds."""
    rule.checked()
    until = monotonic() + COUNT_SECONDS
    shown: list[Shown] = []
    counted = records = writes = 0
    with store.read() as tx:
        total = lists.count_parked(tx, chosen)
    for rows in lists.parked_pages(store, chosen, PAGE):
        for row in rows:
            counted += 1
            pairs = found_in(row, rule)
            records += bool(pairs) and row.stage != WRITE
            writes += bool(pairs) and row.stage == WRITE
            shown += [Shown(row.number, key, *pair) for key, pair in pairs.items()][: SHOWN - len(shown)]
        if monotonic() > until:
            break
    return Forecast(total, counted, records, writes, tuple(shown))


def found_in(row: ParkedRow, rule: DomainRule) -> dict[str, tuple[str, str]]:
    """Field → (value as it came, value that is meant) of what the rule changes. Pure."""
    if row.stage == WRITE:
        sent = {key: text for key, text in sent_fields(row).items() if base_field(key) == "emails"}
        pairs = {key: (text, rule.applied(text)) for key, text in sent.items() if not text.startswith(UNREAD)}
    else:
        pairs = {key: pair for key, value in values_of(row).items() if (pair := _pair(value, rule)) is not None}
    return {key: (old, new) for key, (old, new) in pairs.items() if old != new}


def _pair(value: Any, rule: DomainRule) -> tuple[str, str] | None:
    """The text that changes in a value which holds addresses and no sentences.

    Of several in a list the first: a correction holds one of a field.
    """
    for text in _texts(value):
        if _SPACE.search(_SEPARATOR.sub(";", text.strip())) is None and (meant := rule.applied(text)) != text:
            return text, meant
    return None


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for part in value:
                yield from _texts(part)
        case dict():
            for part in value.values():
                yield from _texts(part)


def mend(
    hub: Hub,
    chosen: ParkedFilter,
    rule: DomainRule,
    person: str,
    region: str | None,
    *,
    seen: int | None = None,
    contacts: bool = True,
) -> Mended:
    """Put the domain right page by page in the records of a filter, `MOST` of them, and send them back.

    seen      how many the person has looked at
    contacts  refused writes as well, by putting their contacts right; else they are left
    NotThere, Overtaken, ConfigError: there are none, or others by now; none of them has such an address.
    """
    rule.checked()
    with hub.store.read() as tx:
        total = lists.count_parked(tx, chosen)
    if not total:
        raise NotThere("Nothing like that is parked, so nothing was changed. See `hub parked list`.")
    if seen is not None and seen != total:
        raise Overtaken(f"There are {total} such records by now, so nothing was changed. Look at them again.")
    done, above, tried = Mended(), 0, 0
    while tried < MOST:
        with hub.store.write() as tx:
            rows = lists.parked_after(tx, chosen, above, PAGE)
            records = _correct(tx, rows, rule, person, hub.clock())
        writes = _put_right(hub, rows, rule, person, region) if contacts else []
        if not rows:
            break
        done.numbers += [row.number for row in (*records, *writes)]
        done.connections |= {row.connection for row in (*records, *writes)}
        tried, above = tried + len(rows), rows[-1].number
    if not done.numbers:
        raise ConfigError("None of these has an address with that domain, so nothing was changed.")
    done.left = max(0, total - tried)
    return done


def _correct(tx: Tx, rows: Sequence[ParkedRow], rule: DomainRule, person: str, now: float) -> list[ParkedRow]:
    made: list[tuple[ParkedRow, Correction]] = []
    for row in rows:
        pairs = found_in(row, rule) if row.stage in STAGES else {}
        if pairs:
            made.append((row, Correction(person, now, {**kept_of(row, fields_of(row)), **pairs})))
    if made:
        changed = [row for row, _ in made]
        parked.correct(tx, [(row.number, each.as_text()) for row, each in made])
        read_again(tx, changed)
        fields = sorted({key for _, each in made for key in each.values})
        note_parked(tx, person, "parked corrected", changed, fields=fields)
    return [row for row, _ in made]


def _put_right(
    hub: Hub, rows: Sequence[ParkedRow], rule: DomainRule, person: str, region: str | None
) -> list[ParkedRow]:
    refused = [row for row in rows if row.stage == WRITE]
    if not refused:
        return []
    with hub.store.read() as tx:
        homes = contacts_of(tx, refused)
    meant = []
    for row in refused:
        values = {key: new for key, (_, new) in found_in(row, rule).items()}
        if row.number in homes and values and (pins := pins_of(row, values, region)):
            meant.append((row, pins))
    if meant:
        put_on_contacts(hub, meant, homes, person)
    return [row for row, _ in meant]
