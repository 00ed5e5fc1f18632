"""CardDAV: the cards of one address book, on any server that keeps to RFC 6352.

Source   RFC 6352, RFC 6578 (sync), RFC 6764 (discovery); a real Radicale 3.9; see docs/connectors/carddav.md
Id       the name of the card's resource within the book; the address of the book may differ
Listing  sync-collection without a token, which names all cards and gives the token; where there is none, PROPFIND of
         all etags (addressbook-query is wrong on too many servers). Then multiget in chunks
Changes  sync-collection; where there is none, the ctag and then all etags, which the cursor remembers
Token    comes with the names or before them, so that what changes meanwhile is told afterwards
Stale    If-Match with the etag that the write was decided on
Key      of the hub is the card's UID and gives its name: the same create again is refused with 412, and read
Writes   the card is fetched, the mapped properties are changed in it, all other lines go back as they came
Groups   cards of the kind group are left alone: they are no contacts
"""

from __future__ import annotations

import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import orjson
from pydantic import Field, SecretStr

from hub.connectors import carddav_xml as dav
from hub.connectors.carddav_book import CHECK_PROPS, Book, Found, find_book, refused_account
from hub.connectors.contract import Can, Connector, Context, Promise, Report, Settings
from hub.connectors.defaults import default_mapping
from hub.connectors.http import Api, HttpStatusError
from hub.connectors.settings import Address
from hub.connectors.vcard import VCardError
from hub.connectors.vcard_fields import GROUP_KIND, apply, kind_of, new_card
from hub.errors import CursorExpired, RecordError, TransientError
from hub.model import (
    Cursor,
    Done,
    Missing,
    NotSent,
    Op,
    Outcome,
    Page,
    Record,
    Refused,
    Stale,
    Tombstone,
    Unknown,
    Unreadable,
    Write,
)

MAX_BYTES = 64 * 1024 * 1024  # of one answer: a chunk of cards with photos
WORDS = {  # preconditions of RFC 6352, in words
    "no-uid-conflict": "another card of this book has the same UID",
    "valid-address-data": "it does not take this card as valid",
    "supported-address-data": "it does not take this version of vCard",
    "max-resource-size": "the card is larger than it allows",
}
_PLAIN_KEY = re.compile(r"hub:[A-Za-z0-9_-]{1,100}")


class CardDavSettings(Settings):
    """An address book on a CardDAV server.

    url              of the address book, or of the server or account, from which it is found
    user, secret     of the account; many servers want a password made for one application
    addressbook      name of the book, where the account has several
    page_size        cards fetched in one call; fewer where they hold large photos
    timeout_seconds  without a byte moving
    ca_file          certificate authority of a private network
    """

    url: Address
    user: Annotated[str, Field(min_length=1)]
    secret: SecretStr
    addressbook: str | None = None
    page_size: Annotated[int, Field(ge=1, le=1000)] = 100
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0
    ca_file: Path | None = None


class CardDavConnector(Connector):
    Settings = CardDavSettings
    default_mapping = default_mapping("carddav")
    example = """\
type: carddav
url: https://dav.example.org/       # or of the address book itself
user: hub
secret: env:DAV_PASSWORD
addressbook: contacts               # where the account has several
"""

    def __init__(self, settings: CardDavSettings, context: Context) -> None:
        super().__init__(settings, context)
        address = urlsplit(settings.url)
        self._api = Api(
            f"{address.scheme}://{address.netloc}",
            context,
            auth=httpx.BasicAuth(settings.user, settings.secret.get_secret_value()),
            accept=("application/xml", "text/xml", "text/vcard", "text/plain", "text/html"),
            timeout_seconds=settings.timeout_seconds,
            deadline_seconds=settings.timeout_seconds * 4,
            max_bytes=MAX_BYTES,
            ca_file=settings.ca_file,
        )

    @property
    def can(self) -> Can:
        return Can(
            changes=True,
            tombstones=True,
            read=True,
            create=True,
            update=True,
            delete=True,
            stale=True,
            promise=Promise.READBACK,
        )

    def check(self) -> Report:
        state = self._book.state(CHECK_PROPS)
        count = len(self._book.etags())
        reports = state.holds(dav.REPORTS, dav.DAV + "sync-collection")
        how = "sync-collection" if reports else "its ctag" if state.text(dav.CTAG) else "the etags of all cards"
        warnings = []
        if dav.RIGHTS in state.props and not state.holds(dav.RIGHTS, *(dav.DAV + n for n in ("write", "all", "bind"))):
            warnings.append("This account may not write to the address book: set `push: no` or give it the right.")
        lines = (f"{count} cards", f"changes are told by {how}", f"new cards are vCard {_version(state)}")
        return Report("CardDAV", lines, tuple(warnings), count)

    @cached_property
    def _book(self) -> Book:
        return find_book(self._api, self.context.name, self.settings.url, self.settings.addressbook)

    @cached_property
    def _vcard_version(self) -> str:
        return _version(self._book.state([dav.VERSIONS]))

    # --- reading ----------------------------------------------------------------------------------

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        if since is None:
            yield from self._listing()
            return
        place = self._place(since)
        self.__dict__["_book"] = Book(self._api, self.context.name, place["book"])  # nothing to find: it is known
        if "after" in place:
            yield from self._rest(place, place.pop("after"))
        elif "token" in place:
            yield from self._since_token(place)
        else:
            yield from self._since_etags(place)

    def _listing(self) -> Iterator[Page]:
        """All cards, with the token or the ctag from which changes will be told."""
        syncs = self._book.state([dav.REPORTS]).holds(dav.REPORTS, dav.DAV + "sync-collection")
        whole = self._book.whole() if syncs else None
        if whole is not None:
            names, token = whole
            yield from self._named(names, {"book": self._book.path, "token": token})
            return
        state = self._book.state()
        token = state.text(dav.SYNC_TOKEN) if syncs else ""
        mark = {"token": token} if token else {"ctag": state.text(dav.CTAG)}
        yield from self._rest({"book": self._book.path, **mark}, "")

    def _rest(self, place: dict[str, Any], after: str) -> Iterator[Page]:
        etags = self._book.etags()
        end = place if "token" in place else {**place, "etags": _packed(etags)}
        yield from self._named((each for each in etags if each > after), place, end)

    def _named(self, names: Iterable[str], place: dict[str, Any], end: dict[str, Any] | None = None) -> Iterator[Page]:
        """Cards in the order of their names, each page with the place to go on from."""
        left = sorted(names)
        while len(left) > self.settings.page_size:
            some, left = left[: self.settings.page_size], left[self.settings.page_size :]
            yield Page(self._items(some), self._cursor({**place, "after": some[-1]}))
        yield Page(self._items(left), self._cursor(end or place))

    def _since_token(self, place: dict[str, Any]) -> Iterator[Page]:
        """What a server tells in parts (507) is taken in those parts; each has a token of its own."""
        more = True
        while more:
            changed, gone, token, more = self._book.changes(place["token"])
            after = {**place, "token": token}
            yield from self._changed(sorted(changed), sorted(gone), place, after)
            place = after

    def _since_etags(self, place: dict[str, Any]) -> Iterator[Page]:
        ctag = self._book.state([dav.CTAG]).text(dav.CTAG)
        if ctag and ctag == place["ctag"]:
            yield Page((), self._cursor(place))
            return
        now, before = self._book.etags(), _unpacked(place["etags"])
        changed = sorted(each for each, etag in now.items() if before.get(each) != _short(etag))
        gone = sorted(before.keys() - now.keys())
        yield from self._changed(changed, gone, place, {**place, "ctag": ctag, "etags": _packed(now)})

    def _changed(
        self, changed: list[str], gone: list[str], before: dict[str, Any], after: dict[str, Any]
    ) -> Iterator[Page]:
        """The cursor moves with the last page: cut off before, all of it is told again."""
        size = self.settings.page_size
        while len(changed) + len(gone) > size:
            some, changed = changed[:size], changed[size:]
            lost, gone = gone[: size - len(some)], gone[size - len(some) :]
            yield Page((*self._items(some, told=True), *map(Tombstone, lost)), self._cursor(before))
        items = (*self._items(changed, told=True), *map(Tombstone, gone))
        yield Page(items, self._cursor(after))

    def _items(self, ids: Sequence[str], *, told: bool = False) -> tuple[Record | Tombstone | Unreadable, ...]:
        """told: as changed, so that one which is not there any more is gone."""
        found = self._book.cards(ids)
        items: list[Record | Tombstone | Unreadable] = []
        for each in ids:
            item = found[each].item() if each in found else None
            if item is not None:
                items.append(item)
            elif told and each not in found:
                items.append(Tombstone(each))
        return tuple(items)

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        rest, found = iter(dict.fromkeys(ids)), {}
        while some := list(islice(rest, self.settings.page_size)):
            cards = self._book.cards(some)
            found.update({each: item for each, card in cards.items() if isinstance(item := card.item(), Record)})
        return found

    def find(self, key: str) -> Record | None:
        record = self.read([name_of(key)]).get(name_of(key))
        return record if record is not None and record.key == key else None

    # --- writing ----------------------------------------------------------------------------------

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        return [self._written(each) for each in writes]

    def _written(self, write: Write) -> Outcome:
        assert write.op not in {Op.ARCHIVE, Op.ERASE}, "not declared in `can`"
        try:
            match write.op:
                case Op.CREATE:
                    return self._create(write)
                case Op.UPDATE:
                    return self._update(write)
            return self._delete(write)
        except RecordError as error:
            return Refused(str(error))
        except HttpStatusError as error:
            return self._refused(error)
        except TransientError as error:
            return Unknown(str(error)) if error.maybe_done else NotSent(str(error), error.retry_after)

    def _create(self, write: Write) -> Outcome:
        card = new_card(write.key, self._vcard_version, write.fields)
        name = name_of(write.key)
        try:
            self._book.put(name, card, {"if-none-match": "*"})
        except HttpStatusError as error:
            reason, hrefs = dav.precondition(error.body)
            if error.status != 412 and reason != "no-uid-conflict":
                raise
            names = [name, *(each.rpartition("/")[2] for each in hrefs)]
            there = next((each for each in self.read(names).values() if each.key == write.key), None)
            if there is None:
                raise
            return Done(there, existed=True)
        return self._done(name)

    def _update(self, write: Write) -> Outcome:
        seen = self._there(str(write.id))
        if seen is None:
            return Missing()
        if write.version is not None and write.version != seen.etag:
            return Stale()
        try:
            card = seen.card()
        except VCardError as error:
            raise RecordError(f"The card there cannot be read, so it is not changed: {error}.") from error
        if kind_of(card) == GROUP_KIND:
            return Missing()
        changed = apply(card, write.fields)
        if changed == card:
            return self._done(seen.id)
        try:
            self._book.put(seen.id, changed, {"if-match": seen.etag} if seen.etag else {})
        except HttpStatusError as error:
            if error.status not in {404, 412} or dav.precondition(error.body)[0] in WORDS:
                raise
            return Stale() if self._there(seen.id) else Missing()
        return self._done(seen.id)

    def _delete(self, write: Write) -> Outcome:
        identity = str(write.id)
        try:
            self._book.delete(identity, write.version)
        except HttpStatusError as error:
            if error.status not in {404, 410, 412}:
                raise
            return Stale() if error.status == 412 and self._there(identity) else Missing()
        return Done(None)

    def _there(self, identity: str) -> Found | None:
        return self._book.cards([identity]).get(identity)

    def _done(self, identity: str) -> Outcome:
        """The card as the server stored it: it may order, complete or cut what it was given."""
        record = self.read([identity]).get(identity)
        if record is None:
            return Unknown("The server took the card and does not show it.")
        return Done(record)

    def _refused(self, error: HttpStatusError) -> Outcome:
        reason, _ = dav.precondition(error.body)
        if error.status == 403 and reason not in WORDS:
            raise refused_account(self.context.name, "403") from error
        said = WORDS.get(reason) or (f"it named {reason}" if reason else "it gave no reason")
        return Refused(f"The server refused the card with {error.status}: {said}.")

    # --- cursors ----------------------------------------------------------------------------------

    @cached_property
    def _mark(self) -> str:
        settings = self.settings
        text = f"{settings.url}\n{settings.user}\n{settings.addressbook}"
        return blake2b(text.encode(), digest_size=6).hexdigest()

    def _cursor(self, place: dict[str, Any]) -> Cursor:
        return orjson.dumps({"of": self._mark, **place}, option=orjson.OPT_SORT_KEYS).decode()

    def _place(self, cursor: Cursor) -> dict[str, Any]:
        try:
            place = orjson.loads(cursor)
        except ValueError:
            place = None
        if not isinstance(place, dict) or place.pop("of", None) != self._mark:
            raise CursorExpired(f"{self.context.name}: this is no cursor of this address book: all is listed anew.")
        return place


# --- pure -------------------------------------------------------------------------------------------


def name_of(key: str) -> str:
    """The name of the card that carries this key: always the same, and valid in every server's paths."""
    if _PLAIN_KEY.fullmatch(key):
        return key.replace(":", "-", 1) + ".vcf"
    return f"hub-{blake2b(key.encode('utf-8', 'surrogatepass'), digest_size=12).hexdigest()}.vcf"


def _version(state: dav.Answer) -> str:
    """Of new cards: 3.0, which every server takes, unless only 4.0 is told."""
    told = state.props.get(dav.VERSIONS)
    versions = {each.get("version") for each in told} if told is not None else set()
    return "4.0" if "4.0" in versions and "3.0" not in versions else "3.0"


def _packed(etags: dict[str, str]) -> str:
    """Names with a short hash of their etags, for a cursor."""
    short = {each: _short(etag) for each, etag in sorted(etags.items())}
    return b64encode(zlib.compress(orjson.dumps(short))).decode()


def _short(etag: str) -> str:
    return blake2b(etag.encode(), digest_size=6).hexdigest()


def _unpacked(text: str) -> dict[str, str]:
    found: dict[str, str] = orjson.loads(zlib.decompress(b64decode(text)))
    return found
