"""What a form gives out and takes back, signed: links in mails, stamps of pages, marks of addresses. Pure.

Each is signed for one purpose, so that none passes for another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

SIGNED_BYTES = 16
_LINK = re.compile(r"([A-Za-z0-9_-]{10,40})\.([0-9a-f]{1,12})\.([A-Za-z0-9_-]{22})")
_STAMP = re.compile(r"([0-9a-f]{1,12})\.([A-Za-z-]{2,20})\.([0-9a-f]{12})\.([A-Za-z0-9_-]{22})")


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a page was made, in which language, and with which wording. at: epoch seconds"""

    at: int
    language: str
    wording: str


def make_link(key: bytes, connection: str, number: str, until: float) -> str:
    """The part of a link that names one asking, and until when it works."""
    said = f"{number}.{int(until):x}"
    return f"{said}.{_signed(key, 'confirm', connection, said)}"


def read_link(key: bytes, connection: str, text: str) -> tuple[str, int] | None:
    """(which asking, epoch seconds until when); None: it is none of ours."""
    found = _LINK.fullmatch(text)
    if found is None or not _same(_signed(key, "confirm", connection, f"{found[1]}.{found[2]}"), found[3]):
        return None
    return found[1], int(found[2], 16)


def make_stamp(key: bytes, connection: str, stamp: Stamp) -> str:
    said = f"{stamp.at:x}.{stamp.language}.{stamp.wording}"
    return f"{said}.{_signed(key, 'stamp', connection, said)}"


def read_stamp(key: bytes, connection: str, text: str) -> Stamp | None:
    """None: it is none of ours."""
    found = _STAMP.fullmatch(text)
    if found is None or not _same(_signed(key, "stamp", connection, text.rpartition(".")[0]), found[4]):
        return None
    return Stamp(int(found[1], 16), found[2], found[3])


def mark(key: bytes, kind: str, text: str) -> str:
    """Tells whether two addresses are the same, and nothing of them to who lacks the key."""
    return _signed(key, "mark", kind, text)


def _signed(key: bytes, *parts: str) -> str:
    digest = hmac.new(key, "\0".join(parts).encode(), hashlib.sha256).digest()[:SIGNED_BYTES]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
