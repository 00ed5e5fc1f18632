"""What a site puts into its own page to show a form: the script, or plain HTML. Pure."""

from __future__ import annotations

from html import escape

from hub.connectors.form_settings import LANGUAGE, WORDING, FormField, FormSettings
from hub.connectors.form_texts import say


def script_lines(url: str, name: str, settings: FormSettings, language: str) -> str:
    """url: where people reach the hub"""
    place = escape(f"{url}/forms/{name}")
    lang = f' data-lang="{escape(language)}"' if len(settings.languages) > 1 else ""
    title = escape(say(settings.title, language))
    return (
        f'<div data-hub-form="{escape(name)}"{lang}><a href="{place}?lang={escape(language)}">{title}</a></div>\n'
        f'<script src="{place}/embed.js" defer></script>\n'
    )


def plain_form(url: str, name: str, settings: FormSettings, language: str) -> str:
    """A form that needs no script. It names the wording that it shows."""
    lines = [f'<form method="post" action="{escape(url)}/forms/{escape(name)}" accept-charset="utf-8">']
    for key, value in ((LANGUAGE, language), (WORDING, settings.wording_in(language))):
        lines.append(f'  <input type="hidden" name="{key}" value="{escape(value)}">')
    lines += [_field(field, language) for field in settings.fields]
    if settings.honeypot:
        trap = f'<input name="{escape(settings.honeypot)}" tabindex="-1" autocomplete="off">'
        lines.append(f'  <p hidden aria-hidden="true">{trap}</p>')
    for box in settings.consent:
        tick = f'<input type="checkbox" name="{escape(box.field)}" value="yes">'
        lines.append(f"  <p><label>{tick} {escape(say(box.wording, language))}</label></p>")
    lines += [f'  <button type="submit">{escape(say(settings.button, language))}</button>', "</form>"]
    return "\n".join(lines) + "\n"


def _field(field: FormField, language: str) -> str:
    required = " required" if field.required else ""
    name, label = escape(field.name), escape(say(field.label, language))
    if field.type == "textarea":
        return f'  <p><label>{label}<br><textarea name="{name}" rows="5"{required}></textarea></label></p>'
    kind, auto = field.type, escape(field.autocomplete)
    return f'  <p><label>{label}<br><input name="{name}" type="{kind}" autocomplete="{auto}"{required}></label></p>'
