"""What is done every hour: what was kept long enough is forgotten, and the marks beside the store are moved on."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hub.accounts.heads import heads_file, keep_head
from hub.config import HubConfig
from hub.config.keys import ledger_of
from hub.connectors.form_settings import FormSettings
from hub.store import idempotency, mail_out, opt_in, parked
from hub.store.access import forget_ended
from hub.store.db import Store
from hub.store.inbox import prune
from hub.store.keeping import forget_runs
from hub.store.ledger import write_down


def tidy(
    config: HubConfig, store: Store, forms: Mapping[str, FormSettings], events: Collection[str], now: float
) -> None:
    """forms, events: connections that take in forms, and events of a service. now: epoch seconds"""
    prune(store, now, events)
    with store.write() as tx:
        idempotency.prune(tx, now)
        mail_out.prune(tx, now)
        opt_in.prune(tx, now)
        for name, form in forms.items():
            if form.spam_rules is not None:
                parked.forget_spam(tx, name, now - form.spam_rules.keep.total_seconds())
        forget_ended(tx, now, now - config.access.idle.total_seconds())
    forget_runs(store, now - config.keep.runs.total_seconds())


def mark(config: HubConfig, store: Store) -> None:
    """How far the audit and the ledger of erasures are, kept beside the store."""
    keep_head(store, heads_file(config))
    write_down(store, ledger_of(config, store))
