"""`hub connector new` and `try`: from a description to a connection that runs, against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.rolodex import KEY, Rolodex, served


@pytest.fixture
def rolodex() -> Rolodex:
    made = Rolodex()
    for number in range(30):
        made.add(f"Ana{number}", f"Silva{number}", f"ana{number}.silva{number}@example.org")
    return made


@pytest.fixture
def address(rolodex: Rolodex, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("ROLODEX_KEY", KEY)
    Path("config").mkdir()
    Path("config/hub.yaml").write_text("connections: {}\n")
    Path("rolodex.json").write_text(json.dumps(rolodex.app.openapi()))
    with served(rolodex) as url:
        yield url


def configure(address: str, **more: Any) -> None:
    settings = {"type": "rolodex", "url": address, "secret": "env:ROLODEX_KEY", **more}
    Path("config/hub.yaml").write_text(json.dumps({"connections": {"cards": settings}}))


def test_a_drafted_service_reads_and_writes_without_a_line_of_code(hub, rolodex, address):
    drafted = hub("connector", "new", "rolodex", "--openapi", "rolodex.json")
    assert drafted.code == 0, drafted.err
    assert "secret: env:ROLODEX_SECRET" in drafted.out
    assert Path("config/services/rolodex.yaml").read_text().count("# check") > 3

    configure(address)
    assert hub("check").code == 0
    assert hub("sync", "--yes").code == 0

    found = hub("contacts", "find", "Ana7 Silva7", "--json")
    assert "ana7.silva7@example.org" in found.out


def test_a_quiet_service_is_asked_once_after_the_first_time(hub, rolodex, address):
    hub("connector", "new", "rolodex", "--openapi", "rolodex.json")
    configure(address)
    hub("sync", "--yes")
    for person in rolodex.people.values():
        person.updated_at = "2020-01-01T00:00:00Z"
    rolodex.asked.clear()

    assert hub("sync").code == 0
    assert rolodex.asked == ["GET /people"]


def test_trying_shows_records_and_a_write_that_never_leaves(hub, rolodex, address):
    hub("connector", "new", "rolodex", "--openapi", "rolodex.json")
    configure(address)
    rolodex.asked.clear()

    tried = hub("connector", "try", "cards", "--show-values")

    assert tried.code == 0, tried.err
    assert "10 records read" in tried.out
    assert "ana3.silva3@example.org" in tried.out
    assert "PATCH /people/1" in tried.out
    assert "POST /people" in tried.out
    assert {call.split()[0] for call in rolodex.asked} == {"GET"}
    assert rolodex.people[1].first_name == "Ana0"


def test_trying_hides_values_unless_they_are_asked_for(hub, rolodex, address):
    hub("connector", "new", "rolodex", "--openapi", "rolodex.json")
    configure(address)

    tried = hub("connector", "try", "cards")

    assert "silva" not in tried.out.lower()
    assert KEY not in tried.out


def test_trying_with_a_wrong_key_says_what_to_do(hub, rolodex, address, monkeypatch):
    hub("connector", "new", "rolodex", "--openapi", "rolodex.json")
    configure(address)
    monkeypatch.setenv("ROLODEX_KEY", "wrong")

    tried = hub("connector", "try", "cards")

    assert tried.code == 2
    assert "401" in tried.out
    assert "Next:" in tried.out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "no `paths`"),
        ("just text: [", "neither JSON nor YAML"),
        ('{"paths": {}}', "neither OpenAPI 3 nor Swagger 2"),
        ('{"openapi": "3.0.0", "paths": {"/ping": {"get": {}}}}', "no call that lists records"),
    ],
)
def test_a_file_that_is_no_description_is_refused(hub, address, content, said):
    Path("wrong.json").write_text(content)
    answer = hub("connector", "new", "wrong", "--openapi", "wrong.json")
    assert answer.code == 2
    assert said in answer.err
    assert "Nothing was written" in answer.err
    assert not Path("config/services/wrong.yaml").exists()


def test_a_file_that_is_there_is_not_replaced(hub, address):
    hub("connector", "new", "rolodex", "--openapi", "rolodex.json")
    path = Path("config/services/rolodex.yaml")
    path.write_text(path.read_text() + "# mine\n")

    answer = hub("connector", "new", "rolodex", "--openapi", "rolodex.json")

    assert answer.code == 2
    assert path.read_text().endswith("# mine\n")
    assert hub("connector", "new", "rolodex", "--openapi", "rolodex.json", "--force").code == 0
