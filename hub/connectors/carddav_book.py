"""One address book on a CardDAV server: finding it, and the requests made to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from hub.connectors import carddav_xml as dav
from hub.connectors.carddav_xml import Answer, Multistatus
from hub.connectors.http import Api, HttpStatusError, Response
from hub.connectors.rows import MAX_ORIGINAL
from hub.connectors.vcard import Card, VCardError, parse
from hub.connectors.vcard_fields import GROUP_KIND, read_fields
from hub.errors import AccountError, CursorExpired, TransientError
from hub.model import Record, Unreadable

WELL_KNOWN = "/.well-known/carddav"
XML = {"content-type": "application/xml; charset=utf-8"}
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_NAME = 255  # bytes, of a card's name: file systems and most databases of servers take no more
ODD = frozenset({404, 405, 409, 410, 501})  # what a place without WebDAV answers
FIND_PROPS = (dav.TYPE, dav.NAME, dav.PRINCIPAL)  # not the token: some servers go through all cards to make it
STATE_PROPS = (dav.SYNC_TOKEN, dav.CTAG, dav.REPORTS)
CHECK_PROPS = (*STATE_PROPS, dav.VERSIONS, dav.RIGHTS)


@dataclass(frozen=True, slots=True)
class Found:
    """A card as the server holds it."""

    id: str
    etag: str
    text: str
    modified: str = ""

    def card(self) -> Card:
        return parse(self.text)

    def item(self) -> Record | Unreadable | None:
        """None: a group card, which is no contact."""
        try:
            card = self.card()
        except VCardError as error:
            return Unreadable(self.id, f"the card cannot be read: {error}", self.text[:MAX_ORIGINAL], self.id)
        fields = read_fields(card)
        if fields["kind"] == GROUP_KIND:
            return None
        uid = card.first_text("UID")
        key = uid if uid.startswith("hub:") else None
        return Record(self.id, fields, self.etag or None, _moment(self.modified), key=key)


class Book:
    """path: of the address book, decoded, with a slash at its end."""

    def __init__(self, api: Api, name: str, path: str) -> None:
        self._api, self._name, self.path = api, name, path

    # --- listing ----------------------------------------------------------------------------------

    def state(self, names: Sequence[str] = STATE_PROPS) -> Answer:
        """Properties of the book itself."""
        return properties(self._api, self._name, self.path, names)

    def etags(self) -> dict[str, str]:
        """Every card: id → etag."""
        body = dav.propfind([dav.ETAG, dav.TYPE])
        found = self._ask("PROPFIND", body, depth="1")
        return {
            self.id_of(each): strong(each.text(dav.ETAG))
            for each in found.answers
            if self.id_of(each) and not each.holds(dav.TYPE, dav.DAV + "collection") and each.status in {0, 200}
        }

    def whole(self) -> tuple[list[str], str] | None:
        """The ids of all cards, and the token from there on; None: the server does not begin with an empty token."""
        names: set[str] = set()
        token, more = "", True
        try:
            while more:
                changed, gone, token, more = self.changes(token)
                names = (names | set(changed)) - set(gone)
        except CursorExpired:
            return None
        return sorted(names), token

    def changes(self, token: str) -> tuple[list[str], list[str], str, bool]:
        """(ids changed, ids gone, the next token, whether there is more) since a token.

        CursorExpired by the precondition, whatever the status: servers differ in it.
        """
        try:
            found = self._ask("REPORT", dav.sync_collection(token), own={400, 403, 409, 410, 412, 415, 501})
        except HttpStatusError as error:
            reason, _ = dav.precondition(error.body)
            if error.status == 403 and reason != "valid-sync-token":
                raise refused_account(self._name, "403") from error
            raise CursorExpired(
                f"{self._name}: the server no longer knows this sync token: everything is listed again."
            ) from error
        changed, gone, more = [], [], False
        for each in found.answers:
            identity = self.id_of(each)
            if each.status == 507:
                more = True
            elif identity and each.status == 404:
                gone.append(identity)
            elif identity and not each.holds(dav.TYPE, dav.DAV + "collection"):
                changed.append(identity)
        if not found.token or (more and found.token == token):
            raise CursorExpired(f"{self._name}: the server gave no usable sync token: everything is listed again.")
        return changed, gone, found.token, more

    def cards(self, ids: Sequence[str]) -> dict[str, Found]:
        """Those that are there."""
        names = [each for each in ids if is_name(each)]
        if not names:
            return {}
        found = self._ask("REPORT", dav.multiget([self.href(each) for each in names]))
        cards: dict[str, Found] = {}
        gone: set[str] = set()
        for each in found.answers:
            identity = self.id_of(each)
            if identity and dav.DATA in each.props:
                text = each.props[dav.DATA].text or ""
                cards[identity] = Found(identity, strong(each.text(dav.ETAG)), text, each.text(dav.MODIFIED))
            elif identity and each.status in {404, 410}:
                gone.add(identity)
        for name in names:
            if name not in cards and name not in gone and (one := self._card(name)) is not None:
                cards[name] = one
        return {each: cards[each] for each in names if each in cards}

    def _card(self, name: str) -> Found | None:
        """One that the server did not speak of, asked for on its own; None: it is not there."""
        try:
            answer = self._api.get(self.href(name), headers={"accept": "text/vcard"}, own={404, 410})
        except HttpStatusError as error:
            if error.status in {404, 410}:
                return None
            raise no_book(self._name) from error
        if b"BEGIN:VCARD" not in (answer.body or b"")[:100].upper():
            raise TransientError(f"{self._name}: the server answers for a card with something else; nothing was read.")
        text = answer.body.decode("utf-8", "replace")
        headers = answer.headers
        return Found(name, strong(headers.get("etag", "")), text, headers.get("last-modified", ""))

    # --- writing ----------------------------------------------------------------------------------

    def put(self, identity: str, card: Card, condition: Mapping[str, str]) -> None:
        """HttpStatusError with the server's refusal; the caller reads the card again, whether an etag came or not."""
        headers = {"content-type": f"text/vcard; charset=utf-8; version={card.version}", **condition}
        own = {400, 403, 404, 409, 412, 413, 415, 422}
        content = card.written().encode()
        self._api.put(self.href(identity), content=content, headers=headers, own=own, idempotent=False)

    def delete(self, identity: str, etag: str | None) -> None:
        headers = {"if-match": etag} if etag else {}
        self._api.delete(self.href(identity), headers=headers, own={403, 404, 410, 412}, idempotent=False)

    # --- ids --------------------------------------------------------------------------------------

    def href(self, identity: str) -> str:
        return quote(self.path + identity)

    def id_of(self, answer: Answer) -> str:
        """The name within the book; empty for the book itself and for what is not in it."""
        name = answer.path.removeprefix(self.path)
        return name if answer.path.startswith(self.path) and is_name(name) else ""

    def _ask(self, method: str, body: bytes, depth: str = "", own: set[int] | None = None) -> Multistatus:
        headers = {**XML, **({"depth": depth} if depth else {"depth": "0"} if method == "REPORT" else {})}
        path = quote(self.path)
        try:
            answer = request(self._api, method, path, body, headers, own=frozenset(own or ()))
        except HttpStatusError as error:
            if own and error.status in own and error.status != 404:
                raise
            raise no_book(self._name) from error
        return dav.read_multistatus(answer.body, self._name)


# --- finding it ---------------------------------------------------------------------------------------


def find_book(api: Api, name: str, url: str, wanted: str | None) -> Book:
    """The address book that a URL is, or leads to. AccountError when there is none, or a choice."""
    start = urlsplit(url).path or "/"
    seen = _well_known(api, name, url) if start == "/" else _try(api, name, start)
    if seen is not None and _is_book(seen):
        return Book(api, name, _folder(seen.path))
    principal = _principal(seen) or _principal(_try(api, name, "/") if start == "/" else _well_known(api, name, url))
    if not principal:
        raise no_book(name)
    homes = properties(api, name, principal, [dav.HOMES]).hrefs(dav.HOMES)
    books = [each for home in homes for each in members(api, name, _folder(home)) if _is_book(each)]
    return Book(api, name, _folder(_chosen(books, wanted, name).path))


def properties(api: Api, name: str, path: str, names: Sequence[str]) -> Answer:
    """Of one resource. AccountError when it is not there."""
    try:
        answer = request(api, "PROPFIND", quote(path), dav.propfind(names), {**XML, "depth": "0"})
    except HttpStatusError as error:
        raise no_book(name) from error
    found = dav.read_multistatus(answer.body, name).answers
    if not found:
        raise no_book(name)
    return found[0]


def members(api: Api, name: str, path: str) -> Iterator[Answer]:
    try:
        answer = request(api, "PROPFIND", quote(path), dav.propfind([dav.TYPE, dav.NAME]), {**XML, "depth": "1"})
    except HttpStatusError as error:
        raise no_book(name) from error
    yield from dav.read_multistatus(answer.body, name).answers


def request(
    api: Api,
    method: str,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    own: frozenset[int] = frozenset(),
) -> Response:
    return api.request(method, path, content=body, headers=headers, own=own, idempotent=True)


def _try(api: Api, name: str, path: str, own: frozenset[int] = ODD) -> Answer | None:
    """The properties of a place; None where no WebDAV is."""
    try:
        answer = request(api, "PROPFIND", quote(path), dav.propfind(FIND_PROPS), {**XML, "depth": "0"}, own)
    except HttpStatusError as error:
        if error.status in ODD:
            return None
        raise
    found = dav.read_multistatus(answer.body, name).answers
    return found[0] if found else None


def _well_known(api: Api, name: str, url: str) -> Answer | None:
    """What /.well-known/carddav answers, or the place it leads to on the same host; one step only.

    None also where it is a page for people: then the configured address is all there is.
    """
    try:
        return _try(api, name, WELL_KNOWN, ODD | REDIRECTS)
    except TransientError:
        return None
    except HttpStatusError as error:
        if error.status not in REDIRECTS:
            return None
        start = urljoin(url, WELL_KNOWN)
        target = urljoin(start, error.headers.get("location", ""))
        same = urlsplit(target)[:2] == urlsplit(start)[:2]  # scheme and host: the key goes nowhere else
        return _try(api, name, dav.path_of(target)) if same else None


def _principal(answer: Answer | None) -> str:
    return next(iter(answer.hrefs(dav.PRINCIPAL)), "") if answer is not None else ""


def _is_book(answer: Answer) -> bool:
    return answer.holds(dav.TYPE, dav.CARD + "addressbook")


def _chosen(books: Sequence[Answer], wanted: str | None, name: str) -> Answer:
    fitting = [each for each in books if wanted is None or wanted in {each.text(dav.NAME), _segment(each.path)}]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(sorted(_segment(each.path) for each in books)) or "none"
    raise AccountError(
        f"{name}: {len(fitting)} address books fit; nothing was read. There are: {names}. Next: name one in "
        "`addressbook`, or put its address into `url`."
    )


def _segment(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _folder(path: str) -> str:
    return path if path.endswith("/") else path + "/"


def no_book(name: str) -> AccountError:
    return AccountError(
        f"{name}: there is no address book at this address, and none could be found from it; nothing was done. "
        "Next: put the address of the address book itself into `url`."
    )


def refused_account(name: str, status: str) -> AccountError:
    return AccountError(
        f"{name}: the server answered {status}: this account may not do that; nothing was done. Next: check its "
        "rights to the address book, or set `push: no`."
    )


def is_name(identity: str) -> bool:
    """Whether a card may be called so; anything else leads out of the book, or nowhere."""
    fits = 0 < len(identity.encode("utf-8", "surrogatepass")) <= MAX_NAME
    return fits and identity.isprintable() and "/" not in identity and identity.strip(". ") != ""


def strong(etag: str) -> str:
    """Without the mark that a proxy puts on it: a weak one can never be matched."""
    return etag.removeprefix("W/")


@lru_cache(maxsize=1024)  # cards that came in together have one stamp
def _moment(text: str) -> Any:
    try:
        return parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError, IndexError):
        return None
