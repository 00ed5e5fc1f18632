"""The texts of the console: all of them in every language, and none that is not shown any more."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from hub.web.console import words

WEB = Path(words.__file__).parents[1]
PARTS = ("console", "access")
METHODS = [(f"{part}/**.{kind}", method) for part in PARTS for kind, method in (("py", "python"), ("html", "jinja2"))]
OPTIONS = {f"{part}/**.html": {"trim_blocks": "true", "lstrip_blocks": "true"} for part in PARTS}
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "marked": None, "counted": (1, 2)}
OTHERS = [language for language in words.LANGUAGES if language != words.DEFAULT]
PLACES = re.compile(r"%\(\w+\)s")


def texts() -> set[object]:
    found = extract_from_dir(WEB, METHODS, OPTIONS, keywords=KEYWORDS)
    return {message for _, _, message, _, _ in found}


def catalogue(language: str):
    with (words.LOCALES / language / "LC_MESSAGES" / "console.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_and_no_other(language):
    said = {message.id: message.string for message in catalogue(language) if message.id}

    assert set(said) == texts()
    assert [text for text, words in said.items() if not (all(words) if isinstance(words, tuple) else words)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_put_into_a_text_is_put_into_its_translation(language):
    for message in catalogue(language):
        if message.id:
            first = message.id if isinstance(message.id, str) else message.id[1]
            for translated in [message.string] if isinstance(message.string, str) else message.string:
                assert sorted(PLACES.findall(translated)) == sorted(PLACES.findall(first))


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_catalogue_is_that_of_the_texts(language):
    """Made by: pybabel compile -d hub/web/console/locales -D console"""
    compiled = BytesIO()
    write_mo(compiled, catalogue(language))

    assert (words.LOCALES / language / "LC_MESSAGES" / "console.mo").read_bytes() == compiled.getvalue()


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        ("pl", "pt-PT,pt;q=0.9", "pl"),
        (None, "pt-BR,pt;q=0.9,en;q=0.8", "pt"),
        (None, "de-DE,es;q=0.5,en;q=0.4", "es"),
        ("xx", "", "en"),
        (None, "*;q=oops,;;,pl;q=0", "en"),
    ],
)
def test_the_language_is_the_persons_choice_or_the_browsers(cookie, accepted, language):
    assert words.chosen(cookie, accepted) == language


def test_lengths_of_time_are_counted_as_the_language_counts():
    polish = words.catalogue("pl").ngettext

    assert [words.ago(n * 60, polish) for n in (1, 3, 5, 22)] == ["1 minuta", "3 minuty", "5 minut", "22 minuty"]
    assert words.ago(0.2, words.catalogue("en").ngettext) == "0 seconds"
