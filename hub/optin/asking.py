"""Double opt-in: mails with a link to confirm go out, and what was confirmed becomes a delivery of its form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from hub.connectors.form_settings import CONFIRMED, FormSettings
from hub.connectors.form_texts import say
from hub.errors import RecordError
from hub.mail.outbox import send
from hub.optin.letter import About, write_letter
from hub.optin.links import make_link, read_link
from hub.stepping import Beat
from hub.store import opt_in as db
from hub.store.db import Store, Tx
from hub.store.erasures import come_back
from hub.store.inbox import bring_again
from hub.store.opt_in import Asking

SCOPE = "forms"  # of the store's keys
PURPOSE = "confirm"
TOGETHER = 50  # letters in one transaction
BEAT = Beat("opt-in", "letters of double opt-in were not written", rest=1.0)
DAY_SECONDS = 86_400.0
MOST_A_DAY = 3  # mails to one address, by whatever form and whoever asks
PAUSE_SECONDS = 120.0  # between two of them


class State(StrEnum):
    """What is behind a link."""

    UNKNOWN = "unknown"
    LATE = "late"
    OPEN = "open"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Found:
    state: State
    asking: Asking | None = None


class OptIns:
    """All forms with double opt-in of one hub.

    url   where people reach the hub
    ring  told which form has a new delivery
    """

    def __init__(
        self,
        store: Store,
        forms: Mapping[str, FormSettings],
        url: str,
        clock: Callable[[], float],
        ring: Callable[[str], None],
    ) -> None:
        self._store, self._forms, self._url, self._clock, self._ring = store, forms, url, clock, ring
        self.key = forms_key(store)

    # --- mails ----------------------------------------------------------------------------------------

    def step(self) -> int:
        """Write the letters that are due, at most 50; how many askings were seen to."""
        with self._store.glance() as tx:
            if not db.due(tx, 1):
                return 0
        with self._store.write() as tx:
            found = db.due(tx, TOGETHER)
            for asking in found:
                self._see_to(tx, asking)
        return len(found)

    def _see_to(self, tx: Tx, asking: Asking) -> None:
        form, now = self._forms.get(asking.connection), self._clock()
        count, last = db.mails_to(tx, asking.address_mark, now - DAY_SECONDS)
        too_many = count >= MOST_A_DAY or (last is not None and now - last < PAUSE_SECONDS)
        if form is None or form.double_opt_in is None or too_many:
            db.mark(tx, asking.id, "quiet")
            return
        until = now + form.double_opt_in.valid.total_seconds()
        token = make_link(self.key, asking.connection, asking.id, until)
        language = str(asking.shown.get("language") or form.language)
        letter = write_letter(
            About(
                language,
                say(form.title, language),
                [str(said.get("wording", "")) for said in asking.consents.values()],
                asking.at,
                until,
                f"{self._url}/forms/{asking.connection}/confirm?t={token}",
            )
        )
        try:
            send(tx, asking.address, letter.subject, letter.text, letter.html, PURPOSE, at=now, until=until)
        except RecordError:  # it only looked like an address
            db.mark(tx, asking.id, "quiet")
            return
        db.mailed(tx, asking.id, now, until)

    # --- links ----------------------------------------------------------------------------------------

    def look(self, connection: str, token: str) -> Found:
        read = read_link(self.key, connection, token)
        if read is None:
            return Found(State.UNKNOWN)
        with self._store.glance() as tx:
            return self._found(db.known(tx, connection, read[0]), read[1])

    def _found(self, asking: Asking | None, until: int) -> Found:
        if asking is None:
            return Found(State.UNKNOWN)
        if asking.state == "confirmed":
            return Found(State.CONFIRMED, asking)
        return Found(State.LATE if until < self._clock() else State.OPEN, asking)

    def confirm(self, connection: str, token: str, evidence: Mapping[str, str]) -> Found:
        """Store the confirmation durably, once. evidence: what is known of who confirms, without personal data"""
        read = read_link(self.key, connection, token)
        if read is None:
            return Found(State.UNKNOWN)
        with self._store.write() as tx:
            found = self._found(db.known(tx, connection, read[0]), read[1])
            if found.state is State.OPEN and found.asking is not None and db.confirmed(tx, found.asking.id):
                now = self._clock()
                payload = {CONFIRMED: receipt(found.asking, now, evidence)}
                if found.asking.withheld:
                    come_back(tx, connection, found.asking.delivery_id, found.asking.withheld, now)
                bring_again(tx, connection, f"confirmed:{found.asking.id}", now, payload)
                found = Found(State.CONFIRMED, found.asking)
        if found.state is State.CONFIRMED:
            self._ring(connection)
        return found

    def again(self, connection: str, token: str) -> None:
        """A new link for one that has expired, if it is one of ours: by mail, to the same address."""
        read = read_link(self.key, connection, token)
        if read is None:
            return
        with self._store.write() as tx:
            found = self._found(db.known(tx, connection, read[0]), read[1])
            if found.state is State.LATE and found.asking is not None and found.asking.until < self._clock():
                db.mark(tx, found.asking.id, "due")


def forms_key(store: Store) -> bytes:
    """What pages and links of forms are signed with."""
    with store.write() as tx:
        return tx.keys.key(tx, SCOPE)


def receipt(asking: Asking, now: float, evidence: Mapping[str, str]) -> dict[str, Any]:
    """What a confirmation says, as it is stored."""
    return {
        "of": asking.delivery_id,
        "address": asking.address,
        "consents": {key: dict(said) for key, said in asking.consents.items()},
        "receipt": {
            **asking.shown,
            "wordings": {key: str(said.get("source", "")) for key, said in asking.consents.items()},
            "asked_at": _iso(asking.at),
            "mails": asking.mails,
            "confirmed_at": _iso(now),
            "how": "link in a mail to the address, opened, and confirmed with a button",
            **{f"confirmed_{name}": value for name, value in evidence.items()},
        },
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
