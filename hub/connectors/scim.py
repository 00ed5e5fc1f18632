"""SCIM 2.0: the users of an identity provider, a directory or any application with a SCIM interface.

Source   RFC 7643, 7644 and 9865, and a real server (scim2-server); see docs/connectors/scim.md
Offer    /ServiceProviderConfig says whether PATCH, filters, versions, bulk and cursors are there; used as they are
Pages    by cursor where announced, else by place, which moves under changes: a listing is read until the number of
         users told and the number read agree
Changes  no feed: users whose `meta.lastModified` is not older than the newest seen, with an overlap
Deleted  leaves no trace: found by complete listings only
Key      of the hub: `externalId`, which the standard keeps for the client
Quirk    Microsoft Entra ID and others say truth as a text and write names in other capitals: both are read
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
from pydantic import Field, SecretStr

from hub.connectors import scim_user as users
from hub.connectors.contract import Can, Connector, Context, Promise, Report, Settings
from hub.connectors.defaults import default_mapping
from hub.connectors.http import Api, HttpStatusError, RateLimit
from hub.connectors.scim_http import JSON_TYPES, SEARCHED_AT_ONCE, Scim, kind_of, search_by_id
from hub.connectors.scim_user import in_filter, in_path, read_time
from hub.connectors.scim_write import Rules, Writing
from hub.connectors.settings import Address
from hub.errors import ConfigError, CursorExpired, TransientError
from hub.model import Cursor, Op, Outcome, Page, Record, Unreadable, Write

PASSES = 4  # readings of a listing that keeps changing, before it is left for the next run
EXPIRED = frozenset({"expiredCursor", "invalidCursor"})


class ScimSettings(Settings):
    """An account on a SCIM service.

    url              with the version, such as https://idp.example.org/scim/v2
    secret           a token; with `user` a password
    user             for services with basic authentication
    changes          filter: asked for by `meta.lastModified`; listing: every pull reads all users
    external_id      the hub keeps its key in `externalId`; false where another client owns that
    user_name        what a new user is called where the mapping does not say it: its email, or the hub's key
    condition        a filter that all users of this connection meet, such as userType eq "Customer"
    patch            changes are sent as PATCH where it is offered, else (and with false) as whole users
    bulk             writes are sent in bulk where that is offered
    keeps_deleted    the service may keep deleted users for a while, as the standard lets it: after an erasure a person
                     sees to them there. false where it is known to delete for good
    page_size        users read in one call; the service may give fewer
    batch            writes taken at once
    overlap_seconds  how long a change may take to be seen by a search
    settle_seconds   how long a new user may take to be found; 0: at once
    requests_per_minute  none by default
    timeout_seconds  without a byte moving
    ca_file          certificate authority of a private network
    """

    url: Address
    secret: SecretStr
    user: str | None = None
    changes: Literal["filter", "listing"] = "filter"
    external_id: bool = True
    user_name: Literal["email", "key"] = "email"
    condition: str | None = None
    patch: bool = True
    bulk: bool = True
    keeps_deleted: bool = True
    page_size: Annotated[int, Field(ge=1, le=2000)] = 200
    batch: Annotated[int, Field(ge=1, le=1000)] = 100
    overlap_seconds: Annotated[int, Field(ge=0)] = 300
    settle_seconds: Annotated[int, Field(ge=0)] = 0
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pull goes on.

    at       newest `lastModified` known when the last reading began
    first    epoch seconds (the hub's clock) when `at` was first seen
    settled  `at` was read again after the overlap: nothing older comes any more
    """

    at: datetime
    first: float
    settled: bool = False

    def text(self) -> Cursor:
        return json.dumps({"at": self.at.isoformat(), "first": self.first, "settled": self.settled})


def read_place(cursor: Cursor) -> Place:
    """CursorExpired for anything that is not a cursor of ours."""
    try:
        found = json.loads(cursor)
        at = datetime.fromisoformat(found["at"]).astimezone(UTC)
        return Place(at, float(found["first"]), bool(found["settled"]))
    except (ValueError, TypeError, KeyError) as error:
        raise CursorExpired("The cursor is not one of SCIM's: everything is listed again.") from error


class ScimConnector(Connector):
    Settings = ScimSettings
    default_mapping = default_mapping("scim")
    example = """\
type: scim
url: https://idp.example.org/scim/v2      # with the version
secret: env:SCIM_TOKEN                    # a bearer token; with `user` a password
schedule: every 5 minutes
"""

    def __init__(self, settings: ScimSettings, context: Context) -> None:
        super().__init__(settings, context)
        secret, limit = settings.secret.get_secret_value(), settings.requests_per_minute
        api = Api(
            settings.url,
            context,
            headers=None if settings.user else {"authorization": f"Bearer {secret}"},
            auth=httpx.BasicAuth(settings.user, secret) if settings.user else None,
            accept=JSON_TYPES,
            rate=RateLimit(limit, 60.0) if limit else None,
            timeout_seconds=settings.timeout_seconds,
            deadline_seconds=settings.timeout_seconds * 4,
            ca_file=settings.ca_file,
        )
        self.scim = Scim(api, context.name)

    @property
    def can(self) -> Can:
        settings = self.settings
        promise = Promise.EVENTUAL if settings.settle_seconds else Promise.READBACK
        return Can(
            changes=settings.changes == "filter",
            read=True,
            create=True,
            update=True,
            archive=True,
            delete=True,
            restorable=settings.keeps_deleted,
            stale=True,
            batch=settings.batch,
            promise=promise if settings.external_id else Promise.WRITE_ONLY,
            settle_seconds=settings.settle_seconds if settings.external_id else 0,
        )

    # --- the contract -----------------------------------------------------------------------------

    def check(self) -> Report:
        offer = self.scim.offer
        _, total, _ = self.scim.listed(self._search(count=1).body)
        names = ("patch", "filter", "etag", "bulk", "cursor")
        offered = [name for name in names if getattr(offer, name)]
        warnings = []
        if not offer.said:
            warnings.append("The service does not say what it can do: no PATCH, versions or bulk requests are used.")
        if not offer.etag:
            warnings.append(
                "The service keeps no versions: the hub compares before it writes, and an edit in between is lost."
            )
        if not offer.filter and (self.settings.changes == "filter" or self.settings.external_id):
            warnings.append("The service has no filters: set `changes: listing` and `external_id: false`.")
        lines = (f"{total} users", f"offers {', '.join(offered) or 'nothing beyond the plainest'}")
        return Report("SCIM 2.0", lines, tuple(warnings), total)

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        if self.settings.changes == "listing":
            if since is not None:
                raise CursorExpired("This service is read whole each time and compared.")
            for items in self._readings(self.settings.condition):
                yield Page(items, None)
            return
        place, condition = self._begin(since)
        last: tuple[Any, ...] = ()
        newest: datetime | None = None
        for number, items in enumerate(self._readings(condition)):
            if number == 0 and since is not None:  # dates of later pages may hide changes to earlier ones
                dates = (each.changed_at for each in items if isinstance(each, Record))
                newest = max(filter(None, dates), default=None)
            if number:
                yield Page(last, since)
            last = items
        if newest is not None and newest > place.at:
            place = Place(newest, self.context.clock().timestamp())
        yield Page(last, place.text())

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        found = (self._reading(each) for each in self.users(ids).values())
        return {each.id: each for each in found if isinstance(each, Record)}

    def find(self, key: str) -> Record | None:
        assert self.settings.external_id, "not declared in `can`"
        found, _, _ = self.scim.listed(self._search(filter=f"externalId eq {in_filter(key)}").body)
        fitting = [each for each in found if users.tidy(each).get("externalId") == key]
        return users.read_user(fitting[0]) if fitting else None

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        if not writes:
            return []
        assert all(each.op is not Op.ERASE for each in writes), "not declared in `can`"
        there = self.users([each.id for each in writes if each.id is not None])
        records = {each: users.read_user(user) for each, user in there.items()}
        settings = self.settings
        rules = Rules(settings.bulk, settings.patch, settings.user_name, settings.external_id)
        return Writing(self, rules).carry_out(writes, there, records)

    # --- reading ----------------------------------------------------------------------------------

    def _begin(self, since: Cursor | None) -> tuple[Place, str | None]:
        """The place to save at the end, and the filter of this reading."""
        now = self.context.clock()
        if since is None:
            return Place(self._newest() or now, now.timestamp()), self.settings.condition
        if not self.scim.offer.filter:
            raise ConfigError(
                f"{self.context.name}: this service has no filters, so it tells no changes; nothing was read. "
                "Next: set `changes: listing`."
            )
        place = read_place(since)
        waited = now.timestamp() - place.first > self.settings.overlap_seconds
        overlap = timedelta(seconds=0 if place.settled else self.settings.overlap_seconds)
        newer = f'meta.lastModified ge "{users.write_time(place.at - overlap)}"'
        own = self.settings.condition
        return replace(place, settled=waited), f"{newer} and ({own})" if own else newer

    def _newest(self) -> datetime | None:
        """The last change there, told by the service; None when it cannot sort."""
        if not self.scim.offer.sort:
            return None
        body = self._search(count=1, sortBy="meta.lastModified", sortOrder="descending").body
        found, _, _ = self.scim.listed(body)
        return read_time((users.tidy(found[0]).get("meta") or {}).get("lastModified")) if found else None

    def _readings(self, condition: str | None) -> Iterator[tuple[Record | Unreadable, ...]]:
        """Pages of users, each user once; read again until nobody can have been missed. At least one page."""
        seen: set[str] = set()
        for _ in range(PASSES):
            met: set[str] = set()
            totals: set[int] = set()
            try:
                for resources, total in self._pages(condition):
                    found = [each for each in resources if isinstance(each, Mapping)]
                    items = [self._reading(each) for each in found]
                    totals.add(total)
                    met.update(_name(each) for each in items)
                    fresh = tuple({_name(each): each for each in items if _name(each) not in seen}.values())
                    seen.update(map(_name, fresh))
                    yield fresh
            except CursorExpired:
                continue
            if totals == {len(met)}:
                return
        raise TransientError(
            f"{self.context.name}: the users changed each time they were listed; nothing is concluded from who is "
            "missing. The next run reads them again."
        )

    def _pages(self, condition: str | None) -> Iterator[tuple[list[Mapping[str, Any]], int]]:
        """CursorExpired when the service no longer knows the place in the middle of a listing."""
        offer = self.scim.offer
        size = min(self.settings.page_size, offer.most or self.settings.page_size)
        cursor: str | None = ""
        start = 1
        while True:
            where: dict[str, Any] = {"cursor": cursor} if offer.cursor else {"startIndex": start}
            response = self._search(count=size, filter=condition, **where)
            resources, total, cursor = self.scim.listed(response.body)
            yield resources, total
            start += len(resources)
            if not resources or (cursor is None if offer.cursor else start > total):
                return

    def _search(self, **params: Any) -> Any:
        given = {name: value for name, value in params.items() if value is not None}
        try:
            return self.scim.ask("/Users", given)
        except HttpStatusError as error:
            if given.get("cursor") and kind_of(error.body) in EXPIRED:
                raise CursorExpired("The service forgot the place in the middle of a listing.") from error
            raise self.scim.odd(error) from error

    def users(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """The resources with these ids as they are now, many in one call where filters are offered."""
        wanted = [each for each in dict.fromkeys(ids) if each and each.isprintable()]
        if len(wanted) < 2 or not self.scim.offer.filter:
            return self._each(wanted)
        found: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(wanted), SEARCHED_AT_ONCE):
            some = wanted[start : start + SEARCHED_AT_ONCE]
            try:
                body = self.scim.ask("/Users", {"filter": search_by_id(some), "count": len(some)}).body
                resources, total, _ = self.scim.listed(body)
            except HttpStatusError:  # some services take no `or`, or no search by id
                return {**found, **self._each(wanted[start:])}
            page = {str(each["id"]): users.tidy(each) for each in resources}
            found |= page if total <= len(resources) else self._each(some)
        return found

    def _each(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        found = {each: self.scim.one(f"/Users/{in_path(each)}") for each in ids}
        return {each: users.tidy(user) for each, user in found.items() if user is not None}

    def _reading(self, resource: Mapping[str, Any]) -> Record | Unreadable:
        try:
            return users.read_user(resource)
        except (KeyError, ValueError, AttributeError, TypeError) as error:
            reason = f"The service shows a user that is none ({type(error).__name__})."
            number = str(resource.get("id") or "") or None
            return Unreadable(f"user {number or 'without an id'}", reason, json.dumps(resource)[:2000], number)


def _name(item: Record | Unreadable) -> str:
    return item.id if isinstance(item, Record) else item.id or item.where
