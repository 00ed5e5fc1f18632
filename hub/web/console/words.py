"""The languages of the console. Texts are written in English and looked up in gettext catalogues (`locales/`).

Dates are written as 2026-11-22 14:05 and numbers with a narrow space between thousands, the same in every language.
"""

from __future__ import annotations

import gettext
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

LANGUAGES = {"en": "English", "pt": "Português", "es": "Español", "pl": "Polski"}
DEFAULT = "en"
LOCALES = Path(__file__).parent / "locales"
NARROW_SPACE = "\u202f"


def marked(text: str) -> str:
    """A text that is translated where it is shown; the mark is for the tool that collects texts."""
    return text


def counted(one: str, many: str) -> tuple[str, str]:
    """The same for a text with a number in it."""
    return one, many


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("console", LOCALES, [language], fallback=language == DEFAULT)


def chosen(cookie: str | None, accepted: str) -> str:
    """The language a person chose, else the first of an `Accept-Language` header that there is."""
    if cookie in LANGUAGES:
        return str(cookie)
    ranked = sorted((_ranked(part, n) for n, part in enumerate(accepted.split(",")[:20])), reverse=True)
    return next((name for weight, _, name in ranked if weight > 0 and name in LANGUAGES), DEFAULT)


def _ranked(part: str, place: int) -> tuple[float, int, str]:
    name, _, rest = part.strip().partition(";")
    try:
        weight = float(rest.strip().removeprefix("q=")) if rest else 1.0
    except ValueError:
        weight = 0.0
    return weight, -place, name.strip().lower().partition("-")[0]


def number(value: float) -> str:
    return f"{value:,.0f}".replace(",", NARROW_SPACE)


def moment(value: datetime | float | None) -> str:
    """UTC, to the minute."""
    if value is None:
        return ""
    if not isinstance(value, datetime):
        value = datetime.fromtimestamp(value, UTC)
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def ago(seconds: float, ngettext: Callable[[str, str, int], str]) -> str:
    """A length of time in the largest of its units."""
    whole = max(0, int(seconds))
    length, words = next((u for u in _UNITS if whole >= u[0]), _UNITS[-1])
    n = whole // length
    return ngettext(*words, n) % {"n": n}


_UNITS = (
    (86_400, counted("%(n)s day", "%(n)s days")),
    (3_600, counted("%(n)s hour", "%(n)s hours")),
    (60, counted("%(n)s minute", "%(n)s minutes")),
    (1, counted("%(n)s second", "%(n)s seconds")),
)
