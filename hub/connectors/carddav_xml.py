"""What is asked of a CardDAV server, and what its multistatus answers say. Pure.

Read by namespace, never by prefix; hrefs as decoded paths, since servers encode them as they like. Documents with
a DTD are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape as escape_xml

from hub.errors import ConfigError, TransientError

DAV = "{DAV:}"
CARD = "{urn:ietf:params:xml:ns:carddav}"
SERVER = "{http://calendarserver.org/ns/}"
_NAMES = {DAV: "D", CARD: "C", SERVER: "S"}
_OPEN = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav" xmlns:S="http://calendarserver.org/ns/"'
SYNC_TOKEN, ETAG, MODIFIED = DAV + "sync-token", DAV + "getetag", DAV + "getlastmodified"
CTAG, DATA = SERVER + "getctag", CARD + "address-data"
TYPE, NAME = DAV + "resourcetype", DAV + "displayname"
PRINCIPAL, HOMES = DAV + "current-user-principal", CARD + "addressbook-home-set"
VERSIONS, REPORTS = CARD + "supported-address-data", DAV + "supported-report-set"
RIGHTS = DAV + "current-user-privilege-set"


@dataclass(frozen=True, slots=True)
class Answer:
    """One response of a multistatus: the decoded path, the status of the whole (0: none), and what was found."""

    path: str
    status: int
    props: dict[str, Element] = field(default_factory=dict)

    def text(self, name: str) -> str:
        found = self.props.get(name)
        return (found.text or "").strip() if found is not None else ""

    def holds(self, name: str, *tags: str) -> bool:
        """Whether one of these elements stands anywhere inside the property."""
        found = self.props.get(name)
        return found is not None and any(found.find(f".//{tag}") is not None for tag in tags)

    def hrefs(self, name: str) -> list[str]:
        found = self.props.get(name)
        return [path_of(each.text or "") for each in found.iter(DAV + "href")] if found is not None else []


@dataclass(frozen=True, slots=True)
class Multistatus:
    answers: tuple[Answer, ...]
    token: str = ""


def path_of(href: str) -> str:
    return unquote(urlsplit(href.strip()).path)


def read_multistatus(body: Any, name: str) -> Multistatus:
    """name: of the connection. TransientError for anything else: a login page, a cut document."""
    root = document(body)
    if root is None or root.tag != DAV + "multistatus":
        raise TransientError(
            f"{name}: the answer is no WebDAV multistatus (a login or maintenance page looks like that). Nothing was "
            "concluded. Next: open the address in a browser and check `url`."
        )
    answers = [_answer(each) for each in root.findall(DAV + "response")]
    return Multistatus(tuple(answers), (root.findtext(SYNC_TOKEN) or "").strip())


def document(body: Any) -> Element | None:
    """The root of an XML document; None when it is none, or one that may be harmful."""
    try:
        from defusedxml import ElementTree  # type: ignore[import-untyped, unused-ignore]
        from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise ConfigError("CardDAV needs the package defusedxml. Next: pip install 'contact-hub[carddav]'.") from error
    if not isinstance(body, bytes):
        return None
    try:
        return cast("Element", ElementTree.fromstring(body, forbid_dtd=True))
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError):
        return None


def precondition(body: Any) -> tuple[str, list[str]]:
    """The name of the first precondition that an error names, and hrefs in it: ("no-uid-conflict", ["/…"])."""
    root = document(body)
    if root is None or root.tag != DAV + "error" or len(root) == 0:
        return "", []
    return root[0].tag.rpartition("}")[2], [path_of(each.text or "") for each in root[0].iter(DAV + "href")]


def _answer(response: Element) -> Answer:
    props: dict[str, Element] = {}
    for found in response.findall(DAV + "propstat"):
        if _status(found.findtext(DAV + "status")) in {0, 200}:
            props.update({prop.tag: prop for prop in found.findall(f"{DAV}prop/*")})
    return Answer(path_of(response.findtext(DAV + "href") or ""), _status(response.findtext(DAV + "status")), props)


def _status(line: str | None) -> int:
    parts = (line or "").split()
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0


# --- questions --------------------------------------------------------------------------------------


def propfind(names: Iterable[str]) -> bytes:
    return _document(f"<D:propfind {_OPEN}>{_props(names)}</D:propfind>")


def sync_collection(token: str) -> bytes:
    return _document(
        f"<D:sync-collection {_OPEN}><D:sync-token>{escape_xml(token)}</D:sync-token>"
        f"<D:sync-level>1</D:sync-level>{_props([ETAG])}</D:sync-collection>"
    )


def multiget(hrefs: Sequence[str]) -> bytes:
    wanted = "".join(f"<D:href>{escape_xml(each)}</D:href>" for each in hrefs)
    return _document(
        f"<C:addressbook-multiget {_OPEN}>{_props([ETAG, MODIFIED, DATA])}{wanted}</C:addressbook-multiget>"
    )


def _props(names: Iterable[str]) -> str:
    tags = (each.rpartition("}") for each in names)
    return "<D:prop>" + "".join(f"<{_NAMES[space + brace]}:{name}/>" for space, brace, name in tags) + "</D:prop>"


def _document(text: str) -> bytes:
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + text.encode()
