"""`hub parked line`, `lines` and `domain`: texts that could not be read put right on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.desk import Desk

HEADER = "id,given_name,family_name,emails"


@pytest.fixture
def lines(hub) -> Desk:
    desk = Desk(hub)
    config = Path("config/hub.yaml")
    config.write_text(config.read_text() + "  members: {type: file, path: members.csv, key: id}\n")
    rows = [HEADER, "c1,Ann,Lee,ann@example.org", "c2,Rui,Lima,rui@example.org,", "c3,Ewa,Nowak,ewa@example.org,"]
    Path("members.csv").write_text("\n".join([*rows, ""]))
    desk.type_in("crm", "Ida", "Moss", "ida@gmial,com")
    desk.sync("members", "crm")
    return desk


def parked(desk: Desk, connection: str = "members") -> list[int]:
    return [row["number"] for row in desk.json("parked", "list", "-c", connection)["rows"]]


def found(desk: Desk, name: str) -> bool:
    return name in desk("contacts", "find", name).out


def test_a_text_is_looked_at_and_then_put_right(hub, lines) -> None:
    number, other = parked(lines)
    assert f"hub parked line {number}" in lines("parked", "show", str(number)).out

    looked = hub("parked", "line", str(number), "--look", typed="c2,Rui,Lima,rui@example.org\n")
    wrong = hub("parked", "line", str(number), typed="c2,Rui,Lima\n")
    assert parked(lines) == [number, other]
    done = hub("parked", "line", str(number), "--by", "ann", typed="c2,Rui,Lima,rui@example.org\n")

    assert "It can be read: record c2" in looked.out
    assert (wrong.code, "still cannot be read" in wrong.err) == (2, True)
    assert (done.code, "1 text put right." in done.out) == (0, True)
    assert parked(lines) == [other]
    assert found(lines, "Lima")
    assert "parked text put right" in lines("audit", "list").out


def test_a_rule_for_many(hub, lines) -> None:
    looked = hub("parked", "lines", "-c", "members", "--replace", "--at", "end", "--look", typed=",\n\n")
    assert "2 would be read of 2 tried" in looked.out
    assert len(parked(lines)) == 2

    done = hub("parked", "lines", "-c", "members", "--replace", "--at", "end", typed=",\n\n")

    assert (done.code, "2 texts put right." in done.out) == (0, True)
    assert parked(lines) == []
    assert found(lines, "Nowak")


def test_a_rule_that_says_nothing_is_refused(hub, lines) -> None:
    assert "Say an encoding" in lines("parked", "lines", "-c", "members").err
    assert "no text encoding" in lines("parked", "lines", "-c", "members", "--encoding", "nonsense").err
    assert "Say which" in lines("parked", "lines", "--encoding", "cp1252").err
    assert "none whose text" in hub("parked", "line", "99", typed="x\n").err
    assert len(parked(lines)) == 2


def test_a_domain_in_many(lines) -> None:
    asked = ("parked", "domain", "--from", "gmial,com", "--to", "gmail.com", "-c", "crm")
    assert "1 record and 0 refused writes" in lines(*asked, "--look").out

    assert "1 record corrected" in lines(*asked).out
    lines.sync("crm")

    assert parked(lines, "crm") == []
    assert found(lines, "ida@gmail.com")
