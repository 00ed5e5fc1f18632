"""Several requests in one, as OData's `$batch` has them: multipart/mixed, each part a request or an answer. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class PartRequest:
    """One request in a bundle. `target`: path and query from the root of the host, percent-encoded."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class PartAnswer:
    """Header names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def write_bundle(parts: Sequence[PartRequest], *, sets: bool) -> tuple[str, bytes]:
    """(content type, body). sets: whatever changes something stands in a change set of its own."""
    written = [_request(part) for part in parts]
    mark = blake2b(b"".join(written), digest_size=12).hexdigest()
    outer = f"batch_{mark}"
    pieces: list[bytes] = []
    for number, (part, text) in enumerate(zip(parts, written, strict=True), 1):
        entry = _HEAD + f"Content-ID: {number}\r\n\r\n".encode() + text
        if sets and part.method != "GET":
            inner = f"set_{mark}_{number}"
            head = f"Content-Type: multipart/mixed; boundary={inner}\r\n\r\n".encode()
            entry = head + _joined(inner, [entry])
        pieces.append(entry)
    return f"multipart/mixed; boundary={outer}", _joined(outer, pieces)


_HEAD = b"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"


def _joined(boundary: str, entries: Sequence[bytes]) -> bytes:
    mark = f"--{boundary}".encode()
    return b"".join(mark + b"\r\n" + each + b"\r\n" for each in entries) + mark + b"--\r\n"


def _request(part: PartRequest) -> bytes:
    headers = dict(part.headers)
    if part.body is not None:
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(part.body))}
    lines = [f"{part.method} {part.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (part.body or b"")


def read_bundle(content_type: str, raw: bytes) -> list[PartAnswer]:
    """The answers, in their order; of a change set those within. ValueError when it is no bundle."""
    message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + raw)
    if not message.is_multipart() or message.defects:
        raise ValueError("it is no bundle of answers, or was cut off")
    return [_answer(leaf.get_payload(decode=True)) for leaf in _leaves(message)]


def _leaves(message: Message) -> Iterator[Message]:
    for part in message.walk():
        if part.is_multipart():
            if part.defects:
                raise ValueError("a set of answers was cut off")
        elif part.get_content_type() == "application/http":
            yield part


def _answer(raw: object) -> PartAnswer:
    if not isinstance(raw, bytes):
        raise ValueError("a part holds no answer")
    head, _, body = raw.lstrip().replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.split(b"\n")
    words = first.split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ValueError("a part does not begin with a status")
    named = (line.decode("latin-1").partition(":") for line in lines)
    return PartAnswer(int(words[1]), {name.strip().lower(): value.strip() for name, _, value in named}, body.strip())
