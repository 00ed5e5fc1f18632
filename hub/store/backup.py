"""Backups of a store, and putting one back.

After a restore the systems are ahead of the hub: what was written since the backup is there already. So every
connection begins again: all is listed in full, and nothing is written anywhere until a person has seen the
plan and approved it, as in a first sync.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from hub.errors import ConfigError, HubError
from hub.store.access import Withdrawn, withdraw_again, withdrawn
from hub.store.audit import note
from hub.store.db import Store, Tx, insert_sql
from hub.store.leases import holders, machine, owner_is_dead
from hub.store.mail_out import give_up_waiting
from hub.store.schema import inbox, token
from hub.store.upgrade import DAMAGED, REVISIONS, connected, make_private, revision, tables, upgrade

TOKEN_STEP = 1_000_000  # fencing tokens after a restore are above any that was given out since the backup
INBOX = ("connection", "delivery_id", "received_at", "payload")


def backup(store: Store, target: Path, *, overwrite: bool = False) -> int:
    """A consistent copy while the hub goes on working; size in bytes. It appears whole or not at all."""
    if target.exists() and not overwrite:
        raise ConfigError(f"{target} exists already, so no backup was made. Name another file, or --overwrite.")
    if store.url.database and target.exists() and _same(target, Path(store.url.database)):
        raise ConfigError(f"{target} is the store itself, so no backup was made. Name another file.")
    try:
        with tempfile.TemporaryDirectory(prefix=".hub-backup-", dir=target.parent) as folder:
            part = Path(folder) / "part"
            make_private(part)
            if store.dialect == "sqlite":
                _copy_sqlite(store, part)
            else:
                _run_postgres(store, "pg_dump", ["--format=custom", "--no-owner", f"--file={part}"])
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(target)
    except OSError as err:
        raise ConfigError(
            f"The backup was not made: {target}: {err.strerror or type(err).__name__}. Name a place "
            "with room, where this user may write."
        ) from err
    return target.stat().st_size


def restore(store: Store, source: Path, now: float) -> Path | None:
    """Put a backup in the place of what the store holds now; where a copy of that was kept (SQLite).

    Deliveries of forms that are in the store now are carried over, so that none is lost; and so is that a token was
    revoked or an account disabled, so that neither lets anybody in again. ConfigError, and nothing changed, while
    another process runs a connection or when the file is no sound backup.
    """
    if not source.is_file():
        raise ConfigError(f"There is no file {source}. Nothing was restored.")
    _refuse_while_busy(store, now)
    return (_restore_sqlite if store.dialect == "sqlite" else _restore_postgres)(store, source)


def begin_again(tx: Tx) -> None:
    """Every connection lists all anew and stops at its plan; approvals given before count no more."""
    tx.run(
        "UPDATE connection_state SET cursor = NULL, full_at = NULL, started_at = NULL, allowed = NULL,"
        " lease_owner = NULL, lease_until = 0, lease_token = lease_token + :step",
        step=TOKEN_STEP,
    )
    tx.run("UPDATE hold SET state = 'refused', person = 'restore' WHERE state = 'open'")
    tx.run("DELETE FROM ruling WHERE verdict <> 'refused'")
    tx.run("UPDATE run SET status = 'interrupted' WHERE status = 'running'")
    tx.run("DELETE FROM notice_out")
    give_up_waiting(tx, time.time(), "the store was restored: it may have been sent since the backup")


def _refuse_while_busy(store: Store, now: float) -> None:
    try:
        if revision(store) != REVISIONS[-1]:
            return
        found = holders(store, now)
    except (HubError, *DAMAGED):
        return  # a store that cannot be read has nobody working on it
    busy = sorted(name for name, owner in found.items() if not owner_is_dead(owner, machine()))
    if busy:
        raise ConfigError(
            f"Another process is running {', '.join(busy)}. Nothing was restored. Stop `hub run`, wait for "
            "`hub sync` to end, then restore."
        )


# --- SQLite -----------------------------------------------------------------------------------------


def _copy_sqlite(store: Store, target: Path) -> None:
    store.copy_to(target)
    with closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, with no log beside it
        said = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if said != "ok":
        raise ConfigError(f"The store is damaged ({said}), so the backup is not sound. Run `hub db check`.")


def _restore_sqlite(store: Store, source: Path) -> Path | None:
    live = Path(store.url.database or "")
    with tempfile.TemporaryDirectory(prefix=".hub-restore-", dir=live.parent) as folder:
        side = Path(folder) / "side.db"
        make_private(side)
        _copy_file(source, side)
        fresh = connected(f"sqlite:///{side}", store.keys)
        try:
            _make_ready(fresh, source, _kept_of(store))
        finally:
            fresh.close()
        kept = _keep_present(store, live)
        _swap(side, live)
    return kept


def _swap(side: Path, live: Path) -> None:
    """Into the file in use, in one transaction: a process that has it open sees the restored store next."""
    try:
        with closing(sqlite3.connect(side)) as origin, closing(sqlite3.connect(live, timeout=30)) as target:
            origin.backup(target)
    except DAMAGED:  # damaged too badly to be written into
        for log in (live.with_name(live.name + "-wal"), live.with_name(live.name + "-shm")):
            log.unlink(missing_ok=True)
        side.replace(live)


def _copy_file(source: Path, side: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as origin,
            closing(sqlite3.connect(side)) as copy,
        ):
            origin.backup(copy)
            said = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except DAMAGED as err:
        raise ConfigError(f"{source} is not a backup of a hub ({err}). Nothing was restored.") from err
    if said != "ok":
        raise ConfigError(f"{source} is damaged ({said}). Nothing was restored. Use an older backup.")


def _make_ready(fresh: Store, source: Path, kept: _Kept) -> None:
    if revision(fresh) is None:
        raise ConfigError(f"{source} is not a backup of a hub. Nothing was restored.")
    upgrade(fresh)
    with fresh.write() as tx:
        begin_again(tx)
        _carry_over(tx, kept)


def _keep_present(store: Store, live: Path) -> Path | None:
    """A copy of what the store held, beside those of earlier restores; None where it is too damaged to be copied."""
    kept = next(path for path in _names_of_kept(live) if not path.exists())
    try:
        backup(store, kept)
    except (HubError, *DAMAGED):
        return None
    return kept


def _names_of_kept(live: Path) -> Iterator[Path]:
    for number in count(1):
        yield live.with_name(f"{live.name}.before-restore" + (f"-{number}" if number > 1 else ""))


# --- PostgreSQL -------------------------------------------------------------------------------------


def _restore_postgres(store: Store, source: Path) -> None:
    with source.open("rb") as file:
        if file.read(5) != b"PGDMP":
            raise ConfigError(f"{source} is not a backup of a hub on PostgreSQL. Nothing was restored.")
    kept = _kept_of(store)
    options = ["--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error"]
    database = ["--dbname", store.url.database or ""]
    _run_postgres(store, "pg_restore", [*options, *database, str(source)])
    upgrade(store)
    with store.write() as tx:
        begin_again(tx)
        _carry_over(tx, kept)


def _run_postgres(store: Store, program: str, options: Sequence[str]) -> None:
    found = shutil.which(program)
    if found is None:
        raise ConfigError(
            f"{program} is not installed here, so nothing was done. Install the PostgreSQL client "
            "(package postgresql-client), or use the backups of your database server."
        )
    url = store.url
    place = {"PGHOST": url.host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password}
    env = {**os.environ, **{k: str(v) for k, v in place.items() if v is not None}}
    database = [f"--dbname={url.database}"] if program == "pg_dump" else []
    done = subprocess.run(  # noqa: S603  a program of that name on this machine's path, no shell
        [found, *database, *options],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if line), "no reason given")
        raise ConfigError(f"{program} failed, and what it began was undone: {said[:300]}")


# --- both -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a restore does not lose of the present: deliveries, and what lets nobody in any more."""

    deliveries: tuple[Mapping[str, Any], ...] = ()
    withdrawn: Withdrawn = field(default_factory=Withdrawn)


def _kept_of(store: Store) -> _Kept:
    """As it is now; empty where it cannot be read."""
    try:
        there = tables(store)
        if inbox.name not in there:
            return _Kept()
        with store.read() as tx:
            rows = tx.all(f"SELECT {', '.join(INBOX)} FROM inbox ORDER BY id")
            gone = withdrawn(tx) if token.name in there else Withdrawn()
    except (HubError, *DAMAGED):  # a damaged or empty store is why one restores
        return _Kept()
    return _Kept(tuple(dict(zip(INBOX, row, strict=True)) for row in rows), gone)


def _carry_over(tx: Tx, kept: _Kept) -> None:
    tx.many(insert_sql(inbox, INBOX) + " ON CONFLICT (connection, delivery_id) DO NOTHING", kept.deliveries)
    withdraw_again(tx, kept.withdrawn)
    again = {"tokens": len(kept.withdrawn.tokens), "accounts": len(kept.withdrawn.accounts)}
    note(tx, "restore", "store restored", "store", {"withdrawn again": again})


def _same(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve()
