"""Events are sent to subscriptions: in order, signed, at least once, and again with growing pauses when it fails.

There is no outbox to be written by who syncs: what is to be told follows from the history, and each subscription has
a mark in it. A mark moves on when its receiver has taken the event; after a crash the last events come again, under
their old ids.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

import httpcore
import orjson

from hub.events.kinds import Event, events_of
from hub.events.net import Forbidden
from hub.stepping import Beat
from hub.store import events_out as db
from hub.store.contacts import heads
from hub.store.db import Store
from hub.store.events_out import Subscription

log = logging.getLogger(__name__)

PAUSES = (5.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0)  # seconds after the n-th failure; then the last
GIVEN_UP = timedelta(days=5).total_seconds()  # of failing
TOGETHER = 200  # changes that are read together
BEAT = Beat("events", "events were not sent", rest=1.0)
GONE = 410


class Posting(Protocol):
    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int: ...


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """A subscription as it is configured. keys: the first is the newest; kinds: none is all"""

    name: str
    url: str
    keys: tuple[bytes, ...]
    kinds: frozenset[str] = frozenset()
    values: bool = False

    def wants(self, event: Event) -> bool:
        return not self.kinds or event.kind in self.kinds


def signed(target: Target, event: Event, now: float) -> tuple[dict[str, str], bytes]:
    """(headers, body) of an event."""
    body = orjson.dumps(event.body(values=target.values))
    return signature(target.keys, event.id, now, body), body


def signature(keys: Sequence[bytes], message_id: str, now: float, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks; with two keys two signatures, so that either is accepted."""
    text = f"{message_id}.{int(now)}.".encode() + body
    digests = [base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode() for key in keys]
    return {
        "content-type": "application/json",
        "user-agent": "contact-hub",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": " ".join(f"v1,{digest}" for digest in digests),
    }


def post(poster: Posting, url: str, headers: Mapping[str, str], body: bytes) -> str | None:
    """None: it was taken. Else why not."""
    try:
        status = poster.post(url, headers, body)
    except Forbidden:
        return "its address is none of the public network"
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as err:
        return type(err).__name__
    if 200 <= status < 300:
        return None
    return f"status {status}"


class Sender:
    """Tells all subscriptions, one after the other."""

    def __init__(
        self,
        store: Store,
        targets: Sequence[Target],
        poster: Posting,
        clock: Callable[[], float],
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store, self._targets, self._poster, self._clock, self._stop = store, targets, poster, clock, stop

    def step(self) -> int:
        """Tell every subscription that is due what it has not been told; how many events were taken."""
        return sum(self._tell(target) for target in self._targets)

    def _tell(self, target: Target) -> int:
        with self._store.glance() as tx:
            known = db.subscription(tx, target.name)
        if known is None or known.url != target.url:
            with self._store.write() as tx:
                known = db.begin(tx, target.name, target.url)
        if known.disabled_at is not None or known.next_at > self._clock():
            return 0
        with self._store.glance() as tx:
            lines = db.changes_after(tx, known.mark, TOGETHER)
        born = self._fields([line.golden_id for line in lines if line.kind == "created"])
        taken, now = 0, known
        for line in lines:
            if self._stop():
                break
            wanted = [event for event in events_of(line, born.get(line.golden_id, {})) if target.wants(event)]
            problem = next((said for event in wanted if (said := self._send(target, event)) is not None), None)
            if problem is not None:
                now = failed(now, problem, self._clock())
                break
            taken += len(wanted)
            now = Subscription(target.name, target.url, line.number)
        if now != known:
            with self._store.write() as tx:
                db.save(tx, now)
        return taken

    def _fields(self, golden_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        if not golden_ids:
            return {}
        with self._store.glance() as tx:
            return {head.id: head.fields for head in heads(tx, golden_ids)}

    def _send(self, target: Target, event: Event) -> str | None:
        """None: it was taken. Else why not."""
        return post(self._poster, target.url, *signed(target, event, self._clock()))


def failed(was: Subscription, problem: str, now: float) -> Subscription:
    """After a failure: later again; given up after days of it, or when the receiver says that it is gone."""
    since = was.failing_since or now
    over = now - since >= GIVEN_UP or problem == f"status {GONE}"
    log.log(
        logging.ERROR if over else logging.WARNING,
        "events are not taken by %s (%s)%s",
        was.name,
        problem,
        "; it is told nothing more until it is started" if over else "",
    )
    return replace(
        was,
        attempts=was.attempts + 1,
        next_at=now + PAUSES[min(was.attempts, len(PAUSES) - 1)],
        failing_since=since,
        disabled_at=now if over else None,
        error=problem,
    )
