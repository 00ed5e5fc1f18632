"""OData's $batch as a service reads it: multipart/mixed, each part a request, what changes something maybe in a set."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from email.message import Message
from email.parser import BytesParser
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import orjson

from hub.testing.service import Answer


class Malformed(Exception):
    """Words for the vendor's refusal."""


@dataclass(frozen=True)
class Inner:
    """One request. `path` from the root of the host; `in_set`: within a change set."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    content: bytes
    in_set: bool = False


def read_batch(content_type: str, raw: bytes) -> list[list[Inner]]:
    """Requests one by one; those of one change set together."""
    if not raw.endswith(b"--\r\n"):
        raise Malformed("the end of the batch is missing")
    message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw)
    if message.get_content_type() != "multipart/mixed" or not message.is_multipart() or message.defects:
        raise Malformed("the body is no multipart/mixed")
    return [_entry(part) for part in message.get_payload()]  # type: ignore[union-attr]


def _entry(part: Any) -> list[Inner]:
    if part.get_content_type() != "multipart/mixed":
        return [_inner(part)]
    found = [replace(_inner(each), in_set=True) for each in part.get_payload()]
    if part.defects or any(each.method == "GET" for each in found):
        raise Malformed("a change set holds changes only")
    return found


def _inner(part: Message) -> Inner:
    if part.get_content_type() != "application/http" or part["content-transfer-encoding"] != "binary":
        raise Malformed("a part is application/http, binary")
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    head, blank, content = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    words = first.split(" ")
    if not blank or len(words) != 3 or words[2] != "HTTP/1.1" or not words[1].startswith("/"):
        raise Malformed("a part begins with a request line")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    path, _, query = words[1].partition("?")
    length = int(headers.get("content-length", len(content)))
    return Inner(words[0], path, parse_qs(query, keep_blank_values=True), headers, content[:length])


def write_batch(entries: Sequence[Sequence[Answer]], sets: Collection[int] = ()) -> tuple[bytes, dict[str, str]]:
    """(body, headers). sets: numbers of entries that were change sets: their answers stand in one, unless refused."""
    pieces = []
    for number, answers in enumerate(entries):
        texts = [_written(each) for each in answers]
        if number in sets and all(each.status < 400 for each in answers):
            mark = f"changesetresponse_{number}"
            texts = [f"Content-Type: multipart/mixed; boundary={mark}\r\n\r\n".encode() + _joined(mark, texts)]
        pieces += texts
    return _joined("batchresponse_1", pieces), {"content-type": "multipart/mixed; boundary=batchresponse_1"}


def _joined(mark: str, pieces: Sequence[bytes]) -> bytes:
    return b"".join(f"--{mark}\r\n".encode() + each + b"\r\n" for each in pieces) + f"--{mark}--\r\n".encode()


def _written(answer: Answer) -> bytes:
    body = b"" if answer.body is None else orjson.dumps(answer.body)
    headers = {**answer.headers, **({"Content-Type": "application/json; odata.metadata=minimal"} if body else {})}
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = b"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    return head + "\r\n".join(lines).encode() + b"\r\n\r\n" + body
