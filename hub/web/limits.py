"""How much a request may send, and for how long, before any of it is read as something."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 1024 * 1024  # bytes; what a person types, or chooses on a page, is far below
SLOWEST_SECONDS = 30.0


class BodyLimit:
    """Ends a body that is too long or too slow with 413 or 408, while it arrives.

    larger  bytes by the beginning of the path, where more is taken
    """

    def __init__(self, app: ASGIApp, larger: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = next((n for begin, n in self._larger.items() if scope["path"].startswith(begin)), LARGEST)
        size, is_over = 0, False
        until = asyncio.get_running_loop().time() + SLOWEST_SECONDS

        async def bounded() -> Message:
            nonlocal size, is_over
            if is_over:
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError as err:
                raise HTTPException(408, "Too slow") from err
            size += len(message.get("body", b""))
            is_over = not message.get("more_body", False)
            if size > most:
                raise HTTPException(413, "Too large")
            return message

        await self._app(scope, bounded, send)
