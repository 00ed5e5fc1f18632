"""Bad input, end to end: a clear error with the next step, the rest goes on, and nothing is lost.

Where each of the eighteen is tested, besides here:

wrong key in the configuration   here; tests/test_config.py, tests/cli/test_check.py
secret missing                   tests/test_config.py, tests/cli/test_sync.py
system down                      here; hub/testing/contract.py and test_http.py, tests/sync/test_run.py
wrong password                   here; hub/testing/contract.py and test_http.py, tests/sync/test_run.py
certificate not trusted          here; tests/connectors/test_http.py
HTML instead of JSON with 200    here; tests/connectors/test_http.py
truncated page                   here; tests/connectors/test_http.py
empty listing                    here; tests/sync/test_absence.py, tests/connectors/test_files.py
unknown enum                     tests/sync/test_intake.py, tests/mapping/test_inward.py
invalid UTF-8                    here; tests/connectors/test_files.py and test_sql.py
NUL bytes                        here; tests/connectors/test_files.py, tests/mapping/test_hygiene.py
a 10 MB field                    here; tests/connectors/test_files.py, tests/mapping/test_hygiene.py
ragged CSV                       here; tests/connectors/test_files.py
duplicate header                 here; tests/connectors/test_files.py
two records with one key         here; tests/connectors/test_files.py, tests/sync/test_intake.py
unknown time zone                here; tests/test_config.py
mapping to an unknown field      here; tests/mapping/test_mistakes.py
a table that lost a column       here; tests/connectors/test_sql.py
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli.main import app
from tests.canaries import canary
from tests.cli.company import Company, person
from tests.connectors.test_http import certificate, listening

HEADER = b"id,given_name,family_name,emails\n"
LIST = """  news:
    type: mailman
    url: {url}
    secret: env:NEWS_KEY
    list: news.example.org
"""
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<html></html>"
CUT = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"entries": ['
DENIED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Runs `hub ARGS…`: (exit code, everything it said)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWS_KEY", canary("news"))

    def run(*args: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(args), env={"COLUMNS": "200"})
        return result.exit_code, result.output

    return run


@pytest.fixture
def company(tmp_path, hub):
    """Three people in the CRM and three in the partner's file, all of them known."""
    made = Company(tmp_path)
    made.hire(0, 3)
    made.deliver(10, 13)
    assert hub("sync", "--yes")[0] == 0
    return made


def runs(hub: Callable[..., tuple[int, str]], *args: str) -> tuple[int, dict[str, Any]]:
    """A sync as JSON: (exit code, connection → its part)."""
    code, said = hub("sync", "--json", *args)
    return code, {c["connection"]: c for c in json.loads(said)["connections"]}


def configure(company: Company, old: str, new: str) -> None:
    path = company.home / "config" / "hub.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def partners(company: Company, data: bytes) -> None:
    (company.home / "in" / "a.csv").write_bytes(data)


def line(number: int) -> bytes:
    return (",".join([f"p{number}", *person(number)]) + "\n").encode()


def known(company: Company) -> set[str]:
    return {str(r[0]) for r in company.store("select external_id from record where connection = 'partners'")}


def parked(company: Company) -> dict[str, tuple[str, str]]:
    """Of the file: what is called how → (reason, original)."""
    rows = company.store("select external_id, reason, original from parked where state = 'open'")
    return {str(r[0]): (str(r[1]), str(r[2])) for r in rows}


# --- configuration ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "schedule: every 1 second\n    full",
            "shedule: every 1 second\n    full",
            ["shedule", "schedule", "hub.yaml"],
        ),
        ("key: id\n    mapping", "zone: Europe/Lisbonn\n    key: id\n    mapping", ["time zone", "Europe/Lisbon"]),
    ],
)
def test_a_mistake_in_the_configuration_stops_everything_before_anything_is_written(company, hub, old, new, says):
    configure(company, old, new)
    before = company.store("select count(*) from run")

    code, said = hub("sync")

    assert code == 2
    assert all(word in said for word in says), said
    assert company.store("select count(*) from run") == before


def test_a_mapping_to_a_field_that_does_not_exist_names_file_key_and_the_nearest(company, hub):
    (company.home / "config" / "mappings" / "crm.yaml").write_text("fields:\n  given_nme: first\n  family_name: last\n")

    code, said = hub("sync")

    assert code == 2
    assert "crm.yaml" in said and "given_nme" in said and "given_name" in said
    assert company.store("select count(*) from golden where fields like '%given_name%'") == [(6,)]


# --- systems ----------------------------------------------------------------------------------------


def answering(data: bytes) -> Callable[[socket.socket], None]:
    def talk(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(data)

    return talk


@pytest.mark.parametrize(
    ("answer", "says"),
    [(HTML, "text/html"), (CUT, "broke the connection"), (DENIED, "check the secret")],
    ids=["HTML with 200", "truncated page", "wrong password"],
)
def test_a_system_that_does_not_answer_as_it_should_fails_alone(tmp_path, hub, answer, says):
    with listening(answering(answer)) as port:
        company = Company(tmp_path, more=LIST.format(url=f"http://127.0.0.1:{port}/3.1"))
        company.hire(0, 3)

        code, found = runs(hub, "--yes")

    assert code == 2
    assert (found["crm"]["status"], found["news"]["status"]) == ("done", "failed")
    assert says in found["news"]["message"]
    assert "s3cr3t" not in json.dumps(found)
    assert company.store("select count(*) from golden") == [(3,)]


def test_a_certificate_that_is_not_trusted_fails_alone_and_says_what_to_set(tmp_path, hub):
    _, server = certificate(tmp_path)
    with listening(answering(HTML), server) as port:
        company = Company(tmp_path, more=LIST.format(url=f"https://127.0.0.1:{port}/3.1"))
        company.hire(0, 3)

        code, found = runs(hub, "--yes")

    assert code == 2
    assert found["crm"]["status"] == "done"
    assert "not trusted" in found["news"]["message"] and "ca_file" in found["news"]["message"]


def test_a_system_that_is_down_fails_alone_and_goes_on_when_it_is_back(company, hub):
    crm = company.home / "crm.db"
    crm.rename(company.home / "moved.db")

    code, found = runs(hub)
    assert (code, found["crm"]["status"], found["partners"]["status"]) == (2, "failed", "done")

    (company.home / "moved.db").rename(crm)
    code, found = runs(hub, "crm")
    assert (code, found["crm"]["status"]) == (0, "done")
    assert company.store("select count(*) from golden where state = 'live'") == [(6,)]


def test_an_empty_table_where_there_were_people_waits_for_a_person(company, hub):
    company.sql("delete from people")

    code, found = runs(hub, "crm")

    assert (code, found["crm"]["status"]) == (1, "held")
    assert "0 of 6" in found["crm"]["message"]
    assert company.store("select distinct state from record") == [("live",)]
    assert "absence" in hub("held", "list", "--json")[1]


def test_a_table_that_lost_a_mapped_column_empties_nothing(company, hub):
    company.sql("alter table people drop column mail")

    runs(hub, "crm")
    runs(hub)

    assert company.store("select count(*) from golden where fields like '%emails/%'") == [(6,)]
    assert "columns that the record does not have: mail" in hub("check", "crm")[1]


def test_a_table_that_lost_its_key_stops_its_connection_by_name(company, hub):
    company.sql("alter table people rename column id to number")

    code, found = runs(hub)

    assert (code, found["crm"]["status"], found["partners"]["status"]) == (2, "failed", "done")
    assert "there is no column id" in found["crm"]["message"]
    assert company.store("select distinct state from record") == [("live",)]


# --- files ------------------------------------------------------------------------------------------

BAD = {
    "invalid UTF-8": (b"p90,Jos\xe9,Silva,jose@example.org\n", "utf-8"),
    "a NUL byte": (b"p91,Ada\x00,Silva,ada@example.org\n", "NUL"),
    "a 10 MB field": (b"p92," + b"x" * 10_000_000 + b",Silva,eva@example.org\n", "1048576 bytes"),
    "too few columns": (b"p93,Ada\n", "2 fields where the header has 4"),
    "too many columns": (b"p94,Ada,Silva,ada@example.org,more,and more\n", "6 fields where the header has 4"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_line_costs_itself_and_is_kept(company, hub, what):
    bad, reason = BAD[what]
    partners(company, HEADER + line(10) + bad + line(11) + line(12) + line(14))

    code, found = runs(hub, "partners")

    assert (code, found["partners"]["status"]) == (1, "done")
    assert known(company) >= {"p10", "p11", "p12", "p14"}
    [(name, (said, original))] = parked(company).items()
    assert reason in said
    assert original
    assert "3" in name or "p9" in name  # the line, or its key
    assert "partners" in hub("parked", "list")[1]


@pytest.mark.parametrize("what", BAD)
def test_a_line_that_was_repaired_is_taken_and_off_the_list(company, hub, what):
    partners(company, HEADER + line(10) + line(11) + line(12) + BAD[what][0])
    runs(hub, "partners")
    partners(company, HEADER + line(10) + line(11) + line(12) + line(14))

    assert hub("parked", "retry", "--connection", "partners")[0] == 0
    code, found = runs(hub, "partners")

    assert (code, found["partners"]["status"]) == (0, "done")
    assert "p14" in known(company)
    assert parked(company) == {}


def test_a_line_that_is_still_bad_stays_on_the_list(company, hub):
    partners(company, HEADER + line(10) + line(11) + line(12) + BAD["too few columns"][0])
    runs(hub, "partners")

    assert hub("parked", "retry", "--connection", "partners")[0] == 0
    runs(hub, "partners")

    assert len(parked(company)) == 1


def test_a_duplicate_header_stops_its_connection_before_a_line_is_read(company, hub):
    partners(company, b"id,given_name,given_name,emails\n" + line(10))

    code, found = runs(hub)

    assert (code, found["partners"]["status"], found["crm"]["status"]) == (2, "failed", "done")
    assert "given_name twice" in found["partners"]["message"]
    assert company.store("select distinct state from record") == [("live",)]


def test_of_two_lines_with_one_key_the_last_is_taken_and_the_first_is_kept(company, hub):
    first = b"p10,Somebody,Else,else@example.org\n"
    partners(company, HEADER + first + line(10) + line(11) + line(12))

    code, found = runs(hub, "partners")

    assert (code, found["partners"]["status"]) == (1, "done")
    [(_, (said, original))] = parked(company).items()
    assert "the key of" in said
    assert "else@example.org" in original
    assert company.store("select count(*) from golden where fields like '%else@example.org%'") == [(0,)]


def test_a_file_that_is_not_there_is_no_empty_file(company, hub):
    (company.home / "in" / "a.csv").unlink()

    code, found = runs(hub, "partners")

    assert (code, found["partners"]["status"]) == (2, "failed")
    assert company.store("select distinct state from record") == [("live",)]


def test_what_is_told_holds_no_personal_data(company, hub):
    partners(company, HEADER + line(10) + b"p93,Zacharias\n" + line(11))

    _, found = runs(hub, "partners")

    assert "Zacharias" not in json.dumps(found)
