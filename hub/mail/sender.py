"""Mails that wait go out: at least once, seldom twice, and again with growing pauses while it fails.

A mail is claimed in a transaction of its own before the server is called. Whoever dies between its taking it and
our writing that down has it sent once more, under the same Message-ID.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from hub.errors import AccountError, TransientError
from hub.mail.smtp import NotTaken
from hub.stepping import Beat
from hub.store import mail_out as db
from hub.store.db import Store
from hub.store.mail_out import Waiting

log = logging.getLogger(__name__)

PAUSES = (60.0, 300.0, 900.0, 3600.0, 14_400.0, 28_800.0)  # seconds after the n-th failure; then the last
MOST_ATTEMPTS = 12  # about three days
TOGETHER = 20  # mails over one connection
CLAIMED_SECONDS = 900.0  # by then they are sent, or whoever claimed them is dead
BEAT = Beat("mail", "mails were not sent", rest=2.0)


class Giving(Protocol):
    def give_in(self, mail: Waiting) -> NotTaken | None: ...


class Post(Protocol):
    """The mail server."""

    def opened(self) -> AbstractContextManager[Giving]: ...


class MailSender:
    """Sends what is due."""

    def __init__(
        self, store: Store, post: Post, clock: Callable[[], float], stop: Callable[[], bool] = lambda: False
    ) -> None:
        self._store, self._post, self._clock, self._stop = store, post, clock, stop
        self._rests_until = float("-inf")

    def step(self) -> int:
        """Send the mails that are due, at most 20; how many the server took."""
        if self._clock() < self._rests_until or not (mails := self._claimed()):
            return 0
        sent = 0
        try:
            with self._post.opened() as line:
                while mails and not self._stop():
                    sent += self._give(line, mails[0])
                    del mails[0]
        except (TransientError, AccountError) as err:
            log.warning("mails wait: %s", err)
            self._rests_until = self._clock() + PAUSES[0]
            if mails:
                self._put_off(mails.pop(0), str(err))
        finally:
            if mails:
                with self._store.write() as tx:
                    db.release(tx, [mail.number for mail in mails], self._clock())
        return sent

    def _claimed(self) -> list[Waiting]:
        now = self._clock()
        with self._store.glance() as tx:
            if not db.due(tx, now, 1):
                return []
        with self._store.write() as tx:
            found = db.due(tx, now, TOGETHER)
            db.claim(tx, [mail.number for mail in found], now + CLAIMED_SECONDS)
        late = [mail for mail in found if mail.until is not None and mail.until < now]
        for mail in late:
            self._fail(mail, "it could not be sent in time")
        return [mail for mail in found if mail not in late]

    def _give(self, line: Giving, mail: Waiting) -> bool:
        refusal = line.give_in(mail)
        if refusal is None:
            with self._store.write() as tx:
                db.finish(tx, mail.number, "sent", self._clock())
        elif refusal.forever:
            self._fail(mail, refusal.reason)
        else:
            self._put_off(mail, refusal.reason)
        return refusal is None

    def _fail(self, mail: Waiting, reason: str) -> None:
        log.warning("mail %d (%s) was given up: %s", mail.number, mail.purpose, reason)
        with self._store.write() as tx:
            db.finish(tx, mail.number, "failed", self._clock(), reason)

    def _put_off(self, mail: Waiting, reason: str) -> None:
        if mail.attempts + 1 >= MOST_ATTEMPTS:
            self._fail(mail, reason)
            return
        pause = PAUSES[min(mail.attempts, len(PAUSES) - 1)]
        with self._store.write() as tx:
            db.put_off(tx, mail.number, self._clock() + pause, reason)
