"""A subscription that ends after a while, made and renewed."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from hub.connectors.contract import Context
from hub.connectors.rest.exchange import Exchange, Said
from hub.connectors.rest.hooks import Subscription, Webhooks
from hub.connectors.rest.moments import read_moment, write_moment
from hub.connectors.rest.paging import items_of
from hub.connectors.rest.words import fill
from hub.errors import HubError

log = logging.getLogger(__name__)


def keep_subscribed(spec: Webhooks | None, exchange: Exchange, context: Context) -> None:
    """Makes the subscription where there is none, and prolongs it when half of its time is over.

    What goes wrong is told in the log: without it, changes are seen by the next run.
    """
    settings = exchange.settings
    if spec is None or spec.subscription is None or not spec.is_open(settings):
        return
    public = fill(spec.public, settings)
    if public is None:
        return
    hook = f"{str(public).rstrip('/')}/hooks/{context.name}"
    try:
        _kept(spec.subscription, exchange, context, hook)
    except (Said, HubError) as error:
        log.warning("%s: the subscription to events could not be made or renewed: %s", context.name, error)


def _kept(spec: Subscription, exchange: Exchange, context: Context, hook: str) -> None:
    now = context.clock()
    until = write_moment(now + timedelta(seconds=spec.lasts), spec.form)
    body = _there(spec, exchange)
    ours = [] if body is None else [each for each in items_of(spec.list, body) if spec.list.address.of(each) == hook]
    if not ours:
        if spec.list.more is None or not spec.list.more.holds(body):
            exchange.ask(spec.make, {"hook": hook, "until": until})
            log.info("%s: subscribed to events", context.name)
        return
    for each in ours:
        ends = read_moment(spec.list.until.of(each), spec.form)
        if ends is None or ends - now < timedelta(seconds=spec.lasts) / 2:
            exchange.ask(spec.renew, {"id": str(spec.list.id.of(each)), "hook": hook, "until": until}, idempotent=True)


def _there(spec: Subscription, exchange: Exchange) -> Any:
    """The answer that lists them; None where the service says that there is none."""
    try:
        return exchange.ask(spec.list, {}, idempotent=True).body
    except Said as error:
        if error.means in {"empty", "missing"}:
            return None
        raise
