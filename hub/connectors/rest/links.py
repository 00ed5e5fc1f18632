"""The company of a contact, written: found by its name among those that are there, never made.

What is written holds the company's name. Where the service has exactly one company of that name, the contact is linked
to it; where there is none, or several, the contact is left as it is, and the outcome says that its link is owed. A link
is never taken away.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from hub.connectors.rest.exchange import Exchange, Said
from hub.connectors.rest.linked import Linked, Lookup, Tie
from hub.connectors.rest.paging import items_of
from hub.connectors.rest.reading import Reading
from hub.connectors.rest.words import fill
from hub.errors import AccountError, TransientError
from hub.mapping.paths import parse_path
from hub.model import Done, Missing, Op, Outcome, Write

log = logging.getLogger(__name__)

Send: TypeAlias = Callable[[Sequence[Write]], list[Outcome]]
KEPT = 5000  # names whose record is known, so that the company of many contacts is looked for once


class Links:
    """Of one connection. name: of the connection, for the log"""

    def __init__(self, specs: Sequence[Linked], exchange: Exchange, reading: Reading, name: str) -> None:
        self._exchange, self._reading, self._name = exchange, reading, name
        self._kinds = [(spec, Known()) for spec in specs]

    def linkable(self, fields: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Whether what each of these names is there now, just once; what was found before does not count."""
        for spec, known in self._kinds:
            names = list(dict.fromkeys(name for each in fields if (name := _name_in(spec, each)) is not None))
            known.drop(names)
            self._find(spec, known, names)
        return [self._is_there(each) for each in fields]

    def _is_there(self, fields: Mapping[str, Any]) -> bool:
        named = [(known, name) for spec, known in self._kinds if (name := _name_in(spec, fields)) is not None]
        return bool(named) and all(known.one(name) is not None for known, name in named)

    def write(self, writes: Sequence[Write], send: Send) -> list[Outcome]:
        """One outcome each, in order. What `send` raises is raised; TransientError of a look-up: nothing was sent."""
        if not self._kinds:
            return send(writes)
        ready = list(writes)
        for spec, known in self._kinds:
            self._look_up(spec, known, ready)
            ready = [_filled(spec, known, write) for write in ready]
        ended = self._ended(
            [write for write, left in zip(writes, ready, strict=True) if write.fields and not left.fields]
        )
        rest = [each for each in ready if each.id not in ended]
        sent = iter(send(rest) if rest else ())
        outcomes = [ended[str(write.id)] if write.id in ended else next(sent) for write in writes]
        tied, owed = list[str](), dict[str, set[str]]()
        for spec, known in self._kinds:
            missed = _unlinked(spec, known, writes, outcomes)
            if spec.tie is not None:
                done, failed = self._tie(spec, spec.tie, dict(_pairs(spec, known, writes, outcomes)))
                tied += done
                missed += failed
            for each in missed:
                owed.setdefault(each, set()).add(spec.head)
        return _owing(self._afresh(outcomes, tied) if tied else outcomes, owed)

    def _afresh(self, outcomes: Sequence[Outcome], tied: Sequence[str]) -> list[Outcome]:
        """With what the service holds since the records were tied, which is another state of them."""
        try:
            there = self._reading.read(tied)
        except (TransientError, AccountError) as error:  # the next write is stale then, and decided again
            log.warning("%s: contacts that were linked could not be read again: %s", self._name, error)
            return list(outcomes)
        return [
            Done(there[each.record.id], each.existed)
            if isinstance(each, Done) and each.record is not None and each.record.id in there
            else each
            for each in outcomes
        ]

    def _ended(self, writes: Sequence[Write]) -> dict[str | None, Outcome]:
        """By id, of updates of which nothing is left to send: what the service holds."""
        ids = [str(write.id) for write in writes if write.op is Op.UPDATE]
        there = self._reading.read(ids) if ids else {}
        return {each: Done(there[each]) if each in there else Missing() for each in ids}

    def _look_up(self, spec: Linked, known: Known, writes: Sequence[Write]) -> None:
        named = [name for write in writes if (name := _named(spec, write)) is not None]
        self._find(spec, known, list(dict.fromkeys(name for name in named if name not in known)))
        left = sum(known.one(name) is None for name in named)
        if left:
            log.info("%s: %d contacts have a company that is not there, or not once; it was left", self._name, left)
        known.forget()

    def _find(self, spec: Linked, known: Known, names: Sequence[str]) -> None:
        for start in range(0, len(names), spec.find.size):
            some = names[start : start + spec.find.size]
            known.note(some, self._found(spec.find, some))

    def _found(self, find: Lookup, names: Sequence[str]) -> Iterable[tuple[str, str]]:
        """(name, id) of what is there by these names; none where the service does not say all."""
        try:
            body = self._exchange.ask(find, {"names": list(names), "wanted": names[0]}, idempotent=True).body
        except Said:
            return ()
        except AccountError as error:
            log.warning("%s: companies could not be looked for, so none was linked: %s", self._name, error)
            return ()
        if find.more is not None and find.more.holds(body):
            return ()
        rows = items_of(find, body)
        return [(str(find.name.of(row)), str(find.id.of(row))) for row in rows if find.id.of(row) not in (None, "")]

    def _tie(self, spec: Linked, tie: Tie, pairs: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """Ids of records that are another state since, so that they are read again; and of those that failed."""
        tied: list[str] = []
        left = list(pairs)
        try:
            if "record" in tie.names:
                while left:
                    if self._tied(spec, tie, left[0], pairs[left[0]]):
                        tied.append(left[0])
                    left.pop(0)
                return tied, []
            left = self._free(spec, pairs)
            while left:
                some = [{"id": each, "other": pairs[each]} for each in left[: tie.size]]
                items = None if tie.item is None else [fill(tie.item, each) for each in some]
                self._exchange.ask(tie, {**some[0], "items": items, "size": len(some)}, idempotent=True)
                left = left[tie.size :]
        except (Said, TransientError, AccountError) as error:
            log.warning("%s: some contacts were written and not linked to their company: %s", self._name, error)
        return tied, left

    def _tied(self, spec: Linked, tie: Tie, name: str, other: str) -> bool:
        """Whether it was: not one that belongs to a company already, nor one that is no longer there."""
        raw = self._reading.raw(name)
        if raw is None or (spec.unless is not None and spec.unless.of(raw) not in (None, "")):
            return False
        self._exchange.ask(tie, {"id": name, "other": other, "record": raw}, idempotent=True)
        return True

    def _free(self, spec: Linked, pairs: Mapping[str, str]) -> list[str]:
        """Those that belong to no company yet."""
        if spec.unless is None or not pairs:
            return list(pairs)
        there = self._reading.read(list(pairs))
        return [each for each in pairs if each in there and spec.unless.of(there[each].fields) in (None, "")]


class Known:
    """Names that were looked for, with the ids found; the newest KEPT of them."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, set[str]] = OrderedDict()

    def __contains__(self, name: str) -> bool:
        return _plain(name) in self._ids

    def note(self, names: Iterable[str], found: Iterable[tuple[str, str]]) -> None:
        asked = {_plain(name): set[str]() for name in names}
        for name, other in found:
            if _plain(name) in asked:
                asked[_plain(name)].add(other)
        self._ids.update(asked)

    def one(self, name: str) -> str | None:
        """The id of the only one of that name."""
        ids = self._ids.get(_plain(name), set())
        return next(iter(ids)) if len(ids) == 1 else None

    def drop(self, names: Iterable[str]) -> None:
        for name in names:
            self._ids.pop(_plain(name), None)

    def forget(self) -> None:
        while len(self._ids) > KEPT:
            self._ids.popitem(last=False)


# --- pure -------------------------------------------------------------------------------------------


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _named(spec: Linked, write: Write) -> str | None:
    return _name_in(spec, write.fields) if write.op in {Op.CREATE, Op.UPDATE} else None


def _name_in(spec: Linked, fields: Mapping[str, Any]) -> str | None:
    value: Any = fields
    for step in parse_path(spec.field).steps:
        value = value.get(str(step)) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) and value.strip() else None


def _filled(spec: Linked, known: Known, write: Write) -> Write:
    name = _named(spec, write)
    fields = dict(write.fields) if spec.keep else _without(write.fields, [str(s) for s in parse_path(spec.field).steps])
    other = None if name is None else known.one(name)
    if other is not None and spec.fields is not None:
        fields |= fill(spec.fields, {"other": other})
    return write if fields == write.fields else replace(write, fields=fields)


def _without(fields: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """Without what stands there, nor an object that holds nothing else."""
    first, *rest = path
    kept = {name: value for name, value in fields.items() if name != first}
    held = fields.get(first)
    if rest and isinstance(held, Mapping) and (inner := _without(held, rest)):
        return {**kept, first: inner}
    return kept


def _pairs(
    spec: Linked, known: Known, writes: Sequence[Write], outcomes: Sequence[Outcome]
) -> Iterator[tuple[str, str]]:
    """(id of what was written, id of the other)"""
    for write, outcome in zip(writes, outcomes, strict=True):
        name = _named(spec, write)
        other = None if name is None else known.one(name)
        if other is not None and isinstance(outcome, Done) and outcome.record is not None:
            yield outcome.record.id, other


def _unlinked(spec: Linked, known: Known, writes: Sequence[Write], outcomes: Sequence[Outcome]) -> list[str]:
    """Ids of what was written with a name that no other record has, or several have."""
    return [
        outcome.record.id
        for write, outcome in zip(writes, outcomes, strict=True)
        if isinstance(outcome, Done) and outcome.record is not None and not outcome.existed
        if (name := _named(spec, write)) is not None and known.one(name) is None
    ]


def _owing(outcomes: Sequence[Outcome], owed: Mapping[str, Collection[str]]) -> list[Outcome]:
    """With the fields whose link is owed, by id of the record."""
    return [
        replace(each, owed=frozenset(owed[each.record.id]))
        if isinstance(each, Done) and each.record is not None and each.record.id in owed
        else each
        for each in outcomes
    ]
