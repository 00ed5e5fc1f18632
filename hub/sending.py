"""What goes out by itself, beside runs: events, mail, confirmations of opt-ins, notifications."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from hub.config import HubConfig
from hub.events import sender as events
from hub.events.net import Outside, Poster
from hub.events.opening import targets
from hub.events.sender import Sender
from hub.mail import sender as mail
from hub.mail.opening import mail_server
from hub.mail.sender import MailSender
from hub.notify import notifier
from hub.notify.notifier import Notifier
from hub.notify.opening import base_of, receivers
from hub.optin import asking
from hub.optin.asking import OptIns
from hub.stepping import Beat
from hub.store.db import Store

Sending = tuple[Callable[[], object], Beat]
"""A step and how often it is made."""


def sendings(config: HubConfig, store: Store, opt_ins: OptIns | None, stop: Callable[[], bool]) -> Iterator[Sending]:
    """Those that the configuration asks for. `stop`: whether a step is to end early."""
    poster = Poster(Outside())
    if config.events:
        yield Sender(store, targets(config), poster, time.time, stop).step, events.BEAT
    if (server := mail_server(config)) is not None:
        yield MailSender(store, server, time.time, stop).step, mail.BEAT
    if opt_ins is not None:
        yield opt_ins.step, asking.BEAT
    if config.notifications:
        there = {name: each.enabled for name, each in config.connections.items()}
        teller = Notifier(store, there, receivers(config), base_of(config), poster, time.time, stop)
        yield teller.step, notifier.BEAT
