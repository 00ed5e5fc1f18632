"""Pages of a form: the form itself, thanks, a refusal; and the same for the script that shows it on another site."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from hub.connectors.form_settings import LANGUAGE, STAMP, SUBMISSION_ID, WORDING, FormSettings
from hub.connectors.form_texts import preferred, say, words
from hub.web.bodies import Rejected
from hub.web.headers import page_policy
from hub.web.intake import Form, Unfilled

SCRIPT = Path(__file__).parent / "static" / "embed.js"
SCRIPT_SECONDS = 300  # that a browser keeps the script
SCRIPT_WORDS = ("required", "starred", "empty", "no_email", "check", "reworded", "sending", "away", "mailed")
REFUSALS = frozenset({"400", "401", "403", "408", "413", "415", "429", "503"})

_pages = jinja2.Environment(
    loader=jinja2.PackageLoader("hub.web"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
)


def public(forms: Mapping[str, Form], connection: str) -> Form:
    """Only a form without a signature has a page: a browser cannot sign. HTTPException(404)"""
    form = forms.get(connection)
    if form is None or form.verifier is not None:
        raise HTTPException(404, "Not found")
    return form


def language_of(form: Form, request: Request) -> str:
    """What the address asks for, else what the browser prefers, else the form's own; always one it is in."""
    known = form.settings.languages
    return preferred(request.query_params.get("lang") or request.headers.get("accept-language", ""), known)


def form_page(form: Form, language: str, now: datetime, new_id: str, again: Unfilled | None = None) -> Response:
    """again: what was wrong with it, and what had been written"""
    texts = {
        "action": f"/forms/{form.name}",
        "hidden": {
            SUBMISSION_ID: new_id,
            STAMP: form.stamp(language, now),
            LANGUAGE: language,
            WORDING: form.settings.wording_in(language),
        },
        "values": again.values if again else {},
        "faults": again.faults if again else {},
        "word": again.word if again else "",
        "languages": form.settings.languages,
    }
    return page("form.html", form.settings, language, texts, again.status if again else 200)


def thanks_page(form: Form, language: str, *, is_mailed: bool) -> Response:
    known = words(language)
    texts = {"said": say(form.settings.thanks, language), "more": known["mailed"] if is_mailed else ""}
    return page("thanks.html", form.settings, language, texts)


def refusal_page(form: Form, language: str, rejected: Rejected) -> Response:
    known, word = words(language), str(rejected.status)
    detail = known[word] if word in REFUSALS else rejected.detail
    texts = {"title": known["refused"], "detail": detail, "back": f"/forms/{form.name}?lang={language}"}
    return page("refused.html", form.settings, language, texts, rejected.status)


def page(
    template: str, settings: FormSettings, language: str, texts: Mapping[str, Any], status: int = 200
) -> HTMLResponse:
    """texts: what the template asks for besides the form, its language and the hub's own words"""
    html = _pages.get_template(template).render(
        **texts, form=settings, language=language, words=words(language), say=partial(_say, language)
    )
    targets = ["'self'"]
    if settings.thanks_url:
        address = urlsplit(settings.thanks_url)
        targets.append(f"{address.scheme}://{address.netloc}")
    return HTMLResponse(html, status, {"Content-Security-Policy": page_policy(*targets), "Content-Language": language})


def _say(language: str, text: Any) -> str:
    return say(text, language)


# --- for the script ----------------------------------------------------------------------------------


def definition(form: Form, language: str, now: datetime, new_id: str) -> dict[str, Any]:
    """All that the script shows of a form, and what it sends back with it."""
    settings, known = form.settings, words(language)
    return {
        "language": language,
        "title": say(settings.title, language),
        "intro": say(settings.intro, language),
        "button": say(settings.button, language),
        "thanks": say(settings.thanks, language),
        "thanks_url": settings.thanks_url,
        "fields": [
            {**field.model_dump(exclude={"label"}), "label": say(field.label, language)} for field in settings.fields
        ],
        "consent": [{"name": box.field, "wording": say(box.wording, language)} for box in settings.consent],
        "trap": settings.honeypot,
        "hidden": {
            SUBMISSION_ID: new_id,
            STAMP: form.stamp(language, now),
            LANGUAGE: language,
            WORDING: settings.wording_in(language),
        },
        "words": {name: known[name] for name in (*SCRIPT_WORDS, *sorted(REFUSALS))},
    }


def script(form: Form) -> Response:
    """The script that shows a form on another site. It is the same for all forms, and holds nothing of this one."""
    del form  # that there is one is all that counts
    headers = {
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": f"public, max-age={SCRIPT_SECONDS}",
    }
    return Response(_script(), media_type="text/javascript; charset=utf-8", headers=headers)


@cache
def _script() -> bytes:
    return SCRIPT.read_bytes()
