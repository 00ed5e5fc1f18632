"""That the configuration was saved through one process, for all others that run over the same store."""

from __future__ import annotations

from typing import Final

from hub.store.db import Tx

SAVED: Final = "configurations saved"  # in `counter`


def tell(tx: Tx) -> int:
    """Once more; how often by now."""
    tx.count(SAVED, 1)
    return tx.counter(SAVED)


def times(tx: Tx) -> int:
    """How often it was saved."""
    return tx.counter(SAVED)
