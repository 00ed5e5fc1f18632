"""Bodies of answers: unpacked within a cap, decoded strictly. Pure but for the state of one stream."""

from __future__ import annotations

import zlib
from typing import Any

import orjson


class Unpacker:
    """gzip or deflate, never more than asked for at once: a bomb is cut at the cap, not after it."""

    def __init__(self, *, packed: bool) -> None:
        self._inflate = zlib.decompressobj(wbits=47) if packed else None  # 47: gzip or zlib, by its header
        self._fed = False

    def feed(self, chunk: bytes, most: int) -> bytes:
        if self._inflate is None:
            return chunk
        self._fed = self._fed or bool(chunk)
        try:
            return self._inflate.decompress(chunk, most)
        except zlib.error as error:
            raise ValueError("not packed as its header says") from error

    @property
    def whole(self) -> bool:
        return self._inflate is None or not self._fed or self._inflate.eof


def load_json(raw: bytes, charset: str | None = None) -> Any:
    """JSON in UTF-8; with a BOM or in the declared charset too. ValueError on anything else."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return orjson.loads(raw.decode("utf-16"))
    try:
        return orjson.loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        if charset is None or charset.lower().replace("_", "-") in {"utf-8", "utf8"}:
            raise
    try:
        return orjson.loads(raw.decode(charset))
    except LookupError as error:
        raise ValueError("unknown charset") from error
