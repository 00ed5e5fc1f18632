"""A form application in memory, its clock set by the test, and senders that sign for it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from hub.connectors.form_settings import FormSettings
from hub.connectors.messages import MessageSettings
from hub.connectors.rest.hooks import Webhooks
from hub.store.inbox import Arrival
from hub.store.opt_in import Asking
from hub.web.app import Deps, create_app
from hub.web.monitoring import Health
from tests.canaries import canary

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KEY = canary("deliveries").encode()
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OLD_KEY = canary("deliveries-before").encode()
OLD_SECRET = "whsec_" + base64.b64encode(OLD_KEY).decode()
FORM_KEY = b"k" * 32
PLAIN_SECRET = canary("plain-sender")

PUBLIC = FormSettings(signature="none", allow_unsigned=True)
STANDARD = FormSettings(secret=(SECRET, OLD_SECRET))


@dataclass
class Inbox:
    """Keeps deliveries by id; `error`, when set, is raised instead of storing."""

    rows: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    error: Exception | None = None
    log: list[str] = field(default_factory=list)
    askings: list[Asking] = field(default_factory=list)

    def add(self, arrivals: Sequence[Arrival]) -> list[bool]:
        if self.error:
            raise self.error
        return [self._add(each) for each in arrivals]

    def _add(self, arrival: Arrival) -> bool:
        key = arrival.connection, arrival.delivery_id
        is_new = key not in self.rows
        self.rows.setdefault(key, dict(arrival.payload))
        self.askings += [arrival.asking] if arrival.asking and is_new else []
        self.log.append("stored")
        return is_new

    @property
    def payloads(self) -> list[Mapping[str, Any]]:
        return list(self.rows.values())


@dataclass
class Rig:
    forms: Mapping[str, FormSettings]
    inbox: Inbox = field(default_factory=Inbox)
    now: datetime = NOW
    health: Health | Exception = field(default_factory=lambda: Health(store=True))
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    hooks: Mapping[str, MessageSettings] = field(default_factory=dict)
    events: Mapping[str, tuple[Webhooks, Mapping[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = count(1)
        self.app: FastAPI = create_app(
            Deps(
                forms=self.forms,
                hooks=self.hooks,
                events=self.events,
                inbox=self.inbox,
                health=self._health,
                registry=self.registry,
                clock=lambda: self.now,
                new_id=lambda: f"made-{next(numbers):028}",
                form_key=FORM_KEY,
            )
        )

    def _health(self) -> Health:
        if isinstance(self.health, Exception):
            raise self.health
        return self.health

    def request(self, method: str, path: str, **how: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://hub.example") as client:
                return await client.request(method, path, **how)

        return asyncio.run(send())

    def get(self, path: str, **how: Any) -> httpx.Response:
        return self.request("GET", path, **how)

    def post(self, path: str, **how: Any) -> httpx.Response:
        return self.request("POST", path, **how)


def signed(body: bytes, delivery_id: str = "msg_1", at: float | str | None = None, key: bytes = KEY) -> dict[str, str]:
    """Headers of a Standard Webhooks sender."""
    timestamp = at if isinstance(at, str) else str(int(NOW.timestamp() if at is None else at))
    text = f"{delivery_id}.{timestamp}.".encode() + body
    digest = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{digest}",
    }


@contextmanager
def reading(chunks: list[bytes], taken: list[int]) -> Iterator[Any]:
    """A body that arrives in pieces; `taken` grows with the size of each piece that was read."""

    async def body() -> Any:
        for chunk in chunks:
            taken.append(len(chunk))
            yield chunk

    yield body()
