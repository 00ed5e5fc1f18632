"""A write made up to the point where it leaves: requests pass as ever until then, the one that would write is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson

READING = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"})


class Rehearsal:
    """`through` goes into the Context of a connector; what it would write within `armed` is never sent.

    used  whether the connector speaks HTTP at all
    kept  the first request that would have written: (method and address, what it carries)
    """

    def __init__(self) -> None:
        self.used = False
        self.kept: tuple[str, Any] | None = None
        self._armed = False

    def through(self, transport: httpx.BaseTransport) -> httpx.BaseTransport:
        self.used = True
        return _Withheld(transport, self)

    @contextmanager
    def armed(self) -> Iterator[None]:
        self._armed, self.kept = True, None
        try:
            yield
        finally:
            self._armed = False

    def withholds(self, request: httpx.Request) -> bool:
        if not self._armed or request.method in READING:
            return False
        request.read()
        if self.kept is None:
            self.kept = (f"{request.method} {request.url.raw_path.decode()}", _body(request))
        return True


class _Withheld(httpx.BaseTransport):
    def __init__(self, inner: httpx.BaseTransport, rehearsal: Rehearsal) -> None:
        self._inner, self._rehearsal = inner, rehearsal

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._rehearsal.withholds(request):
            return httpx.Response(418, json={"message": "a rehearsal: it was not sent"}, request=request)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def _body(request: httpx.Request) -> Any:
    if not request.content:
        return None
    try:
        return orjson.loads(request.content)
    except ValueError:
        return request.content.decode(errors="replace")
