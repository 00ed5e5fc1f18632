"""The mail with the link to confirm, in the language that the form was filled in. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from hub.connectors.form_texts import words

MOST_TITLE = 120


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class About:
    """What a letter tells. at, until: epoch seconds; title: of the form; wordings: what is to be confirmed"""

    language: str
    title: str
    wordings: Sequence[str]
    at: float
    until: float
    link: str


def write_letter(about: About) -> Letter:
    known = words(about.language)
    title = " ".join(about.title.split())[:MOST_TITLE]
    asked = known["mail_asked"].format(day=_day(about.at), title=title)
    until = known["mail_until"].format(day=_day(about.until))
    subject = known["mail_subject"].format(title=title)
    lines = [known["mail_hello"], "", asked, ""]
    lines += [f"  {wording}" for wording in about.wordings]
    lines += ["", known["mail_open"], "", about.link, "", until, "", known["mail_not_you"]]
    return Letter(subject, "\n".join(lines) + "\n", _html(about, known, (asked, until)))


def _html(about: About, known: Mapping[str, str], told: tuple[str, str]) -> str:
    asked, until = told
    link = escape(about.link)
    items = "".join(f'<li style="margin:0 0 .5em">{escape(wording)}</li>' for wording in about.wordings)
    button = (
        "display:inline-block;padding:.7em 1.6em;background:#1f5fbf;color:#ffffff;border-radius:.4em;"
        "text-decoration:none;font-weight:600"
    )
    return (
        f'<!doctype html><html lang="{escape(about.language)}"><body style="margin:0;padding:1.5em;'
        'font:16px/1.5 system-ui,sans-serif;color:#1b2330;max-width:34em">'
        f"<p>{escape(known['mail_hello'])}</p><p>{escape(asked)}</p><ul>{items}</ul>"
        f"<p>{escape(known['mail_open'])}</p>"
        f'<p><a href="{link}" style="{button}">{escape(known["confirm"])}</a></p>'
        f'<p style="font-size:14px;color:#5a6577;overflow-wrap:anywhere">{link}</p>'
        f"<p>{escape(until)}</p><p>{escape(known['mail_not_you'])}</p></body></html>\n"
    )


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
