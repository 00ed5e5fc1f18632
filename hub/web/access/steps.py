"""What a browser keeps between two steps of a sign-in: sealed, for one purpose, for some minutes. Nothing is stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hub.access.passwords import new_secret
from hub.access.sealing import Unsealable, seal, unseal
from hub.store.db import Store
from hub.web.guard import cookie_name, is_plain_loopback

SCOPE = "steps"  # of the data key
VISIT = "-visit"  # ends of cookies' names
STEP = "-step"
MINUTES_10 = 600.0


class Steps:
    """clock: epoch seconds"""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._key: bytes | None = None

    def seal(self, kind: str, data: Mapping[str, Any], seconds: float = MINUTES_10) -> str:
        body = json.dumps({"until": self._clock() + seconds, **data})
        return seal(self._data_key(), body.encode(), f"step/{kind}")

    def open(self, kind: str, text: str | None) -> dict[str, Any] | None:
        """None: it is none of this kind, or too late."""
        try:
            found: dict[str, Any] = json.loads(unseal(self._data_key(), text or "", f"step/{kind}"))
        except Unsealable:
            return None
        return found if found["until"] >= self._clock() else None

    def make_ready(self) -> None:
        """ConfigError when the keys of the store cannot be had."""
        self._data_key()

    def _data_key(self) -> bytes:
        if self._key is None:
            with self._store.write() as tx:
                self._key = tx.keys.key(tx, SCOPE)
        return self._key


def put_cookie(request: Request, answer: Response, part: str, value: str) -> None:
    """Until the browser is closed, or the hub ends what it stands for."""
    answer.set_cookie(
        cookie_name(request, part),
        value,
        secure=not is_plain_loopback(request),
        httponly=True,
        samesite="lax",
        path="/",
    )


def drop_cookie(request: Request, answer: Response, part: str) -> None:
    answer.delete_cookie(
        cookie_name(request, part), secure=not is_plain_loopback(request), httponly=True, samesite="lax", path="/"
    )


def cookie(request: Request, part: str) -> str | None:
    return request.cookies.get(cookie_name(request, part))


def visit(request: Request) -> str:
    """What makes a form of the sign-in ours, before there is a session."""
    return cookie(request, VISIT) or new_secret()
