"""From the configuration to the double opt-in of its forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hub.config import HubConfig
from hub.config.load import FILE, read_file
from hub.connectors.form_settings import FormSettings
from hub.errors import ConfigError
from hub.optin.asking import OptIns
from hub.store.db import Store

FORM = "form"  # the type of a connection that is a form
KEY = "double_opt_in"


def lacks(config: HubConfig) -> dict[str, str]:
    """Enabled form → `file:line: key: …` of what its double opt-in needs and `hub.yaml` does not say."""
    missing = _missing(config)
    asking = [
        name
        for name, connection in config.connections.items()
        if connection.enabled and connection.type == FORM and connection.settings.get(KEY) not in (None, False)
    ]
    if not missing or not asking:
        return {}
    document = read_file(config.folder, FILE, config.texts)
    are = "are not set. Set them" if len(missing) > 1 else "is not set. Set it"
    said = f"sends mails with a link, and {' and '.join(missing)} {are}, or take `{KEY}` out"
    return {name: document.mistake(("connections", name, KEY), said, of_key=True).text for name in asking}


def _missing(config: HubConfig) -> list[str]:
    return [key for key, value in (("mail", config.mail), ("web.url", config.web.url)) if value is None]


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
    missing = _missing(config)
    if missing or config.web.url is None:
        raise ConfigError(
            f"{', '.join(sorted(asking))}: `double_opt_in` sends mails with a link, and {' and '.join(missing)} "
            "is not set in hub.yaml. Nothing was started. Set it, or take `double_opt_in` out."
        )
    return OptIns(store, forms, config.web.url, clock, ring)
