"""Signing in: a password, then perhaps a code; and the session that comes of it.

Whatever is wrong, the answer is the same and takes as long: nobody learns whether there is such an account.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from hub.access import passwords
from hub.access.rights import RIGHTS, Actor, Role
from hub.accounts.tries import Tries
from hub.errors import HubError, TransientError
from hub.store import access as db
from hub.store.access import Account, Session
from hub.store.audit import mark, note
from hub.store.db import Store, Tx
from hub.store.sealed import open_for

log = logging.getLogger(__name__)

AT_ONCE = 4  # passwords hashed at a time: each takes 64 MiB
PATIENCE = 5.0  # seconds
TOUCH = 60.0  # seconds between two notes of when a session or token was last used
AGENT = 200  # characters of what a browser calls itself


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds. idle, longest: of a session; fresh: for how long a password counts as given a moment ago."""

    idle: float = 3600.0
    longest: float = 43_200.0
    fresh: float = 600.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a try comes from: address and what the browser calls itself."""

    address: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """secret: what the browser is to have, and nobody else. failed: wrong tries since the last time."""

    secret: str
    account: Account
    failed: int = 0


@dataclass(frozen=True, slots=True)
class CodeWanted:
    """The password is right; now the code of the app."""

    account: Account


@dataclass(frozen=True, slots=True)
class Wrong:
    """wait_seconds: before the next try is looked at; 0: at once."""

    wait_seconds: int = 0


@dataclass
class SignIn:
    """What decides who is let in.

    clock  epoch seconds
    later  does what nobody has to wait for: noting when a session was last used
    """

    store: Store
    clock: Callable[[], float]
    times: Times = field(default_factory=Times)
    later: Callable[[Callable[[], None]], object] = lambda step: step()
    tries: Tries = field(default_factory=Tries)
    _hashing: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))
    _touching: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def password(self, name: str, password: str, place: Place) -> SignedIn | CodeWanted | Wrong:
        """TransientError when too many are signing in at this moment."""
        typed = name.strip().lower()[:100]
        if wait := self.tries.wait_seconds(typed, place.address, self.clock()):
            return Wrong(wait)
        with self.store.read() as tx:
            account = db.account_named(tx, typed)
        if not self.is_right(account, password):
            return self._wrong(typed, account, place)
        assert account is not None
        if account.totp is not None:
            return CodeWanted(account)
        return self.start(account, place, "password", password)

    def is_right(self, account: Account | None, password: str) -> bool:
        """Whether this is the password of an account that may sign in."""
        with self._one_of_few():
            right = passwords.is_password(password, account.password if account else None)
        return right and account is not None and account.disabled_at is None

    def code(self, account_id: str, typed: str, place: Place) -> SignedIn | Wrong:
        """The code of the app, or a recovery code; each works once."""
        with self.store.read() as tx:
            account = db.account(tx, account_id)
        if account is None or account.disabled_at is not None or account.totp is None:
            return Wrong()
        if wait := self.tries.wait_seconds(account.name, place.address, self.clock()):
            return Wrong(wait)
        with self.store.write() as tx:
            how = self._use_code(tx, account_id, typed)
            if how is not None:
                return self._start(tx, account, place, how)
        return self._wrong(account.name, account, place)

    def _use_code(self, tx: Tx, account_id: str, typed: str) -> str | None:
        """What kind of code it was; None: a wrong one."""
        now = db.account(tx, account_id)
        if now is None or now.totp is None or now.disabled_at is not None:
            return None
        secret = open_for(tx, now.id, "totp", now.totp)
        step = passwords.totp_step(secret, typed, self.clock(), now.totp_step)
        if step is not None:
            db.change_account(tx, now.id, totp_step=step)
            return "code"
        left = passwords.used_up(now.recovery, typed)
        if left is None:
            return None
        db.change_account(tx, now.id, recovery=left)
        return "recovery code"

    def start(self, account: Account, place: Place, how: str, password: str | None = None) -> SignedIn:
        """A new session. password: to be hashed anew where that was done with less than is asked for today."""
        stronger = None
        if password is not None and account.password is not None and passwords.is_weak(account.password):
            stronger = passwords.hash_password(password)
        with self.store.write() as tx:
            if stronger is not None:
                db.change_account(tx, account.id, password=stronger)
            return self._start(tx, account, place, how)

    def _start(self, tx: Tx, account: Account, place: Place, how: str) -> SignedIn:
        now, secret = self.clock(), passwords.new_secret()
        new = Session(
            id=passwords.secret_hash(secret),
            account_id=account.id,
            made_at=now,
            seen_at=now,
            until=now + self.times.longest,
            proved_at=now,
            agent=place.agent[:AGENT],
            address=place.address,
        )
        db.forget_ended(tx, now, now - self.times.idle)
        db.add_session(tx, new)
        failed = (db.account(tx, account.id) or account).failed
        db.change_account(tx, account.id, failed=0, signed_in_at=now)
        said = {"by": how, "address": mark(tx, place.address)}
        note(tx, account.name, "signed in", f"account {account.id}", said, at=now)
        self.tries.succeeded(account.name, place.address)
        return SignedIn(secret, account, failed)

    def _wrong(self, typed: str, account: Account | None, place: Place) -> Wrong:
        """As much is written for a name that there is not."""
        now = self.clock()
        self.tries.failed(typed, place.address, now)
        with self.store.write() as tx:
            subject = f"account {account.id}" if account else f"no account {mark(tx, typed)}"
            tx.run("UPDATE account SET failed = failed + 1 WHERE id = :i", i=account.id if account else "")
            note(tx, "(nobody)", "sign-in refused", subject, {"address": mark(tx, place.address)}, at=now)
        return Wrong(self.tries.wait_seconds(typed, place.address, now))

    @contextmanager
    def _one_of_few(self) -> Iterator[None]:
        if not self._hashing.acquire(timeout=PATIENCE):
            raise TransientError("Too many people are signing in at this moment. Nothing was done.", retry_after=5)
        try:
            yield
        finally:
            self._hashing.release()

    # --- sessions -----------------------------------------------------------------------------------

    def prove(self, session: str, account_id: str, password: str, place: Place) -> bool | Wrong:
        """The person of a session gives the password again. True: it counts as fresh now."""
        with self.store.read() as tx:
            account = db.account(tx, account_id)
        name = account.name if account else ""
        if wait := self.tries.wait_seconds(name, place.address, self.clock()):
            return Wrong(wait)
        if not self.is_right(account, password):
            return self._wrong(name, account, place)
        with self.store.write() as tx:
            db.prove_session(tx, session, self.clock())
            note(tx, name, "identity confirmed", f"account {account_id}", at=self.clock())
        return True

    def proved(self, session: str, account: Account) -> None:
        """Another party has asked the person of a session for their password."""
        with self.store.write() as tx:
            db.prove_session(tx, session, self.clock())
            note(tx, account.name, "identity confirmed", f"account {account.id}", {"by": "oidc"}, at=self.clock())

    def end(self, secret: str) -> None:
        """Sign out: the session is gone on the server, whatever the browser keeps."""
        hashed = passwords.secret_hash(secret)
        with self.store.write() as tx:
            found = db.session_and_account(tx, hashed)
            if found is not None:
                db.end_session(tx, hashed)
                note(tx, found[1].name, "signed out", f"account {found[1].id}", at=self.clock())

    def actor_of_session(self, secret: str) -> Actor | None:
        """Who has this session, if it has not ended."""
        now, hashed = self.clock(), passwords.secret_hash(secret)
        with self.store.glance() as tx:
            found = db.session_and_account(tx, hashed)
        if found is None:
            return None
        session, account = found
        if account.disabled_at is not None or now >= session.until or now - session.seen_at >= self.times.idle:
            return None
        if now - session.seen_at >= min(TOUCH, self.times.idle / 4):
            self._later(hashed, lambda tx: db.touch_session(tx, hashed, now))
        fresh = now - session.proved_at < self.times.fresh
        return Actor(account.name, RIGHTS[account.role], account.id, session.id, fresh)

    def actor_of_token(self, secret: str) -> Actor | None:
        """Whose token this is, if it works now. It never may more than the account it was made by."""
        now = self.clock()
        with self.store.glance() as tx:
            found = db.token_and_account(tx, passwords.secret_hash(secret))
        if found is None:
            return None
        token, account = found
        if not token.works_at(now):
            return None
        if token.account_id is not None and (account is None or account.disabled_at is not None):
            return None
        rights = token.rights & (RIGHTS[account.role] if account else RIGHTS[Role.ADMINISTRATOR])
        if token.used_at is None or now - token.used_at >= TOUCH:
            self._later(token.id, lambda tx: db.touch_token(tx, token.id, now))
        return Actor(f"token:{token.name}", rights, token.id, None, fresh=False)

    def _later(self, key: str, touch: Callable[[Tx], None]) -> None:
        """Once at a time for each: the one writer may be busy for a while."""
        with self._guard:
            if key in self._touching:
                return
            self._touching.add(key)

        def step() -> None:
            try:
                with self.store.write(few=True) as tx:
                    touch(tx)
            except HubError as err:
                log.warning("when a session was last used was not noted: %s", err)
            finally:
                with self._guard:
                    self._touching.discard(key)

        self.later(step)
