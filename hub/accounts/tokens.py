"""API tokens: made once and shown once, with some rights, for some time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hub.access.passwords import new_secret, secret_hash
from hub.access.rights import Right, scopes_within
from hub.accounts.people import Accounts
from hub.errors import ConfigError
from hub.store import access as db
from hub.store.access import Token
from hub.store.audit import note

PREFIX = "hub_"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LONGEST_DAYS = 366
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token as asked for. account_id: who it belongs to, and above whom it never is; None: the command line."""

    name: str
    rights: Iterable[str]
    days: int = 90
    account_id: str | None = None


def make(accounts: Accounts, who: str, wanted: Wanted, allowed: frozenset[Right]) -> str:
    """The token itself, which is not to be had again. ConfigError says what is not taken."""
    rights = _judge(wanted, allowed)
    secret, now = PREFIX + new_secret(), accounts.clock()
    with accounts.store.write() as tx:
        if db.token_named(tx, wanted.name) is not None:
            raise ConfigError(f"There is a token {wanted.name} already. No token was made.")
        new = Token(
            id=accounts.new_id("t"),
            name=wanted.name,
            hash=secret_hash(secret),
            rights=rights,
            account_id=wanted.account_id,
            made_by=who,
            made_at=now,
            until=now + wanted.days * DAY,
        )
        db.add_token(tx, new)
        said = {"name": new.name, "rights": sorted(r.value for r in rights), "days": wanted.days}
        note(tx, who, "token made", f"token {new.id}", said, at=now)
    return secret


def revoke(accounts: Accounts, who: str, name: str) -> Token:
    """It works no more from now on. ConfigError: there is none of that name."""
    with accounts.store.write() as tx:
        token = db.token_named(tx, name)
        if token is None:
            raise ConfigError(f"There is no token {name}. Nothing was changed. See `hub token list`.")
        db.revoke_token(tx, token.id, accounts.clock())
        note(tx, who, "token revoked", f"token {token.id}", {"name": token.name}, at=accounts.clock())
    return token


def _judge(wanted: Wanted, allowed: frozenset[Right]) -> frozenset[Right]:
    if not NAME.fullmatch(wanted.name):
        raise ConfigError("A token's name has at most 64 small letters, digits and . _ -. No token was made.")
    if not 1 <= wanted.days <= LONGEST_DAYS:
        raise ConfigError(f"A token works for 1 to {LONGEST_DAYS} days. No token was made.")
    try:
        rights = scopes_within(wanted.rights, allowed)
    except ValueError as err:
        possible = ", ".join(sorted(r.value for r in allowed))
        raise ConfigError(f"Not to be given: {err}. Possible: {possible}. No token was made.") from None
    if not rights:
        raise ConfigError("A token needs at least one right. No token was made.")
    return rights
