"""Pages on which texts that could not be read are put right: who may, what is refused, what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.access.rights import Role
from hub.store import lists
from hub.store.lists import ParkedFilter
from tests.cli.desk import Desk
from tests.web.console.rig import Look, looked_at

BROKEN = "c2,Rui,Lima,rui@example.org,"
ROWS = ["id,given_name,family_name,emails", "c1,Ann,Lee,ann@example.org", BROKEN, "c3,Ewa,Nowak,ewa@example.org,"]


@pytest.fixture
def look(hub) -> Iterator[Look]:
    desk = Desk(hub)
    config = Path("config/hub.yaml")
    config.write_text(config.read_text() + "  members: {type: file, path: members.csv, key: id}\n")
    Path("members.csv").write_text("\n".join([*ROWS, ""]))
    desk.sync("members")
    with looked_at(Path("config").absolute()) as found:
        yield found


def parked(look: Look) -> list[int]:
    with look.console.world.store.read() as tx:
        return [row.number for row in lists.parked(tx, ParkedFilter()).rows]


def version(look: Look, number: int) -> str:
    text = look.get(f"/parked/{number}").text
    return text.split('name="version" value="')[1].split('"')[0]


def test_the_page_shows_the_text_its_columns_and_what_is_wrong(look: Look) -> None:
    number = parked(look)[0]
    shown = look.get(f"/parked/{number}").text

    assert f"\n{BROKEN}</textarea>" in shown
    assert "<code>family_name</code>" in shown
    assert "has 5 fields where the header has 4" in shown


def test_what_would_become_of_a_text_is_shown_as_it_is_typed(look: Look) -> None:
    number = parked(look)[0]

    good = look.post(f"/parked/{number}/line/look", text=BROKEN[:-1])
    hostile = look.post(f"/parked/{number}/line/look", text="c2,<script>alert(1)</script>,{{7*7}},rui@example.org")

    assert "It can be read: record c2." in good.text
    assert "<html" not in good.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in hostile.text
    assert "{{7*7}}" in hostile.text
    assert "<script>alert" not in hostile.text


def test_saving_takes_it_in_and_counts_one_less(look: Look) -> None:
    number, other = parked(look)

    answer = look.post(f"/parked/{number}/line", text=BROKEN[:-1], version=version(look, number))

    assert (answer.status_code, answer.headers["location"]) == (303, f"/parked/{number}")
    assert parked(look) == [other]
    shown = look.get(f"/parked/{number}").text
    assert "Put right by ann" in shown
    assert "is known from this connection already" not in shown
    assert look.begun == []  # nothing but this is read or written


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("", 422, "The text is empty"),
        (f"{BROKEN[:-1]}\nc9,A,B,a@example.org", 422, "more than one line"),
        ("x" * 1_000_000, 422, "cannot be read"),
        ("c2,a\x00b,c,d@example.org", 422, "NUL"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}<b>c2", 422, "&lt;b&gt;c2</textarea>"),
    ],
)
def test_a_text_that_is_no_line_is_refused_and_kept(look: Look, text: str, status: int, said: str) -> None:
    number = parked(look)[0]

    answer = look.post(f"/parked/{number}/line", text=text, version=version(look, number))

    assert answer.status_code == status
    assert said in answer.text
    assert number in parked(look)


def test_who_saves_second_is_refused_and_sees_what_is_now(look: Look) -> None:
    number = parked(look)[0]
    seen = version(look, number)
    look.post(f"/parked/{number}/line", text=BROKEN[:-1], version=seen)

    answer = look.post(f"/parked/{number}/line", text="c2,Mine,Own,rui@example.org", version=seen)

    assert answer.status_code == 409
    assert "put right by ann meanwhile" in answer.text
    assert "c2,Mine,Own,rui@example.org</textarea>" in answer.text
    assert f'<h2>As ann has put it right</h2>\n<div class="sheet"><pre class="wrap">{BROKEN[:-1]}</pre>' in answer.text


def test_one_rule_is_shown_and_then_done(look: Look) -> None:
    shown = look.post("/parked/lines/look", find=",", at="end", every="true", stage="read")
    assert "2 texts would be read." in shown.text
    assert len(parked(look)) == 2

    overtaken = look.post("/parked/lines", find=",", at="end", every="true", stage="read", seen="7")
    done = look.post("/parked/lines", find=",", at="end", every="true", stage="read", seen="2")

    assert (overtaken.status_code, done.status_code) == (409, 303)
    assert parked(look) == []


def test_a_rule_needs_a_choice_and_a_meaning(look: Look) -> None:
    assert "No record was chosen" in look.post("/parked/lines/look", find=",").text
    assert "Say an encoding" in look.post("/parked/lines/look", every="true").text
    assert "no text encoding" in look.post("/parked/lines/look", every="true", encoding="rot13").text
    assert look.post("/parked/lines/look", every="true", at="nowhere").status_code == 422
    assert "is no domain" in look.post("/parked/domain/look", every="true", domain="a.b", meant="<b>").text


@pytest.mark.parametrize("path", ["/parked/1/line", "/parked/1/line/look", "/parked/lines", "/parked/domain"])
def test_who_may_not_decide_changes_nothing(look: Look, path: str) -> None:
    look.role = Role.AGENT

    assert look.post(path, text=BROKEN[:-1], version="x", seen="2", every="true", find=",").status_code == 403
    assert "readonly" in look.get("/parked/1").text
    assert len(parked(look)) == 2


def test_what_has_no_text_is_not_there(look: Look) -> None:
    assert look.post("/parked/99/line", text="x", version="x").status_code == 404
    assert look.post("/parked/99/line/look", text="x").status_code == 404


def test_a_connection_that_is_not_configured_any_more_says_so(look: Look) -> None:
    number = parked(look)[0]
    with look.console.world.store.write() as tx:
        tx.run("UPDATE parked SET connection = 'gone' WHERE id = :n", n=number)

    assert "does not read single pieces any more" in look.get(f"/parked/{number}").text
