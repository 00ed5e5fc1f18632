"""Heads of the audit kept in a second place: against them it is seen that rows were cut off at the end."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from hub.config import HubConfig
from hub.errors import ConfigError
from hub.store import audit
from hub.store.audit import Head
from hub.store.db import Store

log = logging.getLogger(__name__)


def heads_file(config: HubConfig) -> Path | None:
    """Where they are kept; None: in the log only."""
    return config.home / config.access.audit_heads if config.access.audit_heads else None


def keep_head(store: Store, file: Path | None) -> Head | None:
    """Log the head of this moment, and append it to the file as `NUMBER:CODE` when it is another one than the last.

    A file that cannot be written is an error in the log: the hub goes on, and the log has the head.
    """
    with store.read() as tx:
        found = audit.head(tx)
    if found is None:
        return None
    log.info("audit head %s", found)
    if file is not None:
        try:
            _append(file, str(found))
        except OSError as err:
            reason = err.strerror or type(err).__name__
            log.error("the head of the audit was not kept in %s (%s): mount it, or name another place", file, reason)
    return found


def _append(file: Path, line: str) -> None:
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a+b") as opened:
        opened.seek(max(0, opened.seek(0, os.SEEK_END) - len(line) - 2))
        if opened.read().decode("ascii", "replace").splitlines()[-1:] == [line]:
            return
        opened.write(line.encode() + b"\n")
        opened.flush()
        os.fsync(opened.fileno())


def read_heads(file: Path) -> list[Head]:
    """ConfigError when the file cannot be read, or a line of it is no head."""
    try:
        lines = file.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError as err:
        reason = err.strerror or type(err).__name__
        raise ConfigError(f"The heads in {file} cannot be read ({reason}). Nothing was verified.") from err
    return [audit.read_head(line) for line in lines if line.strip()]
