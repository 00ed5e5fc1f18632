"""Deliveries of events in tests: a request as a service sends it, the hub's door, and an inbox in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from hub.connectors.rest import RestConnector
from hub.connectors.rest.files import values_of
from hub.web.bodies import Rejected
from hub.web.hooks import Call, open_hook
from hub.web.signatures import Forged

if TYPE_CHECKING:
    from hub.testing.system import System

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request to the hub. query: as sent, without the question mark."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    kind: str = JSON

    def values(self, name: str) -> list[str]:
        found = {"content-type": self.kind, **{key.lower(): value for key, value in self.headers.items()}}
        return [found[name.lower()]] if name.lower() in found else []


class MemoryInbox:
    """Keeps deliveries of one connection; a connector reads them, and so may a check."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, str, datetime, Mapping[str, Any]]] = []
        self._numbers = count(1)

    def add(self, delivery_id: str, at: datetime, payload: Mapping[str, Any]) -> None:
        if all(delivery_id != row[1] for row in self._rows):
            self._rows.append((next(self._numbers), delivery_id, at, payload))

    def read(self, after: int, limit: int) -> Sequence[tuple[int, str, datetime, Mapping[str, Any]]]:
        return [row for row in self._rows if row[0] > after][:limit]

    @property
    def payloads(self) -> list[Mapping[str, Any]]:
        return [row[3] for row in self._rows]


def deliver(system: System, sent: Sent) -> bool:
    """As `hub run` takes it in. False: it was refused, and nothing stored."""
    connector = system.connector
    assert isinstance(connector, RestConnector), "events are those of described services"
    assert connector.spec.webhooks is not None
    numbers = system.delivery_numbers
    values = values_of(connector.spec, connector.settings)
    hook = open_hook("kit", connector.spec.webhooks, values, lambda: f"made-{next(numbers)}")
    assert hook is not None, "the connection has no secret for events"
    now = connector.context.clock()
    try:
        delivery = hook.take(Call("POST", "/hooks/kit", sent.query, sent.values, sent.body), now)
    except (Forged, Rejected):
        return False
    if delivery is not None:
        system.delivered.add(delivery.id, now, delivery.payload)
    return True
