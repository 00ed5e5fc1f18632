"""Reading a service: everything, what changed, what was deleted, some by id, one by the hub's key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from hub.connectors.rest.by_id import held, read_raws
from hub.connectors.rest.calls import Changes, Deletions, Find, Listing
from hub.connectors.rest.events import Teller
from hub.connectors.rest.exchange import Answer, Exchange, Said
from hub.connectors.rest.moments import read_moment, write_moment
from hub.connectors.rest.paging import State, walk
from hub.connectors.rest.records import RecordReader
from hub.connectors.rest.related import Relations
from hub.connectors.rest.spec import ServiceSpec
from hub.errors import AccountError, CursorExpired, TransientError
from hub.model import Cursor, Interaction, Page, Record, Tombstone, Unreadable

Item = Record | Tombstone | Unreadable | Interaction
FEW = 2  # records are read by their ids, not looked for in a listing


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a pull goes on.

    kind   "list": everything; "changes": what changed; "done": the next pull begins to read changes
    part   which of the listings one after another
    state  of its paging
    since  changes from here on (less the overlap); until: up to here, from where the next pull goes on
    token  of the service, in place of times; `following` is the one that the next pull takes
    heard  number of the last delivery of the inbox that was read
    """

    kind: str
    part: int = 0
    state: State | None = None
    since: datetime | None = None
    until: datetime | None = None
    token: str | None = None
    following: str | None = None
    heard: int = 0

    def text(self) -> Cursor:
        times = {name: at.isoformat() for name in ("since", "until") if (at := getattr(self, name)) is not None}
        rest = {"part": self.part or None, "state": self.state, "token": self.token, "following": self.following}
        rest["heard"] = self.heard or None
        return json.dumps(
            {"kind": self.kind, **times, **{name: each for name, each in rest.items() if each is not None}}
        )


def read_spot(cursor: Cursor) -> Spot:
    """CursorExpired for anything that is not one of ours."""
    try:
        found = json.loads(cursor)
        since, until = _moment(found.pop("since", None)), _moment(found.pop("until", None))
        spot = replace(Spot(**found), since=since, until=until)
    except (ValueError, TypeError, AttributeError) as error:
        raise _expired() from error
    sound = isinstance(spot.state, dict | None) and isinstance(spot.heard, int)
    if spot.kind not in {"list", "changes", "done"} or not sound:
        raise _expired()
    return spot


@dataclass(frozen=True, slots=True)
class Noticed:
    """items: what is there, by id; known: ids of what is there, or of what the service does not show."""

    items: dict[str, Item] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _expired() -> CursorExpired:
    return CursorExpired("The cursor is not one of this service's: everything is listed again.")


class Reading:
    """values: what fills gaps beside the settings; here the page size"""

    def __init__(
        self,
        spec: ServiceSpec,
        exchange: Exchange,
        name: str,
        page_size: int,
        clock: Callable[[], datetime],
        region: str | None = None,
    ) -> None:
        self._spec, self._exchange, self._name, self._clock = spec, exchange, name, clock
        self._size = page_size
        self._reader = RecordReader(spec.record)
        self._relations = Relations(spec, exchange)
        self._teller: Teller | None = None
        if spec.interaction is not None:
            self._teller = Teller(spec.interaction, spec.record.id, exchange.settings, region)

    # --- pulling ----------------------------------------------------------------------------------

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        spot = Spot("list") if since is None else self._resumed(read_spot(since))
        resumed = spot.state is not None
        parts = self._parts(spot.kind)
        if spot.part >= len(parts):
            raise _expired()
        try:
            for number in range(spot.part, len(parts)):
                for spot, items in self._part(parts[number], spot, last=number == len(parts) - 1):  # noqa: B020
                    resumed = False
                    yield Page(items, self._cursor(spot))
        except Said as error:
            raise self._unlisted(error, resumed) from error

    def _parts(self, kind: str) -> list[Listing]:
        spec = self._spec
        if kind == "list":
            exported = spec.export is not None and spec.export.used(self._exchange.settings)
            return [spec.export if spec.export is not None and exported else spec.list, *spec.also]
        changes: list[Listing] = [] if spec.changes is None else [spec.changes, *spec.also_changes]
        if spec.deletions is None:
            return changes
        return [spec.deletions, *changes]  # a name that was given anew is of a record that is there

    def _resumed(self, spot: Spot) -> Spot:
        if spot.kind != "done":
            return spot
        if self._spec.changes is None or (spot.token is None) == (self._spec.changes.token is not None):
            raise _expired()
        return Spot("changes", since=spot.until, until=self._now(None), token=spot.token, heard=spot.heard)

    def _part(self, listing: Listing, spot: Spot, *, last: bool) -> Iterator[tuple[Spot, tuple[Item, ...]]]:
        """Pages of one listing, each with the spot after it."""
        for batch in walk(
            self._exchange, listing, self._values(listing, spot), self._state(listing, spot), self._spec.record.id
        ):
            spot = self._marked(spot, batch.answer)
            if listing.token is not None and (token := listing.token.of(batch.answer.body)):
                spot = replace(spot, following=str(token))
            if listing.optional and listing.token is not None and batch.next is None and spot.following is None:
                raise TransientError(
                    f"{self._name}: the listing ended without the token that belongs there; nothing is concluded from "
                    "who is missing."
                )
            items = self._items(listing, batch.items)
            if batch.next is not None:
                spot = replace(spot, state=batch.next)
            elif not last:
                spot = replace(spot, state=None, part=spot.part + 1)
            else:
                spot = Spot("done", until=spot.until, token=spot.following, heard=spot.heard)
            yield spot, items

    def _state(self, listing: Listing, spot: Spot) -> State | None:
        """A token that is an address is where the first page is asked for."""
        if spot.state is None and isinstance(listing, Changes) and listing.link:
            return {"address": spot.token}
        return spot.state

    def _values(self, listing: Listing, spot: Spot) -> dict[str, Any]:
        most = (
            self._size if self._size < self._spec.list.size else listing.size
        )  # as the file says, unless asked for less
        found: dict[str, Any] = {"size": min(most, listing.size), "token": spot.token}
        if isinstance(listing, Changes | Deletions) and listing.since is not None and spot.since is not None:
            begun = spot.since - timedelta(seconds=listing.overlap)
            found["since"] = write_moment(begun, listing.since, listing.zone.source)
            found["until"] = write_moment(spot.until or self._clock(), listing.since, listing.zone.source)
        return found

    def _marked(self, spot: Spot, answer: Answer) -> Spot:
        """With the time from which the next pull reads changes: known when the first page came, not later."""
        if spot.kind == "list" and spot.until is None:
            return replace(spot, until=self._now(answer.at))
        if spot.kind == "changes" and spot.until is not None and spot.state is None and spot.part == 0:
            return replace(spot, until=min(spot.until, self._now(answer.at)))
        return spot

    def _now(self, theirs: datetime | None) -> datetime:
        settle = self._spec.changes.settle if self._spec.changes else 0
        ours = self._clock().astimezone(UTC)
        return min(ours, theirs or ours) - timedelta(seconds=settle)

    def _cursor(self, spot: Spot) -> Cursor | None:
        """None where the next pull has to begin anew."""
        changes = self._spec.changes
        if spot.kind == "done" and (changes is None or (changes.token is not None and spot.token is None)):
            return None
        return spot.text()

    def _items(self, listing: Listing, raws: Sequence[Any]) -> tuple[Item, ...]:
        if isinstance(listing, Deletions):
            return tuple(_tombstone(listing, raw) for raw in raws)
        if self._teller is not None:
            return tuple(told for raw in raws if (told := self._teller.read(raw)) is not None)
        if listing.detail:
            raws = self._in_full(raws)
        items: Sequence[Item] = self._reader.items(raws)
        if listing.mark:
            items = [_marked(item, listing.mark) for item in items]
        return tuple(self._relations.joined(raws, items))

    def _in_full(self, raws: Sequence[Any]) -> Sequence[Any]:
        """The records of a listing that shows a part of each; one that left meanwhile is left out."""
        assert self._spec.read is not None
        ids = [str(name) for raw in raws if (name := self._spec.record.id.of(raw)) not in (None, "")]
        return list(read_raws(self._exchange, self._spec.read, ids))

    def _unlisted(self, error: Said, resumed: bool) -> Exception:
        if error.means == "expired" or (resumed and error.means in {"refused", "missing"}):
            return CursorExpired(f"{self._name}: the service no longer knows the cursor: everything is listed again.")
        return AccountError(
            f"{self._name}: {self._spec.service} refused to list: {error.words}. Nothing was read. Next: check the "
            "settings and the rights of the account, then run `hub check`."
        )

    # --- some records -----------------------------------------------------------------------------

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        assert self._spec.read is not None, "not declared in `can`"
        found = self.taken(list(read_raws(self._exchange, self._spec.read, ids)))
        wanted = set(ids)
        return {each.id: each for each in found if each.id in wanted}

    def notice(self, names: Sequence[str], within: Callable[[Any], bool], seen: Noticed) -> None:
        """Look at what has these ids, or names that `read` takes. within: is it among what is listed?"""
        assert self._spec.read is not None, "not declared in `can`"
        raws = list(read_raws(self._exchange, self._spec.read, names))
        gone = self._spec.record.gone
        seen.known.update(str(self._spec.record.id.of(raw)) for raw in raws if gone is None or not gone.holds(raw))
        listed = [raw for raw in raws if within(raw)]
        if self._teller is None:
            seen.items.update((each.id, each) for each in self.taken(listed))
            return
        told = [each for raw in listed if (each := self._teller.read(raw)) is not None]
        seen.items.update((str(each.id), each) for each in told)

    def written(self, ids: Sequence[str], since: datetime) -> dict[str, Record]:
        """Records that were written since then: from the listing of changes where the file says so, else by id."""
        changes = self._spec.changes
        found: dict[str, Record] = {}
        if self._spec.read_back == "changes" and changes is not None and len(ids) > FEW:
            found = self._changed(changes, frozenset(ids), since)
        rest = [each for each in ids if each not in found]
        return {**found, **self.read(rest)} if rest else found

    def _changed(self, changes: Changes, wanted: frozenset[str], since: datetime) -> dict[str, Record]:
        """Those of them that the listing shows within as many pages as they would fill, and one more."""
        assert changes.since is not None, "checked with the file"
        zone = changes.zone.source
        values = {
            "size": changes.size,
            "since": write_moment(since, changes.since, zone),
            "until": write_moment(self._clock(), changes.since, zone),
        }
        found: dict[str, Record] = {}
        pages = walk(self._exchange, changes, values, None, self._spec.record.id)
        try:
            for batch in islice(pages, len(wanted) // changes.size + 2):
                found |= {each.id: each for each in self.taken(batch.items) if each.id in wanted}
                if len(found) == len(wanted):
                    break
        except Said:
            return {}  # each is read by its id instead
        return found

    def taken(self, raws: Sequence[Any]) -> list[Record]:
        """Records that are there, with what they name. TransientError for an answer of another kind."""
        found = self._relations.joined(raws, [self._readable(raw) for raw in raws])
        return [each for each in found if isinstance(each, Record)]

    def _readable(self, raw: Any) -> Record | Tombstone:
        """TransientError for an answer of another kind: the record is not gone because of it."""
        found = self._reader.item(raw)
        if isinstance(found, Unreadable):
            raise TransientError(f"{self._name}: a record was asked for, and {found.reason}; nothing is concluded.")
        return found

    def raw(self, record_id: str) -> Any:
        """A record as the service gives it; None when it is not there."""
        assert self._spec.read is not None
        raws = read_raws(self._exchange, self._spec.read, [record_id])
        return next((raw for raw in raws if str(self._spec.record.id.of(raw)) == record_id), None)

    def by(self, name: str) -> Record | None:
        """The record that the service finds by another name than its id, such as its address."""
        assert self._spec.read is not None
        return next(iter(self.taken(list(read_raws(self._exchange, self._spec.read, [name])))), None)

    def find(self, key: str) -> Record | None:
        assert self._spec.find is not None or self._spec.promise == "K", "not declared in `can`"
        if self._spec.find is None:
            return None  # the key is the service's own: a create is repeated instead
        return self.looked_up(self._spec.find, {"key": key})

    def looked_up(self, find: Find, values: Mapping[str, Any]) -> Record | None:
        """The first record that the call finds."""
        try:
            answer = self._exchange.ask(find, values, idempotent=True)
        except Said as error:
            if error.means in {"missing", "empty"}:
                return None
            raise TransientError(f"{self._name}: a record could not be looked for: {error.words}.") from error
        raws: Sequence[Any] = [raw for raw in held(find, answer.body) if raw]
        return next(iter(self.taken(self._in_full(raws[:1]) if find.detail else raws)), None)


def _marked(item: Item, mark: Mapping[str, Any]) -> Item:
    return replace(item, fields={**item.fields, **mark}) if isinstance(item, Record) else item


def _tombstone(listing: Deletions, raw: Mapping[str, Any]) -> Tombstone | Unreadable:
    name = listing.id.of(raw)
    if name is None or name == "":
        return Unreadable("an entry of the deleted", "it has no id where one belongs", str(raw)[:200])
    merged = listing.merged.of(raw) if listing.merged else None
    at = read_moment(listing.at.of(raw), "iso", listing.zone.source) if listing.at else None
    return Tombstone(str(name), at, None if merged is None else str(merged))
