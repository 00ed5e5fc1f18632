"""Beginning anew after the master key was lost: what nothing can open any more is given up, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import ConfigError
from hub.store import access, erasures, sealed
from hub.store.audit import BEGUN_ANEW, head, note
from hub.store.keyring import AUDIT
from hub.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Lost:
    """What cannot be opened.

    scopes    of data keys; all that is sealed under them
    secrets   names of secrets that were typed in
    accounts  names of accounts whose app for codes is gone
    audited   rows of the audit that cannot be verified any more
    reason    why
    """

    scopes: tuple[str, ...]
    secrets: tuple[str, ...]
    accounts: tuple[str, ...]
    audited: int
    reason: str


def lost(tx: Tx) -> Lost | None:
    """None: every key of the store can be opened."""
    all_scopes = [scope for (scope,) in tx.all("SELECT scope FROM data_key ORDER BY scope")]
    reasons = {scope: reason for scope in all_scopes if (reason := _closed(tx, scope))}
    if not reasons:
        return None
    scopes = tuple(reasons)
    names = [secret.name for secret in sealed.secrets(tx)]
    apps = [each for each in access.accounts(tx) if each.totp is not None] if sealed.ACCOUNTS in scopes else []
    last = head(tx) if AUDIT in scopes else None
    return Lost(
        scopes=scopes,
        secrets=tuple(name for name in names if sealed.scope_of(name) in scopes),
        accounts=tuple(each.name for each in apps),
        audited=last.number if last else 0,
        reason=reasons[scopes[0]],
    )


def _closed(tx: Tx, scope: str) -> str:
    """Why a data key cannot be opened; "" when it can."""
    try:
        tx.keys.known(tx, scope)
    except ConfigError as err:
        return str(err)
    return ""


def begin_anew(tx: Tx, person: str, now: float) -> Lost:
    """Give up what is lost; the audit goes on under a key of today, from a row that says so.

    ConfigError when nothing is lost, or there is no master key and none can be made.
    """
    found = lost(tx)
    if found is None:
        raise ConfigError(
            "Every key of the store can be opened, so nothing was given up. To change keys: hub secrets rotate"
        )
    tx.run("DELETE FROM data_key WHERE scope IN :*scopes", scopes=list(found.scopes))
    tx.run("DELETE FROM sealed WHERE name IN :*names", names=list(found.secrets))
    if sealed.ACCOUNTS in found.scopes:
        tx.run("UPDATE account SET totp = NULL, totp_step = 0, recovery = '[]' WHERE totp IS NOT NULL")
    if erasures.SCOPE in found.scopes:
        tx.run("DELETE FROM suppression")  # hashes that nothing is like any more
    said = {"secrets": len(found.secrets), "accounts": len(found.accounts), "rows": found.audited}
    note(tx, person, BEGUN_ANEW, "secrets", said, at=now)
    return found
