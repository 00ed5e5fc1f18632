"""A real tap and a real target of the package index.

`tap-rest-api-msdk` reads from a server in this process; Meltano's `target-postgres` writes into a real PostgreSQL.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hub.connectors.contract import Context
from hub.connectors.singer import SingerConnector, SingerSettings
from hub.connectors.singer_target import SingerTargetConnector, TargetSettings
from hub.errors import TransientError
from hub.model import Done, Op, Outcome, Record, Refused, Write
from tests.connectors.programs import environment
from tests.connectors.servers import PASSWORD, USER, Server

TAP = "tap-rest-api-msdk"
TARGET = "target-postgres"
PEOPLE = [{"id": 1, "given_name": "Ana"}, {"id": 2, "given_name": "Rui"}]


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(PEOPLE).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.timeout(400)
def test_a_real_tap_is_read_with_its_keys_and_its_state(address: str, tmp_path: Path) -> None:
    program = str(environment("singer-tap", [f"{TAP}~=1.4.2"]) / TAP)
    stream = {"name": "people", "path": "/people", "primary_keys": ["id"], "records_path": "$.[*]"}
    config = tmp_path / "tap.json"
    config.write_text(json.dumps({"api_url": address, "streams": [stream]}))
    settings = SingerSettings(command=(program,), config=config, stream="people")
    tap = SingerConnector(settings, Context("people", base=tmp_path))

    pages = list(tap.pull(None))

    assert tap.check().lines == ("1 streams: people",)
    assert [item for page in pages for item in page.items] == [Record(str(each["id"]), each) for each in PEOPLE]
    assert pages[-1].cursor is not None and "bookmarks" in pages[-1].cursor
    assert [item.id for page in tap.pull(pages[-1].cursor) for item in page.items if isinstance(item, Record)]


# --- a target -------------------------------------------------------------------------------------


class Warehouse:
    """A schema of its own in PostgreSQL, which the target fills; `run` is one run of the hub."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.folder, self.schema = folder, folder.name.replace("-", "_")
        where = {"host": "127.0.0.1", "port": server.port, "user": USER, "password": PASSWORD, "database": "postgres"}
        self.db = psycopg.connect(
            f"host=127.0.0.1 port={server.port} user={USER} password={PASSWORD} dbname=postgres", autocommit=True
        )
        told = {"default_target_schema": self.schema, "load_method": "upsert", "validate_records": True}
        (folder / "target.json").write_text(json.dumps({**where, **told}))
        self.program = str(environment("singer-target", [f"meltanolabs-{TARGET}~=0.8.1"]) / TARGET)

    def run(self, *writes: Write, **told: Any) -> list[Outcome]:
        with ExitStack() as closing:
            columns = {"name": "text", "emails": "list", "born": "date", "visits": "integer"}
            given = {"command": (self.program,), "config": Path("target.json"), "columns": columns, **told}
            context = Context("warehouse", base=self.folder, closing=closing)
            connector = SingerTargetConnector(TargetSettings.model_validate(given), context)
            list(connector.pull(None))
            return connector.write(writes) if writes else []

    def ask(self, query: str) -> list[Any]:
        return self.db.execute(query.replace("contacts", f"{self.schema}.contacts")).fetchall()


@pytest.fixture
def warehouse(postgres_server: Server, tmp_path: Path) -> Iterator[Warehouse]:
    made = Warehouse(postgres_server, tmp_path)
    yield made
    made.db.close()


def person(number: int, **more: Any) -> Write:
    fields = {"name": f"Person {number}", "emails": [f"p{number}@example.org"], "born": "1970-02-03", "visits": number}
    return Write(Op.CREATE, f"hub:{number}", None, {**fields, **more})


@pytest.mark.timeout(400)
def test_a_real_target_holds_each_row_once_and_knows_who_was_deleted(warehouse: Warehouse) -> None:
    first = warehouse.run(person(1), person(2), person(1))
    warehouse.run(
        person(1), Write(Op.UPDATE, "hub:1", "hub:1", {"name": "Ana"}), Write(Op.DELETE, "hub:2", "hub:2", {})
    )

    assert all(isinstance(each, Done) for each in first)
    rows = warehouse.ask(
        "select hub_key, name, emails, born::text, visits, _sdc_deleted_at is null from contacts order by hub_key"
    )
    assert rows == [
        ("hub:1", "Ana", ["p1@example.org"], "1970-02-03", 1, True),
        ("hub:2", None, None, None, None, False),
    ]


@pytest.mark.timeout(400)
def test_a_row_that_a_real_target_breaks_off_on_costs_only_itself(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    warehouse.run(person(0))
    warehouse.db.execute(f"alter table {warehouse.schema}.contacts add check (visits <> 3)")

    outcomes = warehouse.run(*(person(number) for number in range(1, 5)))

    refused = outcomes.pop(2)
    assert isinstance(refused, Refused) and "Violation" in refused.reason
    assert all(isinstance(each, Done) for each in outcomes)
    assert warehouse.ask("select count(*) from contacts") == [(4,)]
    assert "p3@example.org" not in refused.reason + caplog.text and "Person 3" not in refused.reason + caplog.text


@pytest.mark.timeout(400)
def test_rows_of_a_real_target_that_was_ended_in_the_middle_are_there_once_in_the_end(warehouse: Warehouse) -> None:
    warehouse.run(person(0))
    with warehouse.db.transaction():
        warehouse.db.execute(f"lock table {warehouse.schema}.contacts in access exclusive mode")
        with pytest.raises(TransientError, match="said nothing for 4 s") as caught:
            warehouse.run(person(1), person(2), quiet=4)

    assert caught.value.maybe_done
    assert all(isinstance(each, Done) for each in warehouse.run(person(1), person(2)))
    assert warehouse.ask("select hub_key from contacts order by hub_key") == [("hub:0",), ("hub:1",), ("hub:2",)]
