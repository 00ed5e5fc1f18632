"""Accounts, sessions, tokens and invitations: rows in, rows out. What they mean is decided in `hub.accounts`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hub.access.rights import Right, Role
from hub.store.db import Tx, dumps, loads

# --- accounts ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Account:
    """Who may sign in.

    password   argon2id; None: none was chosen yet, or another party signs them in
    totp       sealed; None: no code is asked for
    totp_step  the last step whose code was used: none works twice
    recovery   hashes of the recovery codes that are left
    subject    "ISSUER NAME" of who is signed in by another party
    failed     tries since the last sign-in
    """

    id: str
    name: str
    role: Role
    made_at: float
    password: str | None = None
    totp: str | None = None
    totp_step: int = 0
    recovery: tuple[str, ...] = ()
    subject: str | None = None
    disabled_at: float | None = None
    failed: int = 0
    signed_in_at: float | None = None


_ACCOUNT = "id, name, role, made_at, password, totp, totp_step, recovery, subject, disabled_at, failed, signed_in_at"


def _account(row: Any) -> Account:
    columns = dict(zip(_ACCOUNT.split(", "), row, strict=True))
    return Account(**{**columns, "role": Role(columns["role"]), "recovery": tuple(loads(columns["recovery"]))})


def account(tx: Tx, account_id: str) -> Account | None:
    row = tx.one(f"SELECT {_ACCOUNT} FROM account WHERE id = :i", i=account_id)
    return _account(row) if row else None


def account_named(tx: Tx, name: str) -> Account | None:
    row = tx.one(f"SELECT {_ACCOUNT} FROM account WHERE name = :n", n=name)
    return _account(row) if row else None


def account_of(tx: Tx, subject: str) -> Account | None:
    row = tx.one(f"SELECT {_ACCOUNT} FROM account WHERE subject = :s", s=subject)
    return _account(row) if row else None


def accounts(tx: Tx) -> list[Account]:
    """By name."""
    return [_account(row) for row in tx.all(f"SELECT {_ACCOUNT} FROM account ORDER BY name")]


def has_accounts(tx: Tx) -> bool:
    return tx.one("SELECT 1 FROM account LIMIT 1") is not None


def administrators(tx: Tx) -> int:
    """Those that are not disabled."""
    row = tx.one("SELECT count(*) FROM account WHERE role = :r AND disabled_at IS NULL", r=Role.ADMINISTRATOR.value)
    return int(row[0]) if row else 0


def add_account(tx: Tx, new: Account) -> None:
    tx.run(
        f"INSERT INTO account ({_ACCOUNT}) VALUES (:id, :name, :role, :made_at, :password, :totp, :totp_step,"
        " :recovery, :subject, :disabled_at, :failed, :signed_in_at)",
        id=new.id,
        name=new.name,
        role=new.role.value,
        made_at=new.made_at,
        password=new.password,
        totp=new.totp,
        totp_step=new.totp_step,
        recovery=dumps(list(new.recovery)),
        subject=new.subject,
        disabled_at=new.disabled_at,
        failed=new.failed,
        signed_in_at=new.signed_in_at,
    )


_CHANGEABLE = frozenset(Account.__slots__) - {"id", "name", "made_at"}


def change_account(tx: Tx, account_id: str, **columns: Any) -> None:
    assert columns.keys() <= _CHANGEABLE, "an account keeps its id, its name and its beginning"
    if "recovery" in columns:
        columns["recovery"] = dumps(list(columns["recovery"]))
    if "role" in columns:
        columns["role"] = Role(columns["role"]).value
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    tx.run(f"UPDATE account SET {sets} WHERE id = :the_id", the_id=account_id, **columns)


# --- sessions ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Session:
    """id: of which the browser has what it is the hash of. proved_at: when the person last gave their password."""

    id: str
    account_id: str
    made_at: float
    seen_at: float
    until: float
    proved_at: float
    agent: str
    address: str


_SESSION = "id, account_id, made_at, seen_at, until, proved_at, agent, address"


def add_session(tx: Tx, new: Session) -> None:
    names = _SESSION.split(", ")
    tx.run(
        f"INSERT INTO session ({_SESSION}) VALUES ({', '.join(':' + n for n in names)})",
        **{n: getattr(new, n) for n in names},
    )


def session_and_account(tx: Tx, session_id: str) -> tuple[Session, Account] | None:
    columns = ", ".join(f"s.{n}" for n in _SESSION.split(", ")) + ", "
    columns += ", ".join(f"a.{n}" for n in _ACCOUNT.split(", "))
    row = tx.one(f"SELECT {columns} FROM session s JOIN account a ON a.id = s.account_id WHERE s.id = :i", i=session_id)
    return (Session(*row[:8]), _account(row[8:])) if row else None


def sessions(tx: Tx, account_id: str) -> list[Session]:
    """The last one seen first."""
    text = f"SELECT {_SESSION} FROM session WHERE account_id = :a ORDER BY seen_at DESC, id"
    return [Session(*row) for row in tx.all(text, a=account_id)]


def touch_session(tx: Tx, session_id: str, now: float) -> None:
    tx.run("UPDATE session SET seen_at = :n WHERE id = :i AND seen_at < :n", n=now, i=session_id)


def prove_session(tx: Tx, session_id: str, now: float) -> None:
    tx.run("UPDATE session SET proved_at = :n WHERE id = :i", n=now, i=session_id)


def end_session(tx: Tx, session_id: str) -> None:
    tx.run("DELETE FROM session WHERE id = :i", i=session_id)


def end_sessions(tx: Tx, account_id: str, but: str | None = None) -> int:
    """All of an account, but one; how many."""
    return tx.touched("DELETE FROM session WHERE account_id = :a AND id <> :b", a=account_id, b=but or "")


def forget_ended(tx: Tx, now: float, seen_before: float) -> None:
    """Sessions and invitations whose time is over."""
    tx.run("DELETE FROM session WHERE until < :n OR seen_at < :s", n=now, s=seen_before)
    tx.run("DELETE FROM invitation WHERE until < :n", n=now)


# --- tokens -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Token:
    """What a program signs in with. account_id: it may never more than that account; None: of the command line."""

    id: str
    name: str
    hash: str
    rights: frozenset[Right]
    account_id: str | None
    made_by: str
    made_at: float
    until: float
    used_at: float | None = None
    revoked_at: float | None = None

    def works_at(self, now: float) -> bool:
        return self.revoked_at is None and now < self.until


_COLUMNS = "id, name, hash, rights, account_id, made_by, made_at, until, used_at, revoked_at"


def _token(row: Any) -> Token:
    columns = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return Token(**{**columns, "rights": frozenset(map(Right, loads(columns["rights"])))})


def add_token(tx: Tx, new: Token) -> None:
    tx.run(
        f"INSERT INTO token ({_COLUMNS}) VALUES (:id, :name, :hash, :rights, :account_id, :made_by, :made_at, :until,"
        " :used_at, :revoked_at)",
        id=new.id,
        name=new.name,
        hash=new.hash,
        rights=dumps(sorted(right.value for right in new.rights)),
        account_id=new.account_id,
        made_by=new.made_by,
        made_at=new.made_at,
        until=new.until,
        used_at=new.used_at,
        revoked_at=new.revoked_at,
    )


def token_and_account(tx: Tx, hashed: str) -> tuple[Token, Account | None] | None:
    row = tx.one(f"SELECT {_COLUMNS} FROM token WHERE hash = :h", h=hashed)
    if row is None:
        return None
    found = _token(row)
    return found, account(tx, found.account_id) if found.account_id is not None else None


def token_named(tx: Tx, name: str) -> Token | None:
    row = tx.one(f"SELECT {_COLUMNS} FROM token WHERE name = :n", n=name)
    return _token(row) if row else None


def tokens(tx: Tx) -> list[Token]:
    """The newest first."""
    return [_token(row) for row in tx.all(f"SELECT {_COLUMNS} FROM token ORDER BY made_at DESC, id")]


def touch_token(tx: Tx, token_id: str, now: float) -> None:
    tx.run("UPDATE token SET used_at = :n WHERE id = :i", n=now, i=token_id)


def revoke_token(tx: Tx, token_id: str, now: float) -> None:
    tx.run("UPDATE token SET revoked_at = :n WHERE id = :i AND revoked_at IS NULL", n=now, i=token_id)


# --- invitations ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Invitation:
    """A code that works once. account_id None: whoever has it makes the first account."""

    hash: str
    account_id: str | None
    made_by: str
    until: float


def invite(tx: Tx, new: Invitation) -> None:
    """In the place of those that the account had before."""
    withdraw(tx, new.account_id)
    tx.run(
        "INSERT INTO invitation (hash, account_id, made_by, until) VALUES (:h, :a, :m, :u)",
        h=new.hash,
        a=new.account_id,
        m=new.made_by,
        u=new.until,
    )


def invitation(tx: Tx, hashed: str) -> Invitation | None:
    row = tx.one("SELECT hash, account_id, made_by, until FROM invitation WHERE hash = :h", h=hashed)
    return Invitation(*row) if row else None


def withdraw(tx: Tx, account_id: str | None) -> None:
    if account_id is None:
        tx.run("DELETE FROM invitation WHERE account_id IS NULL")
    else:
        tx.run("DELETE FROM invitation WHERE account_id = :a", a=account_id)


# --- what a restore must not bring back -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What does not let anybody in any more: hashes of revoked tokens, ids of disabled accounts, and when."""

    tokens: tuple[tuple[str, float], ...] = ()
    accounts: tuple[tuple[str, float], ...] = ()


def withdrawn(tx: Tx) -> Withdrawn:
    return Withdrawn(
        tuple((r[0], r[1]) for r in tx.all("SELECT hash, revoked_at FROM token WHERE revoked_at IS NOT NULL")),
        tuple((r[0], r[1]) for r in tx.all("SELECT id, disabled_at FROM account WHERE disabled_at IS NOT NULL")),
    )


def withdraw_again(tx: Tx, gone: Withdrawn) -> None:
    """After a restore: nobody is signed in, and what was withdrawn since the backup stays so."""
    tx.run("DELETE FROM session")
    tx.run("DELETE FROM invitation")
    _each(tx, "UPDATE token SET revoked_at = :t WHERE hash = :i AND revoked_at IS NULL", gone.tokens)
    _each(tx, "UPDATE account SET disabled_at = :t WHERE id = :i AND disabled_at IS NULL", gone.accounts)


def _each(tx: Tx, text: str, pairs: Iterable[tuple[str, float]]) -> None:
    tx.many(text, [{"i": i, "t": t} for i, t in pairs])
