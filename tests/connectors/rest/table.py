"""A service as a function from a request to (status, body, headers), with what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx
import orjson

from hub.connectors.contract import Context
from hub.connectors.rest import RestConnector, service_type
from hub.testing.clock import Clock
from tests.connectors.rest.acorn import spec

Answering = Callable[[str, str, Any], Any]


class Told:
    """Answers by a function of method, path and body; keeps what was asked.

    The function gives a body, or (status, body), or (status, body, headers), or raises an error of httpx.
    """

    def __init__(self, answer: Answering) -> None:
        self.answer = answer
        self.clock = Clock()
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.params: list[dict[str, str]] = []
        self.at: list[datetime] = []
        self.tells_time = True

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1")
        body = orjson.loads(request.content) if request.content else None
        self.asked.append((request.method, path))
        self.bodies.append(body)
        self.params.append(dict(request.url.params))
        self.at.append(self.clock())
        found = self.answer(request.method, path, body if body is not None else dict(request.url.params))
        status, content, headers = _whole(found)
        if self.tells_time:
            headers = {"date": format_datetime(self.clock().astimezone(UTC), usegmt=True), **headers}
        raw = b"" if content is None else orjson.dumps(content)
        return httpx.Response(status, content=raw, headers={"content-type": "application/json", **headers})


def _whole(found: Any) -> tuple[int, Any, Mapping[str, str]]:
    if isinstance(found, tuple):
        status, body, *rest = found
        return status, body, rest[0] if rest else {}
    return 200, found, {}


def connect(service: Told, **changed: Any) -> RestConnector:
    """A connector to it, by the file of the made-up service with some keys changed."""
    kind = service_type("acorn", spec(**changed))
    context = Context("acorn", transport=httpx.MockTransport(service), clock=service.clock, sleep=service.clock.sleep)
    connector = kind(kind.Settings.model_validate({"secret": "right"}), context)
    assert isinstance(connector, RestConnector)
    return connector
