"""From the configuration to the double opt-in of its forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hub.config import HubConfig
from hub.connectors.form_settings import FormSettings
from hub.errors import ConfigError
from hub.optin.asking import OptIns
from hub.store.db import Store


def open_opt_ins(
    config: HubConfig,
    store: Store,
    forms: Mapping[str, FormSettings],
    clock: Callable[[], float],
    ring: Callable[[str], None],
) -> OptIns | None:
    """None: no form asks for it. ConfigError when no mail could be sent, or its link would lead nowhere."""
    asking = {name: form for name, form in forms.items() if form.double_opt_in is not None}
    if not asking:
        return None
    missing = [key for key, value in (("mail", config.mail), ("web.url", config.web.url)) if value is None]
    if missing or config.web.url is None:
        raise ConfigError(
            f"{', '.join(sorted(asking))}: `double_opt_in` sends mails with a link, and {' and '.join(missing)} "
            "is not set in hub.yaml. Nothing was started. Set it, or take `double_opt_in` out."
        )
    return OptIns(store, forms, config.web.url, clock, ring)
