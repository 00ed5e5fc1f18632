"""Bodies of deliveries: bounded while they arrive, then read strictly into plain fields.

Strictly: a body that is not surely what it says is refused with 400 and the sender keeps it. Nothing is
repaired or guessed, as a guess could not be told from what the person wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from email.message import Message
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qsl

import orjson
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser

LARGEST_BODY = 256 * 1024  # bytes; a contact form with a long letter in it is under 20 KiB
SLOWEST_BODY_SECONDS = 15.0
MOST_FIELDS = 250
LONGEST_NAME = 200  # characters of a field's name
DEEPEST = 20  # levels of JSON; the form services nest at most 6

Kind: TypeAlias = Literal["json", "urlencoded", "multipart"]

_FORM_TYPES: dict[str, Kind] = {
    "application/x-www-form-urlencoded": "urlencoded",
    "multipart/form-data": "multipart",
}


class Rejected(Exception):
    """The answer to a request that stores nothing."""

    def __init__(self, status: int, title: str, detail: str, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.retry_after = retry_after


class ContentType:
    """A Content-Type header: which kind of body, and its boundary. Raises Rejected(415)."""

    def __init__(self, header: str) -> None:
        message = Message()
        message["Content-Type"] = header.replace("\r", "").replace("\n", "")
        name = message.get_content_type() if "/" in header else ""
        is_json = name == "application/json" or (name.startswith("application/") and name.endswith("+json"))
        kind: Kind | None = "json" if is_json else _FORM_TYPES.get(name)
        if kind is None or _charset(message) not in {"utf-8", "utf8", "us-ascii"}:
            raise Rejected(
                415,
                "Content type not taken",
                "Nothing was stored. Send application/json, application/x-www-form-urlencoded or "
                "multipart/form-data, in UTF-8.",
            )
        self.kind: Kind = kind
        self.boundary = _parameter(message, "boundary")


def _charset(message: Message) -> str:
    return (_parameter(message, "charset") or "utf-8").lower()


def _parameter(message: Message, name: str) -> str:
    value = message.get_param(name)
    return value if isinstance(value, str) else ""


async def read_body(
    stream: AsyncIterator[bytes], declared: str | None, within_seconds: float = SLOWEST_BODY_SECONDS
) -> bytes:
    """The whole body; Rejected(413) once it is, or says it will be, over the cap, 408 when it dawdles."""
    if declared is not None and declared.isascii() and declared.isdigit() and _exceeds(declared):
        raise _too_large()
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(within_seconds):
            async for part in stream:
                size += len(part)
                if size > LARGEST_BODY:
                    raise _too_large()
                parts.append(part)
    except TimeoutError as err:
        raise Rejected(408, "Too slow", "Nothing was stored. The body did not arrive in time; send it again.") from err
    return b"".join(parts)


def _exceeds(digits: str) -> bool:
    return len(digits.lstrip("0")) > len(str(LARGEST_BODY)) or int(digits) > LARGEST_BODY


def _too_large() -> Rejected:
    return Rejected(413, "Too large", f"Nothing was stored. A body has at most {LARGEST_BODY} bytes.")


def read_fields(content: ContentType, body: bytes) -> dict[str, Any]:
    """Fields by name; a name that comes several times holds a list. Raises Rejected(400 or 415)."""
    try:
        if content.kind == "json":
            fields = _read_json(body)
        elif content.kind == "urlencoded":
            fields = _gather(_read_urlencoded(body))
        else:
            fields = _gather(_read_multipart(body, content.boundary))
    except (ValueError, FormParserError, RecursionError) as err:
        raise _unreadable("it is not what its content type says, or not UTF-8") from err
    _bound(fields)
    return fields


def _read_json(body: bytes) -> dict[str, Any]:
    value = orjson.loads(body)
    if not isinstance(value, dict):
        raise _unreadable("the JSON is not one object")
    return value


def _read_urlencoded(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(
        body.decode("utf-8"),
        keep_blank_values=True,
        encoding="utf-8",
        errors="strict",
        max_num_fields=MOST_FIELDS,
    )


def _read_multipart(body: bytes, boundary: str) -> list[tuple[str, str]]:
    pairs: list[tuple[bytes, bytes]] = []
    ended: list[bool] = []

    def on_field(field: Field) -> None:
        pairs.append((field.field_name or b"", field.value or b""))

    def on_file(file: File) -> None:
        size = file.size
        file.close()
        if size or file.file_name:
            raise Rejected(415, "Files are not taken", "Nothing was stored. This form takes text fields only.")

    if not boundary:
        raise _unreadable("the multipart boundary is missing")
    config = {"MAX_BODY_SIZE": LARGEST_BODY, "MAX_FIELDS": MOST_FIELDS, "UPLOAD_ERROR_ON_BAD_CTE": True}
    parser = FormParser("multipart/form-data", on_field, on_file, lambda: ended.append(True), boundary, config=config)
    parser.write(body)
    parser.finalize()
    if not ended:
        raise _unreadable("the multipart body breaks off")
    return [(name.decode("utf-8"), value.decode("utf-8")) for name, value in pairs]


def _gather(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    return fields


def _bound(fields: dict[str, Any]) -> None:
    if len(fields) > MOST_FIELDS:
        raise _unreadable(f"it has more than {MOST_FIELDS} fields")
    if not all(0 < len(name) <= LONGEST_NAME for name in fields):
        raise _unreadable(f"a field's name is empty or longer than {LONGEST_NAME} characters")
    if not any(value not in ("", None, [], {}) for value in fields.values()):
        raise _unreadable("every field is empty")
    level: list[Any] = [fields]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
    if level:
        raise _unreadable(f"it is nested deeper than {DEEPEST} levels")


def _inside(value: Any) -> list[Any]:
    """The values inside a list or object; Rejected for a text with NUL, which no database takes."""
    if isinstance(value, str):
        if "\x00" in value:
            raise _unreadable("a text holds a NUL character")
        return []
    if isinstance(value, dict):
        return [*value, *value.values()]
    return list(value) if isinstance(value, list) else []


def _unreadable(reason: str) -> Rejected:
    return Rejected(400, "Not readable", f"Nothing was stored: {reason}. Correct it and send it again.")
