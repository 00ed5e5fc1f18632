"""The second factor: an app that makes codes, and recovery codes for the day it is lost."""

from __future__ import annotations

from hub.access import passwords
from hub.accounts.people import Accounts
from hub.store import access as db
from hub.store.audit import note
from hub.store.sealed import seal_for


def use(accounts: Accounts, account_id: str, secret: str, code: str) -> tuple[str, ...] | None:
    """From now on a code of the app is asked for; recovery codes, shown this once. None: the code is wrong."""
    now = accounts.clock()
    step = passwords.totp_step(secret, code, now, 0)
    if step is None:
        return None
    codes = passwords.recovery_codes()
    with accounts.store.write() as tx:
        db.change_account(
            tx,
            account_id,
            totp=seal_for(tx, account_id, "totp", secret),
            totp_step=step,
            recovery=[passwords.secret_hash(each) for each in codes],
        )
        account = db.account(tx, account_id)
        assert account is not None
        note(tx, account.name, "app for codes set", f"account {account_id}", at=now)
    return codes


def stop(accounts: Accounts, account_id: str) -> None:
    with accounts.store.write() as tx:
        account = db.account(tx, account_id)
        assert account is not None
        db.change_account(tx, account_id, totp=None, totp_step=0, recovery=())
        note(tx, account.name, "app for codes removed", f"account {account_id}", at=accounts.clock())
