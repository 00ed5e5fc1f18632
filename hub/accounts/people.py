"""Accounts: the first one, those after it, and what changes of them. Each change is in the audit.

Nobody ever knows the password of another: whoever makes an account, or helps with a forgotten password, gets a code
that works once and hands it on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub.access import passwords
from hub.access.passwords import NotTaken
from hub.access.rights import Role
from hub.errors import ConfigError
from hub.store import access as db
from hub.store.access import Account, Invitation
from hub.store.audit import note
from hub.store.db import Store, Tx

FIRST_SECONDS = 3600.0  # how long the code for the first account works
INVITED_SECONDS = 3 * 86_400.0


@dataclass(frozen=True, slots=True)
class Accounts:
    """What people and the command line do with accounts.

    clock   epoch seconds
    new_id  an id nobody else makes, for a prefix
    """

    store: Store
    clock: Callable[[], float]
    new_id: Callable[[str], str]

    def first_code(self, who: str) -> str | None:
        """A code that makes the first administrator, in the place of one before; None: there is an account."""
        code = passwords.new_code()
        with self.store.write() as tx:
            if db.has_accounts(tx):
                return None
            db.invite(tx, Invitation(_hash(code), None, who, self.clock() + FIRST_SECONDS))
        return code

    def add(self, who: str, name: str, role: Role) -> str:
        """An account without a password; the code with which its person chooses one. ConfigError: the name is taken."""
        kept, code = _name(name), passwords.new_code()
        with self.store.write() as tx:
            if db.account_named(tx, kept) is not None:
                raise ConfigError(f"There is an account {kept} already. Nothing was changed.")
            account = Account(self.new_id("u"), kept, role, self.clock())
            db.add_account(tx, account)
            self._invite(tx, who, account, code)
            self._note(tx, who, "account made", account, role=role.value)
        return code

    def change_role(self, who: str, name: str, role: Role) -> Account:
        """ConfigError for the last administrator. What they do next is judged by the new role."""
        with self.store.write() as tx:
            account = self._named(tx, name)
            if role is not Role.ADMINISTRATOR:
                _keep_one(tx, account)
            db.change_account(tx, account.id, role=role)
            self._note(tx, who, "role changed", account, before=account.role.value, role=role.value)
        return account

    def disable(self, who: str, name: str) -> Account:
        """Signed out at once, tokens included. ConfigError for the last administrator."""
        with self.store.write() as tx:
            account = self._named(tx, name)
            _keep_one(tx, account)
            db.change_account(tx, account.id, disabled_at=self.clock())
            ended = db.end_sessions(tx, account.id)
            db.withdraw(tx, account.id)
            self._note(tx, who, "account disabled", account, sessions=ended)
        return account

    def enable(self, who: str, name: str) -> Account:
        with self.store.write() as tx:
            account = self._named(tx, name)
            db.change_account(tx, account.id, disabled_at=None)
            self._note(tx, who, "account enabled", account)
        return account

    def reset(self, who: str, name: str) -> str:
        """Password, app and recovery codes are forgotten and everything signed out; the code for a new password.

        Tokens work on: programs use them, and most who forget a password have lost nothing else. See `working_tokens`.
        """
        code = passwords.new_code()
        with self.store.write() as tx:
            account = self._named(tx, name)
            db.change_account(tx, account.id, password=None, totp=None, totp_step=0, recovery=())
            ended = db.end_sessions(tx, account.id)
            self._invite(tx, who, account, code)
            self._note(tx, who, "account reset", account, sessions=ended)
        return code

    def working_tokens(self, name: str) -> list[str]:
        """Names of the tokens of an account that work now, the newest first."""
        with self.store.read() as tx:
            account, now = self._named(tx, name), self.clock()
            return [t.name for t in db.tokens(tx) if t.account_id == account.id and t.works_at(now)]

    def accept(self, code: str, name: str, password: str) -> Account | None:
        """Choose a password by a code that works once. name: of the first account; else not looked at.

        None: there is no such code, or it is too late. ConfigError: the name or the password is not taken, and the
        code still works.
        """
        hashed = _hash(passwords.typed_code(code))
        with self.store.read() as tx:
            invited = db.invitation(tx, hashed)
            named = db.account(tx, invited.account_id) if invited and invited.account_id else None
        if invited is None or invited.until < self.clock() or (invited.account_id is not None and named is None):
            return None
        kept = named.name if named else _name(name)
        chosen = _password(password, kept)
        with self.store.write() as tx:
            again = db.invitation(tx, hashed)
            if again is None or (again.account_id is None and db.has_accounts(tx)):
                return None  # somebody was quicker
            db.withdraw(tx, again.account_id)
            return self._first(tx, kept, chosen) if named is None else self._chosen(tx, named, chosen)

    def known_elsewhere(self, subject: str, name: str, role: Role) -> Account | None:
        """The account of who is signed in by another party, with the role that it says; made the first time.

        None: it is disabled, or the name is no name here or belongs to another account, which is never handed over.
        """
        try:
            kept = passwords.account_name(name)
        except NotTaken:
            return None
        with self.store.write() as tx:
            account = db.account_of(tx, subject)
            if account is None:
                if db.account_named(tx, kept) is not None:
                    return None
                account = Account(self.new_id("u"), kept, role, self.clock(), subject=subject)
                db.add_account(tx, account)
                self._note(tx, kept, "account made", account, role=role.value, by="oidc")
            elif account.disabled_at is not None:
                return None
            elif account.role is not role:
                db.change_account(tx, account.id, role=role)
                self._note(tx, account.name, "role changed", account, before=account.role, role=role.value, by="oidc")
            return db.account(tx, account.id)

    def change_password(self, account: Account, password: str, session: str | None) -> None:
        """Every other session of the account ends. ConfigError: the password is not taken."""
        chosen = _password(password, account.name)
        with self.store.write() as tx:
            db.change_account(tx, account.id, password=chosen)
            ended = db.end_sessions(tx, account.id, but=session)
            self._note(tx, account.name, "password changed", account, sessions=ended)

    def sign_out(self, who: str, name: str) -> int:
        """Every session of an account ends; how many."""
        with self.store.read() as tx:
            account = self._named(tx, name)
        return self.end_sessions(who, account)

    def end_sessions(self, who: str, account: Account, but: str | None = None) -> int:
        with self.store.write() as tx:
            ended = db.end_sessions(tx, account.id, but)
            self._note(tx, who, "signed out everywhere", account, sessions=ended)
        return ended

    def _first(self, tx: Tx, name: str, hashed: str) -> Account:
        account = Account(self.new_id("u"), name, Role.ADMINISTRATOR, self.clock(), hashed)
        db.add_account(tx, account)
        self._note(tx, name, "first account made", account, role=account.role.value)
        return account

    def _chosen(self, tx: Tx, account: Account, hashed: str) -> Account | None:
        now = db.account(tx, account.id)
        if now is None or now.disabled_at is not None:
            return None
        db.change_account(tx, account.id, password=hashed, failed=0)
        self._note(tx, account.name, "password chosen", account)
        return now

    def _invite(self, tx: Tx, who: str, account: Account, code: str) -> None:
        db.invite(tx, Invitation(_hash(code), account.id, who, self.clock() + INVITED_SECONDS))

    def _named(self, tx: Tx, name: str) -> Account:
        account = db.account_named(tx, name.strip().lower())
        if account is None:
            raise ConfigError("There is no account of that name. Nothing was changed. See `hub users list`.")
        return account

    def _note(self, tx: Tx, who: str, action: str, account: Account, **detail: Any) -> None:
        note(tx, who, action, f"account {account.id}", detail, at=self.clock())


def _keep_one(tx: Tx, account: Account) -> None:
    is_one = account.role is Role.ADMINISTRATOR and account.disabled_at is None
    if is_one and db.administrators(tx) == 1:
        raise ConfigError("This is the last administrator. Nothing was changed. Make another one first.")


def _hash(code: str) -> str:
    return passwords.secret_hash(code)


def _name(text: str) -> str:
    try:
        return passwords.account_name(text)
    except NotTaken as err:
        raise ConfigError(f"{err} Nothing was changed.") from None


def _password(password: str, name: str) -> str:
    try:
        passwords.judge_password(password, name)
    except NotTaken as err:
        raise ConfigError(f"{err} Nothing was changed.") from None
    return passwords.hash_password(password)
