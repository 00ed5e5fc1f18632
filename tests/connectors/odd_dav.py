"""A CardDAV server in memory that does what Radicale does not, and RFC 6352 and 6578 allow. Strict in what it takes."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import quote, unquote
from xml.etree import ElementTree

import httpx

from hub.connectors.vcard import VCardError, parse

D, C = "{DAV:}", "{urn:ietf:params:xml:ns:carddav}"
KEY = "Basic " + base64.b64encode(b"hub:hubpass").decode()
BOOK = "/dav/books/hub/contacts/"
HEAD = '<?xml version="1.0"?><x:multistatus xmlns:x="DAV:" xmlns="urn:ietf:params:xml:ns:carddav" xmlns:cs="http://calendarserver.org/ns/">'


@dataclass
class OddDav(httpx.BaseTransport):
    """changes: token, ctag or none. part: most changes told at once. bad_token: status of a token it does not know."""

    changes: str = "token"
    part: int = 1000
    bad_token: int = 412
    silent: bool = False  # says nothing of cards that are not there
    absolute: bool = False  # hrefs with scheme and host
    only_v4: bool = False
    well_known: str = "/dav/"
    books: tuple[str, ...] = (BOOK,)
    cards: dict[str, str] = field(default_factory=dict)
    etags: dict[str, int] = field(default_factory=dict)
    history: list[tuple[str, bool]] = field(default_factory=list)  # (name, whether it is there)
    asked: list[str] = field(default_factory=list)

    # --- what people do -----------------------------------------------------------------------------

    def put(self, name: str, text: str) -> None:
        self.history.append((name, True))
        self.cards[name], self.etags[name] = text, len(self.history)

    def remove(self, name: str) -> None:
        del self.cards[name]
        self.history.append((name, False))

    # --- requests -----------------------------------------------------------------------------------

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        if request.headers.get("authorization") != KEY:
            return httpx.Response(401)
        path, body = request.url.path, request.read()
        if path == "/.well-known/carddav":
            return httpx.Response(301, headers={"location": self.well_known})
        handler = {"PROPFIND": self._propfind, "REPORT": self._report, "PUT": self._put, "DELETE": self._delete}
        if request.method == "GET":
            name = path.removeprefix(BOOK)
            return self._card(name) if name in self.cards else httpx.Response(404)
        return handler[request.method](path, body, request)

    def _card(self, name: str) -> httpx.Response:
        return httpx.Response(
            200, headers={"content-type": "text/vcard", "etag": self._etag(name)}, text=self.cards[name]
        )

    def _etag(self, name: str) -> str:
        return f'W/"{self.etags[name]}"'

    def _propfind(self, path: str, body: bytes, request: httpx.Request) -> httpx.Response:
        ElementTree.fromstring(body)
        found = {
            "/dav/": "<x:current-user-principal><x:href>/dav/who/hub</x:href></x:current-user-principal>",
            "/dav/who/hub": "<addressbook-home-set><x:href>/dav/books/hub</x:href></addressbook-home-set>",
        }
        if path in found:
            return self._status(self._response(path, found[path]))
        if path == "/dav/books/hub/":
            return self._status("".join(self._response(each, self._book()) for each in self.books))
        if path not in self.books:
            return httpx.Response(404)
        if request.headers["depth"] == "0":
            return self._status(self._response(path, self._book()))
        cards = (self._response(path + each, f"<x:getetag>{self._etag(each)}</x:getetag>") for each in self.cards)
        return self._status(self._response(path, self._book()) + "".join(cards))

    def _book(self) -> str:
        kind = "<x:resourcetype><x:collection/><addressbook/></x:resourcetype>"
        if self.only_v4:
            kind += '<supported-address-data><address-data-type version="4.0"/></supported-address-data>'
        if self.changes == "ctag":
            kind += f"<cs:getctag>c{len(self.history)}</cs:getctag>"
        if self.changes == "token":
            report = "<x:supported-report><x:report><x:sync-collection/></x:report></x:supported-report>"
            kind += f"<x:supported-report-set>{report}</x:supported-report-set>"
            kind += f"<x:sync-token>t:{len(self.history)}</x:sync-token>"
        return kind

    def _report(self, path: str, body: bytes, request: httpx.Request) -> httpx.Response:
        root = ElementTree.fromstring(body)
        if root.tag == D + "sync-collection" and self.changes == "token":
            return self._sync(path, root.findtext(D + "sync-token") or "")
        if root.tag != C + "addressbook-multiget":
            return httpx.Response(415)
        wanted = [unquote(each.text or "").removeprefix(path) for each in root.iter(D + "href")]
        return self._status("".join(self._answer(path, each) for each in wanted))

    def _answer(self, path: str, name: str) -> str:
        if name in self.cards:
            text = self.cards[name].replace("&", "&amp;").replace("<", "&lt;")
            props = f"<x:getetag>{self._etag(name)}</x:getetag><address-data>{text}</address-data>"
            return self._response(path + name, props)
        return "" if self.silent else self._gone(path + name, 404)

    def _sync(self, path: str, token: str) -> httpx.Response:
        number = token.removeprefix("t:")
        if not number.isdigit() or int(number) > len(self.history):
            return httpx.Response(
                self.bad_token,
                headers={"content-type": "text/xml"},
                text='<E:error xmlns:E="DAV:"><E:valid-sync-token/></E:error>',
            )
        begun = int(number)
        ended = min(begun + self.part, len(self.history))
        told = dict.fromkeys(name for name, _ in self.history[begun:ended])
        rows = [
            self._response(path + each, f"<x:getetag>{self._etag(each)}</x:getetag>")
            if each in self.cards
            else self._gone(path + each, 404)
            for each in told
        ]
        if ended < len(self.history):
            rows.append(self._gone(path, 507))
        return self._status("".join(rows) + f"<x:sync-token>t:{ended}</x:sync-token>")

    def _put(self, path: str, body: bytes, request: httpx.Request) -> httpx.Response:
        name, headers = path.removeprefix(BOOK), request.headers
        if "if-none-match" not in headers and "if-match" not in headers:
            return httpx.Response(428)
        if "if-none-match" in headers and name in self.cards:
            return httpx.Response(412)
        if "if-match" in headers and (name not in self.cards or headers["if-match"] != f'"{self.etags[name]}"'):
            return httpx.Response(412)
        try:
            uid = parse(body).first_text("UID")
        except VCardError:
            return httpx.Response(403, headers={"content-type": "text/xml"}, text=self._error("valid-address-data"))
        twin = next((each for each, text in self.cards.items() if each != name and f"UID:{uid}\r" in text), None)
        if twin:
            return httpx.Response(409, headers={"content-type": "text/xml"}, text=self._error("no-uid-conflict", twin))
        self.put(name, body.decode())
        return httpx.Response(201, text="<html>made</html>", headers={"content-type": "text/html"})

    def _delete(self, path: str, body: bytes, request: httpx.Request) -> httpx.Response:
        name = path.removeprefix(BOOK)
        if name not in self.cards:
            return httpx.Response(404)
        if request.headers.get("if-match", f'"{self.etags[name]}"') != f'"{self.etags[name]}"':
            return httpx.Response(412)
        self.remove(name)
        return httpx.Response(204)

    # --- XML ----------------------------------------------------------------------------------------

    def _error(self, name: str, href: str = "") -> str:
        inner = f'<x:href xmlns:x="DAV:">{BOOK}{href}</x:href>' if href else ""
        named = f'<q:{name} xmlns:q="urn:ietf:params:xml:ns:carddav">{inner}</q:{name}>'
        return f'<error xmlns="DAV:">{named}</error>'

    def _href(self, path: str) -> str:
        shown = quote(path, safe="/@ ")
        return f"https://dav.example.org{shown.replace(' ', '%20')}" if self.absolute else shown

    def _response(self, path: str, props: str) -> str:
        found = f"<x:propstat><x:prop>{props}</x:prop><x:status>HTTP/1.1 200 OK</x:status></x:propstat>"
        lost = "<x:propstat><x:prop><x:displayname/></x:prop><x:status>HTTP/1.1 404 None</x:status></x:propstat>"
        return f"<x:response><x:href>{self._href(path)}</x:href>{found}{lost}</x:response>"

    def _gone(self, path: str, status: int) -> str:
        return f"<x:response><x:href>{self._href(path)}</x:href><x:status>HTTP/1.1 {status} X</x:status></x:response>"

    @staticmethod
    def _status(inner: str) -> httpx.Response:
        return httpx.Response(207, headers={"content-type": "text/xml"}, text=f"{HEAD}{inner}</x:multistatus>")
