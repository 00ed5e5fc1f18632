"""What systems say is shown as text and nothing but text."""

import contextlib
import io
import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from hub.cli import show
from hub.cli.show import as_data, bar, cell, clean, counted, put_json
from hub.store.lists import Listed, Part

TEXTS = st.text() | st.text(alphabet="[]\\/=\x1b\x9b\x07\x00\u202e\u2066\ufeff\n\r\tred bold#link")


def printed(*shown: object) -> str:
    out = io.StringIO()
    console = Console(file=out, width=100_000, highlight=False)
    for one in shown:
        console.print(one, soft_wrap=True)
    return out.getvalue()


@given(TEXTS)
def test_nothing_that_a_terminal_obeys_is_left(text):
    assert not {unicodedata.category(c) for c in clean(text)} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(clean(text)) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


@given(TEXTS)
@example("[link=http://example.org]x[/link]")
@example("\\[bold]x")
@example(":smile:")
def test_a_cell_prints_exactly_its_cleaned_text(text):
    assert printed(cell(text)) == clean(text) + "\n"


@given(st.text(alphabet="abcäöü–日本語́ 🙂"))
def test_ordinary_text_of_any_language_stays_as_it_is(text):
    assert clean(text) == text


@given(TEXTS)
def test_json_holds_the_text_itself_without_a_control_character(text):
    text = text.encode("utf-8", "ignore").decode()
    out = io.StringIO()

    with contextlib.redirect_stdout(out):
        put_json({"text": text})

    assert json.loads(out.getvalue())["text"] == text
    assert not {c for c in out.getvalue() if unicodedata.category(c) == "Cc"} - {"\n"}
    assert "\u202e" not in out.getvalue()


def test_times_are_said_in_utc():
    assert as_data({"x": Listed((), 0)}) == {"x": {"rows": [], "more": 0}}
    assert show.moment(0.0) == "1970-01-01T00:00:00+00:00"


@pytest.mark.parametrize(("bits", "length"), [(0, 0), (0.1, 1), (12, 12), (99, 12), (-6, 6)])
def test_a_bar_is_as_long_as_the_evidence(bits, length):
    assert len(bar(bits).plain) == length


def test_what_follows_a_part_of_a_list_is_told():
    out = io.StringIO()
    show.say_more(Console(file=out, width=200), Listed(("a", "b"), 1234), Part(2, 4))

    assert out.getvalue() == "… and 1,234 more: --skip 6 shows the next, --limit N more at once.\n"


def test_one_is_one_and_more_are_many():
    assert (counted(1, "record"), counted(2, "record"), counted(0, "record")) == ("1 record", "2 records", "0 records")
