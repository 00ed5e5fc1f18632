"""Texts that could not be read put right by programs: the API, and the client over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.access.rights import Role
from hub.client import Client, NotThere, NotValid, Overtaken
from hub.web.server import serve
from tests.cli.conftest import hub
from tests.cli.desk import Desk
from tests.web.api.rig import Asking, asking

__all__ = ["hub"]

BROKEN = "c2,Rui,Lima,rui@example.org,"
ROWS = ["id,given_name,family_name,emails", "c1,Ann,Lee,ann@example.org", BROKEN, "c3,Ewa,Nowak,ewa@example.org,"]


@pytest.fixture
def asked(hub) -> Iterator[Asking]:
    desk = Desk(hub)
    config = Path("config/hub.yaml")
    config.write_text(config.read_text() + "  members: {type: file, path: members.csv, key: id}\n")
    Path("members.csv").write_text("\n".join([*ROWS, ""]))
    desk.type_in("crm", "Ida", "Moss", "ida@gmial,com")
    desk.sync("members", "crm")
    with asking(Path("config").absolute()) as found:
        yield found


@pytest.fixture
def client(asked: Asking) -> Iterator[Client]:
    serving = serve(asked.app, port=0)
    with Client(serving.url, "of-the-test") as made:
        yield made
    serving.stop()


def waiting(client: Client, connection: str = "members") -> list[int]:
    return [row["number"] for row in client.rows("parked", connection=connection)]


def test_a_text_is_looked_at_put_right_and_taken_in(asked: Asking, client: Client) -> None:
    number, other = waiting(client)
    line = client.line(number)
    assert (line["original"], line["columns"][0], line["person"]) == (BROKEN, "id", None)

    told = client.look_at_line(number, BROKEN[:-1])
    assert (told["is_read"], told["record_id"], told["problem"]) == (True, "c2", None)
    assert told["mapped"]["family_name"] == "Lima"
    assert not client.look_at_line(number, BROKEN)["is_read"]

    done = client.put_line_right(number, BROKEN[:-1], line["version"])

    assert (done["state"], done["text"], done["person"]) == ("resolved", BROKEN[:-1], "token:test")
    assert waiting(client) == [other]
    assert asked.one("rui@example.org")


def test_who_comes_second_is_told_what_is_now(asked: Asking, client: Client) -> None:
    number = waiting(client)[0]
    line = client.line(number)
    client.put_line_right(number, BROKEN[:-1], line["version"])

    with pytest.raises(Overtaken, match="put right by token:test"):
        client.put_line_right(number, "c2,Mine,Own,rui@example.org", line["version"])

    answer = asked.post(f"/parked/{number}/line", {"text": "c2,Mine,Own,x@example.org", "version": line["version"]})
    assert (answer.status_code, answer.json()["now"]["text"]) == (409, BROKEN[:-1])


@pytest.mark.parametrize("text", ["", f"{BROKEN[:-1]}\nc9,a,b,c", "a\x00b", "x" * 70_000])
def test_a_text_that_is_no_line_is_not_valid(client: Client, text: str) -> None:
    number = waiting(client)[0]

    with pytest.raises(NotValid):
        client.put_line_right(number, text)

    assert number in waiting(client)


def test_a_body_of_a_megabyte_is_refused(asked: Asking) -> None:
    assert asked.post("/parked/1/line", {"text": "x" * 1_000_000}).status_code == 413


def test_what_has_no_text_is_not_there(client: Client) -> None:
    [value] = waiting(client, "crm")
    for number in (value, 12_345):
        with pytest.raises(NotThere):
            client.line(number)


def test_many_are_put_right_by_one_rule(client: Client) -> None:
    rule = {"connection": "members", "find": ",", "at": "end"}

    told = client.put_lines_right(look=True, **rule)
    assert (told["total"], told["read"], len(told["shown"])) == (2, 2, 2)
    assert len(waiting(client)) == 2
    with pytest.raises(Overtaken):
        client.put_lines_right(seen=9, **rule)

    assert client.put_lines_right(seen=2, **rule) == {"records": 2, "unread": 0, "left": 0}
    assert waiting(client) == []


def test_a_domain_is_put_right_in_many(client: Client) -> None:
    told = client.put_domain_right("gmial,com", "gmail.com", look=True, connection="crm")
    assert (told["records"], told["shown"][0]["after"]) == (1, "ida@gmail.com")

    assert client.put_domain_right("gmial,com", "gmail.com", connection="crm")["records"] == 1
    assert [row["state"] for row in client.rows("parked", connection="crm")] == ["retry"]


def test_it_takes_the_right_to_decide(asked: Asking) -> None:
    asked.role = Role.AGENT

    assert asked.get("/parked/1/line").status_code == 200
    assert asked.post("/parked/1/line", {"text": BROKEN[:-1]}).status_code == 403
    assert asked.post("/parked/lines", {"connection": "members", "find": ","}).status_code == 403
