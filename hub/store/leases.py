"""Who is at work: leases on connections, names of processes, and what one that was killed left behind."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from uuid import uuid4

from hub.store.db import Store, Tx

SETTLE_SECONDS = 10.0  # a request that a killed process had sent may still be carried out that long after


def acquire(tx: Tx, name: str, owner: str, now: float, seconds: float) -> int | None:
    """A lease on a connection: its fencing token, or None while somebody else holds it."""
    row = tx.one(
        "INSERT INTO connection_state (name, lease_owner, lease_token, lease_until) VALUES (:n, :o, 1, :u)"
        " ON CONFLICT (name) DO UPDATE SET lease_owner = excluded.lease_owner,"
        " lease_token = connection_state.lease_token + 1, lease_until = excluded.lease_until"
        " WHERE connection_state.lease_owner IS NULL OR connection_state.lease_until <= :now RETURNING lease_token",
        n=name,
        o=owner,
        u=now + seconds,
        now=now,
    )
    return int(row[0]) if row else None


def renew(tx: Tx, name: str, until: float) -> None:
    tx.run("UPDATE connection_state SET lease_until = :u WHERE name = :n", n=name, u=until)


def hold_on(tx: Tx, name: str, token: int, until: float) -> bool:
    """Renew a lease. Whether it is still ours."""
    return bool(
        tx.touched(
            "UPDATE connection_state SET lease_until = :u WHERE name = :n AND lease_token = :t",
            n=name,
            t=token,
            u=until,
        )
    )


def release(tx: Tx, name: str, token: int) -> None:
    tx.run(
        "UPDATE connection_state SET lease_owner = NULL, lease_until = 0 WHERE name = :n AND lease_token = :t",
        n=name,
        t=token,
    )


def machine() -> str:
    """The same for all processes that see one another's process ids."""
    parts = [socket.gethostname()]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        place = Path(path)
        if place.is_symlink():
            parts.append(str(place.readlink()))
        elif place.is_file():
            parts.append(place.read_text())
    return blake2b("\x00".join(parts).encode(), digest_size=6).hexdigest()


def owner_name() -> str:
    """Names this process in its leases: machine, process id, and a part nobody else has."""
    return f"{machine()}:{os.getpid()}:{uuid4().hex[:12]}"


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def owner_is_dead(owner: str, here: str, alive: Callable[[int], bool] = is_alive) -> bool:
    """Surely dead: of this machine, and there is no such process any more."""
    place, _, rest = owner.partition(":")
    pid = rest.partition(":")[0]
    return place == here and pid.isdigit() and not alive(int(pid))


def release_dead(store: Store, now: float, alive: Callable[[int], bool] = is_alive) -> float:
    """End the leases of processes of this machine that are gone; seconds until the last of them is over.

    At once where nothing was being written. Where a write was on its way, its request may still be carried
    out: there the lease is cut to `SETTLE_SECONDS`.
    """
    here = machine()
    with store.read() as tx:
        dead = _dead(tx, here, now, alive)
    if not dead:
        return 0.0
    wait = 0.0
    with store.write() as tx:
        for name, owner, until in dead:
            writing = tx.one("SELECT 1 FROM intent WHERE connection = :c LIMIT 1", c=name)
            end = min(until, now + SETTLE_SECONDS) if writing else 0.0
            tx.run(
                "UPDATE connection_state SET lease_until = :u WHERE name = :n AND lease_owner = :o",
                u=end,
                n=name,
                o=owner,
            )
            wait = max(wait, end - now)
    return max(0.0, wait)


def holders(store: Store, now: float) -> dict[str, str]:
    """Connection → owner of its lease, of those that run now."""
    with store.read() as tx:
        return {
            r[0]: r[1]
            for r in tx.all(
                "SELECT name, lease_owner FROM connection_state WHERE lease_owner IS NOT NULL AND lease_until > :now",
                now=now,
            )
        }


def _dead(tx: Tx, here: str, now: float, alive: Callable[[int], bool]) -> list[tuple[str, str, float]]:
    rows = tx.all(
        "SELECT name, lease_owner, lease_until FROM connection_state"
        " WHERE lease_owner IS NOT NULL AND lease_until > :now",
        now=now,
    )
    return [(r[0], r[1], r[2]) for r in rows if owner_is_dead(r[1], here, alive)]
