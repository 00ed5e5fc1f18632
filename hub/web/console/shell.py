"""What every page of the console shares: templates, language, sections, who is signed in, what may load."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jinja2
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from hub.access.rights import Actor, Right
from hub.durations import say_duration
from hub.model import element
from hub.readable import elements, name_of, say_changes
from hub.secrets import redact
from hub.sync.sides import value_text
from hub.web.api.world import World
from hub.web.console import words
from hub.web.console.glance import Glance
from hub.web.console.words import marked
from hub.web.guard import csrf_token, safe_next

LANGUAGE_COOKIE = "hub-language"
THEME_COOKIE = "hub-theme"
THEMES = ("light", "dark")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Console:
    """What the pages use: the same world as the API, and counts that are taken for all who look."""

    world: World
    glance: Glance


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the sections. count: of a work list, what waits in it."""

    title: str
    href: str
    right: Right
    work_list: str | None = None
    count: int = 0

    def is_here(self, path: str) -> bool:
        place = path.partition("?")[0]
        return place == self.href or (self.href != "/" and place.startswith(f"{self.href}/"))


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    entries: tuple[Entry, ...]


SECTIONS = (
    Group("", (Entry(marked("Overview"), "/", Right.HEALTH),)),
    Group(
        marked("Work lists"),
        (
            Entry(marked("Held runs"), "/holds", Right.HEALTH, "holds"),
            Entry(marked("Possible duplicates"), "/reviews", Right.CONTACTS, "reviews"),
            Entry(marked("Conflicts"), "/conflicts", Right.CONTACTS, "conflicts"),
            Entry(marked("Set aside"), "/parked", Right.CONTACTS, "parked"),
        ),
    ),
    Group(
        marked("Data"),
        (
            Entry(marked("Desk"), "/desk", Right.LOOKUP),
            Entry(marked("Contacts"), "/contacts", Right.CONTACTS),
            Entry(marked("Connections"), "/connections", Right.HEALTH),
            Entry(marked("Runs"), "/runs", Right.HEALTH),
        ),
    ),
    Group(
        marked("Administration"),
        (
            Entry(marked("Users and tokens"), "/access", Right.ACCESS),
            Entry(marked("Audit"), "/audit", Right.AUDIT),
            Entry(marked("Erasures"), "/erasures", Right.ERASE),
            Entry(marked("Settings"), "/settings", Right.CONFIGURE),
            Entry(marked("About"), "/about", Right.HEALTH),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Said:
    """What came of the last step. kind: good | warn | bad"""

    text: str
    kind: str = "good"


@cache
def templates(language: str) -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader("hub.web.console"), jinja2.PackageLoader("hub.web.access")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    found = words.catalogue(language)
    env.install_gettext_translations(found, newstyle=True)  # type: ignore[attr-defined]  # of the extension
    env.filters["number"] = words.number
    env.filters["moment"] = words.moment
    env.filters["redact"] = redact
    env.filters["changes"] = say_changes
    env.filters["history"] = lambda detail: [line for line in say_changes({"fields": detail or {}}) if line[0]]
    env.filters["value_text"] = value_text
    env.filters["name_of"] = name_of
    env.filters["elements"] = elements
    env.filters["element_of"] = element
    env.filters["duration"] = say_duration
    env.filters["ago"] = lambda seconds: words.ago(seconds, found.ngettext)
    return env


def language_of(request: Request) -> str:
    return words.chosen(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))


def gettext_of(request: Request) -> Callable[[str], str]:
    return words.catalogue(language_of(request)).gettext


def page(
    console: Console, request: Request, actor: Actor, template: str, *, status: int = 200, **texts: Any
) -> HTMLResponse:
    """A whole page, or one part of it where the template is one."""
    language = language_of(request)
    theme = request.cookies.get(THEME_COOKIE)
    shared: Mapping[str, Any] = {
        "actor": actor,
        "may": {right.value: actor.may(right) for right in Right},
        "language": language,
        "languages": words.LANGUAGES,
        "theme": theme if theme in THEMES else None,
        "csrf": csrf_token(request),
        "here": request.url.path,
        "nav": _sections(actor, console.glance.work_lists()),
        "now": datetime.fromtimestamp(console.world.clock(), UTC),
        "q": None,
        "said": None,
        "not_taken": console.world.setup.trouble(),
    }
    html = templates(language).get_template(template).render({**shared, **texts})
    return HTMLResponse(html, status, {"Content-Security-Policy": POLICY})


def _sections(actor: Actor, waiting: Mapping[str, Any]) -> list[Group]:
    groups = []
    for group in SECTIONS:
        entries = tuple(
            Entry(e.title, e.href, e.right, e.work_list, waiting[e.work_list].count if e.work_list else 0)
            for e in group.entries
            if actor.may(e.right)
        )
        if entries:
            groups.append(Group(group.title, entries))
    return groups


def prefer(language: str, theme: str, back: str, *, secure: bool) -> RedirectResponse:
    """Keep a person's language and colours in the browser for a year."""
    answer = RedirectResponse(safe_next(back), 303)
    kept = {LANGUAGE_COOKIE: language if language in words.LANGUAGES else "", THEME_COOKIE: theme}
    kept[THEME_COOKIE] = theme if theme in THEMES else ""
    for name, value in kept.items():
        answer.set_cookie(name, value, 31_536_000, secure=secure, httponly=True, samesite="lax")
    return answer


def missing(request: Request) -> HTTPException:
    _ = gettext_of(request)
    return HTTPException(404, _("What you look for is not here any more, or never was."))
