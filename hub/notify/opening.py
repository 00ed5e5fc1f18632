"""From the configuration to who is told of what needs a person, and whether they can be reached."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit
from uuid import uuid4

import httpcore
import orjson

from hub.config import HubConfig
from hub.errors import ConfigError, HubError
from hub.events.net import SECONDS, Forbidden, Outside
from hub.events.sender import Posting, post, signature
from hub.mail.opening import mail_server
from hub.notify.matters import Limits
from hub.notify.message import Message
from hub.notify.notifier import PURPOSE, Receiver
from hub.notify.turn import Policy
from hub.secrets import resolve
from hub.store.mail_out import Waiting
from hub.web.signatures import standard_keys


def receivers(config: HubConfig) -> list[Receiver]:
    """ConfigError when a secret is missing, or is none of Standard Webhooks."""
    return [_receiver(config, name) for name in config.notifications]


def _receiver(config: HubConfig, name: str) -> Receiver:
    each = config.notifications[name]
    secrets = [resolve(reference, config.folder) for reference in each.secrets]
    return Receiver(
        name=name,
        limits=Limits(
            kinds=frozenset(each.what),
            conflicts=each.conflicts,
            waiting=each.waiting.total_seconds(),
            opt_outs=each.opt_outs.total_seconds(),
        ),
        policy=Policy(every=each.every.total_seconds(), after=each.after.total_seconds()),
        mail=each.mail,
        url=each.url,
        keys=standard_keys(secrets, f"notifications.{name}") if secrets else (),
    )


def base_of(config: HubConfig) -> str:
    """Where the console is reached, for links."""
    return config.web.url or f"http://{config.web.host}:{config.web.port}"


# --- a test -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tried:
    """what: notifications.ops, events.crm or mail; way: webhook or mail; error None: all well"""

    what: str
    way: str
    error: str | None = None


def send_test(config: HubConfig, receiver: Receiver, poster: Posting) -> Iterator[Tried]:
    """A test message by every way a receiver is told, at once and not by the outbox."""
    now = time.time()
    message = Message((), (), 0, base_of(config), now, is_test=True)
    what = f"notifications.{receiver.name}"
    if receiver.url is not None:
        body = orjson.dumps(message.body())
        headers = signature(receiver.keys, f"notice-test-{uuid4().hex}", now, body)
        yield Tried(what, "webhook", post(poster, receiver.url, headers, body))
    for address in receiver.mail:
        yield Tried(what, "mail", _said(partial(_mail, config, message, address)))


def _mail(config: HubConfig, message: Message, address: str) -> None:
    server = mail_server(config)
    assert server is not None, "the configuration was checked: mail needs a server"
    now = message.at
    content = (address, message.subject, message.text, message.html)
    with server.opened() as line:
        refusal = line.give_in(Waiting(0, PURPOSE, *content, uuid4().hex, now, None, now, 1, "waiting", None))
    if refusal is not None:
        raise ConfigError(f"The mail server did not take it: {refusal.reason}.")


def _said(step: Callable[[], None]) -> str | None:
    try:
        step()
    except HubError as err:
        return str(err)
    return None


# --- hub check --------------------------------------------------------------------------------------


def check_targets(config: HubConfig, outside: Outside, trust: ssl.SSLContext | None = None) -> list[Tried]:
    """Of every subscription, every receiver and the mail server: are the secrets there, and does it answer?

    Nothing is sent: a connection is made, with its certificate, and given up.
    """
    found = []
    for name, subscription in config.events.items():
        found.append(_target(config, f"events.{name}", subscription.url, subscription.secrets, outside, trust))
    for name, told in config.notifications.items():
        if told.url is not None:
            found.append(_target(config, f"notifications.{name}", told.url, told.secrets, outside, trust))
    if config.mail is not None:
        found.append(Tried("mail", "mail", _said(partial(_greet, config))))
    return found


def _target(
    config: HubConfig, what: str, url: str, secrets: Sequence[str], outside: Outside, trust: ssl.SSLContext | None
) -> Tried:
    problem = _said(lambda: _readable(config, what, secrets)) or reachable(url, outside, trust)
    return Tried(what, "webhook", problem)


def _readable(config: HubConfig, what: str, secrets: Sequence[str]) -> None:
    standard_keys([resolve(reference, config.folder) for reference in secrets], what)


def reachable(url: str, outside: Outside, trust: ssl.SSLContext | None = None) -> str | None:
    """None: it answers, and its certificate fits. Else why not, and what to look at."""
    address = urlsplit(url)
    host = address.hostname or ""
    try:
        stream = outside.connect_tcp(host, address.port or 443, timeout=SECONDS)
        try:
            stream.start_tls(trust or ssl.create_default_context(), server_hostname=host, timeout=SECONDS).close()
        finally:
            stream.close()
    except Forbidden:
        return f"{host} is none of the public network, so it is never called. Name another address."
    except (httpcore.NetworkError, httpcore.TimeoutException, OSError) as err:
        return (
            f"{host} does not answer ({type(err).__name__}). Nothing was sent. Check the address and its certificate."
        )
    return None


def _greet(config: HubConfig) -> None:
    server = mail_server(config)
    if server is not None:
        with server.opened():
            pass  # it has let us in: nothing is sent
