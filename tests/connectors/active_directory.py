"""A stand-in for a domain controller of Active Directory that speaks LDAP, as far as it is read by update numbers.

Keeps to MS-ADTS: a page holds at most 1,000 entries and needs the control; deleted objects are shown with theirs
only, stripped of all but a few attributes; every change takes the next number; numbers belong to one invocation.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from pyasn1.codec.ber import decoder, encoder
from pyasn1.type import namedtype, univ
from pyasn1_modules import rfc2251

ROOT = "DC=corp,DC=example,DC=org"
PEOPLE = f"OU=People,{ROOT}"
BIN = f"CN=Deleted Objects,{ROOT}"
SERVICE = f"CN=NTDS Settings,CN=DC1,CN=Servers,CN=Sites,CN=Configuration,{ROOT}"
PAGED, SHOW_DELETED = "1.2.840.113556.1.4.319", "1.2.840.113556.1.4.417"
KEPT = {"objectguid", "isdeleted", "usnchanged", "objectclass"}  # what a deleted object keeps, of what is asked here


class Paging(univ.Sequence):
    componentType = namedtype.NamedTypes(
        namedtype.NamedType("size", univ.Integer()), namedtype.NamedType("cookie", univ.OctetString())
    )


class Controller:
    """The database of one domain controller; DNs and attribute names in small letters."""

    def __init__(self) -> None:
        self.usn = 1000
        self.invocation = uuid4().bytes_le
        self.entries: dict[str, dict[str, list[bytes]]] = {}
        self.cut: dict[bytes, list[tuple[str, dict[str, list[bytes]]]]] = {}  # what is left of listings

    # --- what people do -----------------------------------------------------------------------------

    def add(self, name: str, **values: str) -> str:
        """Its objectGUID, as the hub shows it."""
        guid = uuid4()
        entry = {key.lower(): [value.encode()] for key, value in values.items()}
        entry |= {"cn": [name.encode()], "objectclass": [b"top", b"person", b"contact"], "objectguid": [guid.bytes_le]}
        self.entries[f"CN={name},{PEOPLE}".lower()] = entry
        self._touch(entry)
        return str(guid)

    def edit(self, guid: str, **values: str) -> None:
        entry = self.entries[self._dn(guid)]
        entry |= {key.lower(): [value.encode()] for key, value in values.items()}
        self._touch(entry)

    def remove(self, guid: str) -> None:
        entry = self.entries.pop(self._dn(guid))
        stripped = {name: values for name, values in entry.items() if name in KEPT} | {"isdeleted": [b"TRUE"]}
        self.entries[f"CN=x\\0ADEL:{guid},{BIN}".lower()] = stripped
        self._touch(stripped)

    def restore(self) -> None:
        """A backup is put back: the same controller goes by another invocation."""
        self.invocation = uuid4().bytes_le

    def _dn(self, guid: str) -> str:
        wanted = UUID(guid).bytes_le
        return next(dn for dn, entry in self.entries.items() if entry["objectguid"] == [wanted])

    def _touch(self, entry: dict[str, list[bytes]]) -> None:
        self.usn += 1
        entry["usnchanged"] = [str(self.usn).encode()]

    # --- searching ----------------------------------------------------------------------------------

    def found(self, base: str, matches: Any, *, deleted: bool) -> list[tuple[str, dict[str, list[bytes]]]] | None:
        """None: no such object, as a base is that may not be seen."""
        if base == "":
            root = {"highestcommittedusn": [str(self.usn).encode()], "dsservicename": [SERVICE.encode()]}
            return [("", root | {"defaultnamingcontext": [ROOT.encode()], "supportedcontrol": [PAGED.encode()]})]
        if base == SERVICE.lower():
            return [(SERVICE, {"invocationid": [self.invocation]})]
        if base not in {PEOPLE.lower(), BIN.lower()} or (base == BIN.lower() and not deleted):
            return None
        below = [(dn, entry) for dn, entry in self.entries.items() if dn.endswith(f",{base}")]
        return [(dn, entry) for dn, entry in below if matches(entry)]


def matcher(asked: Any) -> Any:
    """A filter as a function of an entry. KeyError for what is not needed here."""
    kind, part = asked.getName(), asked.getComponent()
    if kind in {"and", "or"}:
        parts = [matcher(each) for each in part]
        whole = all if kind == "and" else any
        return lambda entry: whole(each(entry) for each in parts)
    name, value = str(part["attributeDesc"]).lower(), bytes(part["assertionValue"])
    if kind == "equalityMatch":
        return lambda entry: value.lower() in [each.lower() for each in entry.get(name, [])]
    assert kind == "greaterOrEqual", kind
    assert name == "usnchanged", "only numbers are compared by size here"
    return lambda entry: any(int(each) >= int(value) for each in entry.get(name, []))


class Handler(socketserver.StreamRequestHandler):
    controller: Controller

    def handle(self) -> None:
        held = b""
        while chunk := self.connection.recv(65536):
            held += chunk
            while (end := _length(held)) is not None:
                message, _ = decoder.decode(held[:end], asn1Spec=rfc2251.LDAPMessage())
                held = held[end:]
                number, asked = int(message["messageID"]), message["protocolOp"]
                if asked.getName() == "unbindRequest":
                    return
                given = message["controls"] if message["controls"].isValue else ()
                self._answer(number, asked, {str(each["controlType"]): each for each in given})

    def _answer(self, number: int, asked: Any, controls: dict[str, Any]) -> None:
        if asked.getName() == "bindRequest":
            password = bytes(asked.getComponent()["authentication"].getComponent())
            self._send(number, "bindResponse", 0 if password == b"hubpass" else 49)
            return
        assert asked.getName() == "searchRequest", "this stand-in is read only"
        search = asked.getComponent()
        if str(search["baseObject"]).lower() in {"", SERVICE.lower()}:
            rows: Any = self.controller.found(str(search["baseObject"]).lower(), None, deleted=False)
        else:
            matches = matcher(search["filter"])
            rows = self.controller.found(str(search["baseObject"]).lower(), matches, deleted=SHOW_DELETED in controls)
        if rows is None:
            self._send(number, "searchResDone", 32)
            return
        paging = None
        if PAGED in controls:
            asked_page, _ = decoder.decode(bytes(controls[PAGED]["controlValue"]), asn1Spec=Paging())
            size, cookie = int(asked_page["size"]), bytes(asked_page["cookie"])
            assert 0 < size <= 1000, "a page holds 1,000 at most"
            rows = self.controller.cut.pop(cookie) if cookie else rows
            rows, rest = rows[:size], rows[size:]
            paging = Paging()
            paging["size"], paging["cookie"] = 0, uuid4().bytes if rest else b""
            if rest:
                self.controller.cut[bytes(paging["cookie"])] = rest
        wanted = {str(each).lower(): str(each) for each in search["attributes"]}
        for dn, entry in rows:
            self._entry(number, dn, {wanted.get(k, k): v for k, v in entry.items() if k in wanted or "*" in wanted})
        self._send(number, "searchResDone", 0, paging)

    def _entry(self, number: int, dn: str, values: dict[str, list[bytes]]) -> None:
        entry = rfc2251.SearchResultEntry()
        entry["objectName"] = dn
        entry["attributes"] = entry["attributes"].clone()
        for place, (name, each) in enumerate(values.items()):
            entry["attributes"][place]["type"] = name
            for at, value in enumerate(each):
                entry["attributes"][place]["vals"][at] = value
        self._write(number, "searchResEntry", entry)

    def _send(self, number: int, kind: str, code: int, paging: Any = None) -> None:
        done = rfc2251.BindResponse() if kind == "bindResponse" else rfc2251.SearchResultDone()
        done["resultCode"], done["matchedDN"], done["errorMessage"] = code, "", ""
        self._write(number, kind, done, paging)

    def _write(self, number: int, kind: str, part: Any, paging: Any = None) -> None:
        message = rfc2251.LDAPMessage()
        message["messageID"] = number
        message["protocolOp"] = message["protocolOp"].setComponentByName(kind, part)
        if paging is not None:
            message["controls"][0]["controlType"] = PAGED
            message["controls"][0]["controlValue"] = encoder.encode(paging)
        self.wfile.write(encoder.encode(message))


def _length(data: bytes) -> int | None:
    """How many bytes the first message has; None when it is not whole yet."""
    if len(data) < 2:
        return None
    if data[1] < 0x80:
        whole = 2 + data[1]
    else:
        octets = data[1] & 0x7F
        whole = 2 + octets + int.from_bytes(data[2 : 2 + octets], "big")
    return whole if len(data) >= whole else None


@contextmanager
def served() -> Iterator[tuple[Controller, int]]:
    """A controller and the loopback port it answers on."""
    controller = Controller()
    handler = type("Own", (Handler,), {"controller": controller})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield controller, server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
