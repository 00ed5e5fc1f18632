"""Who sent this delivery, and is it fresh? Keys, headers, body and time in; the sender's id out.

Three schemes. *Standard Webhooks* signs `id.timestamp.body`; the header holds several `v1,BASE64`, of which
one has to be ours. *Plain HMAC* signs the body, or a text that a template names, and puts the digest in a
header of the sender's choice. A *shared secret* is shown as it is, in a header or in the address, by senders
that cannot sign: it says who sent, and nothing of the body.

Nothing that a sender writes is ever decoded: the digest is computed, written as the sender would have to
write it, and compared as bytes in constant time. So malformed input has nowhere to break, and every
refusal is the same `Forged`, which says nothing of what was wrong.

Source  https://github.com/standard-webhooks/standard-webhooks, spec 1.0.0
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from hub.errors import ConfigError

WINDOW_SECONDS = 300  # either side of now, as the specification proposes
MAX_ID = 256  # characters; a record's id may have twice as many
KEY_BYTES = range(24, 65)  # what Standard Webhooks allows for a secret
MOST_GIVEN = 100  # signatures or secrets in one delivery
MIN_PLAIN_KEY = 8  # bytes: a shorter secret is a typing mistake or guessed within a day

_DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)
_WORD = re.compile(rf"[\x21-\x7e]{{1,{MAX_ID}}}", re.ASCII)
_WORDS = re.compile(r"[\x20-\x7e]{1,8192}", re.ASCII)
_PART = re.compile(r"\{(body|timestamp|id)\}")

Headers: TypeAlias = Callable[[str], Sequence[str]]
"""All values of the header of that name, in order; names in any case. `?NAME` is one of the address."""

KEY_IN_ADDRESS = "?key"


class Forged(Exception):
    """Not signed by a key we know, too old, or malformed: the answer does not say which."""


class Verifier(Protocol):
    def verify(self, headers: Headers, body: bytes, now: float) -> str | None:
        """The delivery id the signature covers, None where the scheme has none. Raises Forged.

        now  epoch seconds
        """


@dataclass(frozen=True, slots=True, repr=False)
class Standard:
    """Standard Webhooks. Several keys while a secret is being replaced."""

    keys: tuple[bytes, ...]

    def verify(self, headers: Headers, body: bytes, now: float) -> str:
        delivery = _only(headers, "webhook-id")
        if "." in delivery:  # the specification forbids it: it would move the borders of what is signed
            raise Forged
        timestamp = _fresh(_only(headers, "webhook-timestamp"), now)
        given = _only(headers, "webhook-signature", _WORDS).split(" ")
        signed = f"{delivery}.{timestamp}.".encode() + body
        match([f"v1,{_base64(_digest(key, signed))}".encode() for key in self.keys], [each.encode() for each in given])
        return delivery


@dataclass(frozen=True, slots=True, repr=False)
class PlainHmac:
    """HMAC-SHA256 of a text in one header.

    signed  what is signed: literal text with {body}, {timestamp} and {id} in it
    """

    keys: tuple[bytes, ...]
    header: str
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    signed: str = "{body}"
    timestamp_header: str | None = None
    id_header: str | None = None

    def verify(self, headers: Headers, body: bytes, now: float) -> str | None:
        parts = {"body": body, "timestamp": b"", "id": b""}
        delivery = None
        if self.timestamp_header:
            parts["timestamp"] = _fresh(_only(headers, self.timestamp_header), now).encode()
        if self.id_header:
            delivery = _only(headers, self.id_header)
            parts["id"] = delivery.encode()
        signed = _fill(self.signed, parts)
        given = _only(headers, self.header)
        if self.encoding == "hex" and given.startswith(self.prefix):
            given = self.prefix + given.removeprefix(self.prefix).lower()
        match([(self.prefix + self._write(_digest(key, signed))).encode() for key in self.keys], [given.encode()])
        return delivery

    def _write(self, digest: bytes) -> str:
        return digest.hex() if self.encoding == "hex" else _base64(digest)


@dataclass(frozen=True, slots=True, repr=False)
class SharedSecret:
    """The secret itself, in the header of that name (`?NAME`: in the address). Several while it is being replaced."""

    keys: tuple[bytes, ...]
    header: str

    def verify(self, headers: Headers, _body: bytes, _now: float) -> None:
        match(self.keys, [given.encode() for given in headers(self.header)])


def standard_keys(secrets: Sequence[str], name: str) -> tuple[bytes, ...]:
    """Keys of Standard Webhooks secrets, `whsec_` and base64. ConfigError names `name`, never the secret."""
    return tuple(_standard_key(secret, name) for secret in secrets)


def plain_keys(secrets: Sequence[str], name: str) -> tuple[bytes, ...]:
    """Keys of plain secrets: their UTF-8 bytes."""
    keys = tuple(secret.encode() for secret in secrets)
    if any(len(key) < MIN_PLAIN_KEY for key in keys):
        raise ConfigError(
            f"{name}: the secret is shorter than {MIN_PLAIN_KEY} characters; nothing is accepted with it. "
            "Set a longer one here and at the sender"
        )
    return keys


def _standard_key(secret: str, name: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in KEY_BYTES:
        raise ConfigError(
            f"{name}: the secret is not `whsec_` and the base64 of {KEY_BYTES.start} to {KEY_BYTES.stop - 1} "
            "bytes; nothing is accepted with it. Copy it again from the sender, or set `signature: hmac`"
        )
    return key


def _only(headers: Headers, name: str, shape: re.Pattern[str] = _WORD) -> str:
    values = headers(name)
    if len(values) != 1 or not shape.fullmatch(values[0]):
        raise Forged
    return values[0]


def _fresh(timestamp: str, now: float) -> str:
    if not _DIGITS.fullmatch(timestamp) or abs(now - int(timestamp)) > WINDOW_SECONDS:
        raise Forged
    return timestamp


def _fill(template: str, parts: dict[str, bytes]) -> bytes:
    """The template with its placeholders replaced once; what is put in is not looked at again."""
    pieces = _PART.split(template)  # text, name, text, name, …, text
    return b"".join(parts[piece] if i % 2 else piece.encode() for i, piece in enumerate(pieces))


def _digest(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def match(expected: Sequence[bytes], given: Sequence[bytes]) -> None:
    """Raises Forged unless one is the same; every pair is compared, so that time does not tell which came close."""
    found = False
    for wanted in expected:
        for candidate in given[:MOST_GIVEN]:
            found |= hmac.compare_digest(wanted, candidate)
    if not found:
        raise Forged
