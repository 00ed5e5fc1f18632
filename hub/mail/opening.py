"""From the configuration to the mail server: its password is looked up, and how mails stand is a gauge."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from hub.config import HubConfig
from hub.errors import ConfigError
from hub.mail.smtp import Server
from hub.metrics import Scraped
from hub.secrets import resolve
from hub.store.db import Store
from hub.store.mail_out import Standing, standing


def mail_server(config: HubConfig) -> Server | None:
    """None: no mail is sent. ConfigError when the password or the authority's file is missing."""
    mail = config.mail
    if mail is None:
        return None
    trust = None
    if mail.ca is not None:
        path = config.folder / mail.ca
        try:
            trust = ssl.create_default_context(cafile=str(path))
        except (OSError, ssl.SSLError) as err:
            raise ConfigError(f"mail.ca: {path} holds no certificate that can be read. No mail is sent.") from err
    return Server(
        host=mail.host,
        port=mail.where,
        tls=mail.tls,
        sender=mail.sender,
        name=mail.name,
        user=mail.user,
        password=resolve(mail.secret, config.folder) if mail.secret else None,
        reply_to=mail.reply_to,
        trust=trust,
    )


class MailGauges(Scraped[Standing]):
    what = "how mails stand"

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock

    def read(self) -> Standing:
        with self._store.glance() as tx:
            return standing(tx)

    def families(self, found: Standing | None) -> Iterator[Metric]:
        age = max(0.0, self._clock() - found.oldest) if found and found.oldest is not None else 0.0
        values = {
            "hub_mail_waiting": ("Mails that wait to be sent", found.waiting if found else 0),
            "hub_mail_oldest_waiting_seconds": ("How long the first of them has waited", age),
            "hub_mail_failed": ("Mails given up within the last 30 days", found.failed if found else 0),
        }
        for name, (text, value) in values.items():
            family = GaugeMetricFamily(name, text)
            if found is not None:
                family.add_metric([], float(value))
            yield family
