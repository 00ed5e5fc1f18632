"""Looks every minute what needs a person, and tells who wants to know: by mail through the outbox, or by webhook.

What is told is written down with the message in one transaction, so a restart repeats nothing and loses nothing. Of
several processes one looks. A webhook has its message at least once, under the same id, again with growing pauses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import orjson
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from hub.events.sender import GONE, Posting, post, signature
from hub.mail import outbox
from hub.metrics import Scraped
from hub.notify.matters import Connected, Limits, Matter, matter_of, matters
from hub.notify.message import Message
from hub.notify.turn import Known, Policy, turn
from hub.stepping import Beat
from hub.store import notices as db
from hub.store import overview
from hub.store.db import Store, Tx
from hub.store.gauges import standings

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0  # between two looks
BEAT = Beat("notify", "nobody was notified", rest=5.0, first=5.0)
CLAIMED_SECONDS = 120.0  # by then it was taken, or whoever sends it is dead
PAUSES = (15.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0)  # seconds after the n-th failure; then the last
GIVEN_UP = timedelta(days=5).total_seconds()  # of failing
PURPOSE = "notification"  # of a mail


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told. mail: addresses; url, keys: of a webhook, the first key is the newest"""

    name: str
    limits: Limits
    policy: Policy
    mail: tuple[str, ...] = ()
    url: str | None = None
    keys: tuple[bytes, ...] = ()


class Notifier:
    def __init__(
        self,
        store: Store,
        connections: Mapping[str, bool],
        receivers: Sequence[Receiver],
        base: str,
        poster: Posting,
        clock: Callable[[], float],
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """connections: by name, whether they are enabled; base: where the console is reached"""
        self._store, self._connections, self._receivers = store, connections, receivers
        self._base, self._poster, self._clock, self._stop = base.rstrip("/"), poster, clock, stop
        self._looked = float("-inf")

    def step(self) -> None:
        """Look if it is time to, and send what is due."""
        now = self._clock()
        if now - self._looked >= EVERY_SECONDS:
            self._looked = now
            self.look()
        self.send()

    def look(self) -> int:
        """How many receivers are told something now."""
        now = self._clock()
        found, oldest = self._seen(now)
        with self._store.write() as tx:
            db.forget_others(tx, [receiver.name for receiver in self._receivers])
            return sum(self._tell(tx, each, matters(found, oldest, each.limits, now), now) for each in self._receivers)

    def _seen(self, now: float) -> tuple[list[Connected], dict[str, float | None]]:
        names = [name for name, is_enabled in self._connections.items() if is_enabled]
        standing = standings(self._store, names, now, count=False)
        with self._store.read() as tx:
            conflicts = db.conflicts(tx, now)
            oldest = {name: each.oldest for name, each in overview.work_lists(tx).items()}
        return [
            Connected(
                name=one.name,
                is_failing=one.last_status == "failed",
                is_paused=one.paused is not None,
                is_held=bool(one.gates),
                oldest_opt_out=one.oldest_opt_out,
                conflicts=conflicts.get(one.name, (0, 0)),
            )
            for one in standing
        ], oldest

    def _tell(self, tx: Tx, receiver: Receiver, there: set[Matter], now: float) -> bool:
        is_ours, last = db.begin(tx, receiver.name, now, EVERY_SECONDS / 2)
        if not is_ours:
            return False
        known = {key: Known(*row) for key, row in db.known(tx, receiver.name).items()}
        done = turn(known, {each.key for each in there}, last, receiver.policy, now)
        if done.known != known:
            db.save(tx, receiver.name, {key: (k.since, k.told_at, k.gone_at) for key, k in done.known.items()})
        if done.is_told:
            db.told(tx, receiver.name, now)
            left = sum(one.told_at is not None for one in done.known.values())
            new, over = (tuple(map(matter_of, some)) for some in (done.new, done.over))
            self._write(tx, receiver, Message(new, over, left, self._base, now))
        return done.is_told

    def _write(self, tx: Tx, receiver: Receiver, message: Message) -> None:
        for address in receiver.mail:
            outbox.send(tx, address, message.subject, message.text, message.html, PURPOSE, at=message.at)
        if receiver.url is not None:
            db.add(tx, f"notice-{uuid4().hex}", receiver.name, orjson.dumps(message.body()).decode(), message.at)

    # --- webhooks ------------------------------------------------------------------------------------

    def send(self) -> int:
        """How many messages were taken."""
        with self._store.glance() as tx:
            due = db.due(tx, self._clock())
        taken = 0
        for message in due:
            receiver = next((each for each in self._receivers if each.name == message.receiver), None)
            if receiver is not None and receiver.url is not None and not self._stop():
                taken += self._send(receiver, message)
        return taken

    def _send(self, receiver: Receiver, message: db.Message) -> bool:
        now = self._clock()
        with self._store.write() as tx:
            if not db.claim(tx, message.id, now, now + CLAIMED_SECONDS):
                return False
        body = message.body.encode()
        assert receiver.url is not None
        problem = post(self._poster, receiver.url, signature(receiver.keys, message.id, now, body), body)
        over = problem is not None and (now - message.at >= GIVEN_UP or problem == f"status {GONE}")
        if problem is not None:
            log.log(
                logging.ERROR if over else logging.WARNING,
                "a notification is not taken by %s (%s)%s",
                receiver.name,
                problem,
                "; it was given up" if over else "",
            )
        with self._store.write() as tx:
            if problem is None or over:
                db.done(tx, message.id)
            else:
                db.put_off(tx, message.id, now + PAUSES[min(message.attempts, len(PAUSES) - 1)], problem)
        return problem is None


class NoticeGauges(Scraped[Mapping[str, tuple[int, float]]]):
    """Messages that a webhook has not taken."""

    what = "how notifications stand"

    def __init__(self, store: Store, names: Sequence[str], clock: Callable[[], float]) -> None:
        self._store, self._names, self._clock = store, names, clock

    def read(self) -> Mapping[str, tuple[int, float]]:
        with self._store.glance() as tx:
            return db.waiting(tx)

    def families(self, found: Mapping[str, tuple[int, float]] | None) -> Iterator[Metric]:
        count = GaugeMetricFamily(
            "hub_notifications_waiting", "Messages that wait for the webhook of a receiver", labels=["receiver"]
        )
        age = GaugeMetricFamily(
            "hub_notifications_waiting_seconds", "How long the oldest of them has waited", labels=["receiver"]
        )
        for name in self._names if found is not None else ():
            number, since = (found or {}).get(name, (0, self._clock()))
            count.add_metric([name], number)
            age.add_metric([name], max(0.0, self._clock() - since))
        yield from (count, age)
