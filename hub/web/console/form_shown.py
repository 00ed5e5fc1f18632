"""A form on the page of its connection: where it is, who may show it, and the lines for a site of one's own."""

from __future__ import annotations

from dataclasses import dataclass

from hub.config import HubConfig
from hub.connectors.form_settings import FormSettings
from hub.web.form_snippet import plain_form, script_lines

FORM = "form"
NOT_SIGNED = "none"


@dataclass(frozen=True, slots=True)
class FormShown:
    """address: where it is sent to, and, of one that is not signed, its page

    asks           for consents to mail, which count at once, or, with confirms, after a click in a mail
    script, plain  lines for a page of a site; "": a browser cannot sign, or no site is named that may show it
    """

    address: str
    is_signed: bool
    origins: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    asks: bool = False
    confirms: bool = False
    script: str = ""
    plain: str = ""


def form_shown(config: HubConfig, name: str) -> FormShown | None:
    """None: it is no form."""
    connection = config.connections[name]
    if connection.type != FORM:
        return None
    url = config.web.url or f"http://{config.web.host}:{config.web.port}"
    address = f"{url}/forms/{name}"
    if connection.settings.get("signature") != NOT_SIGNED:
        return FormShown(address, is_signed=True)
    settings = FormSettings.model_validate(dict(connection.settings))
    return FormShown(
        address,
        is_signed=False,
        origins=tuple(settings.origins),
        languages=tuple(settings.languages),
        asks=any(box.channel == "email" for box in settings.consent),
        confirms=settings.double_opt_in is not None,
        script=script_lines(url, name, settings, settings.language) if settings.origins else "",
        plain=plain_form(url, name, settings, settings.language),
    )
