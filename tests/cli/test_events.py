"""Events of a described service, from its webhook to the store, with `hub run` as a process of its own."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.canaries import canary
from tests.cli.company import Company
from tests.cli.test_run import eventually, running

SECRET = canary("cli-webhooks")
SERVICE = """\
service: Acorn
about: a made-up service
url: "{url}"
settings:
  url: {help: address, required: true}
  hook_secret: {help: of the webhooks, secret: true}
auth: {query: {key: "k"}}
check: {call: "GET /contacts"}
record: {id: id, changed: changed}
list: &all
  call: "GET /contacts"
  query: &page {offset: "{offset}"}
  items: items
  size: 10
  paging: {offset: 0, total: total}
changes: {<<: *all, query: {<<: *page, since: "{since}"}, since: iso}
read: {call: "GET /contacts/{id}"}
webhooks: {secret: "{hook_secret}", hmac: {header: X-Acorn-Sign}, kind: kind, id: id, deleted: [deleted]}
mapping: {fields: {family_name: name, emails: mail}}
"""


class Acorn(ThreadingHTTPServer):
    """Contacts by number, and what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.people = {str(n): {"id": n, "name": f"Oak {n}", "mail": f"oak{n}@example.org"} for n in (1, 2, 3)}


class Handler(BaseHTTPRequestHandler):
    server: Acorn

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        self.server.asked.append(path.path)
        name = path.path.rpartition("/")[2]
        if name == "contacts":
            query = parse_qs(path.query)
            rows = [] if "since" in query else list(self.server.people.values())
            self.say(200, {"items": rows[int(query["offset"][0]) :] if "offset" in query else rows, "total": len(rows)})
        elif name in self.server.people:
            self.say(200, self.server.people[name])
        else:
            self.say(404, {})

    def say(self, status: int, body: Any) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def acorn() -> Iterator[Acorn]:
    with Acorn() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def company(tmp_path, acorn, monkeypatch):
    monkeypatch.setenv("ACORN_HOOKS", SECRET)
    url = f"http://127.0.0.1:{acorn.server_port}"
    more = f"  oak:\n    type: acorn\n    url: {url}\n    hook_secret: env:ACORN_HOOKS\n    schedule: manual\n"
    made = Company(tmp_path, more=more)
    services = tmp_path / "config" / "services"
    services.mkdir()
    (services / "acorn.yaml").write_text(SERVICE)
    return made


def tell(url: str, kind: str, *ids: str, secret: str = SECRET) -> int:
    body = json.dumps([{"kind": kind, "id": each, "name": "Never believed"} for each in ids]).encode()
    sign = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-acorn-sign": sign}
    return httpx.post(f"{url}/hooks/oak", content=body, headers=headers).status_code


def test_an_event_is_followed_by_a_reading_of_its_record_and_by_nothing_else(company, hub, acorn):
    hub("sync", "--yes")
    acorn.asked.clear()
    acorn.people["2"]["name"] = "Elm"
    with running(company) as (_, url):
        assert tell(url, "changed", "2", secret="another-secret-of-nobody") == 401
        assert tell(url, "changed", "2") == 200

        assert eventually(lambda: shown(company, "2") == "Elm")

    assert acorn.asked == ["/contacts/2"]


def test_a_deletion_that_was_told_goes_the_way_of_every_deletion(company, hub, acorn):
    hub("sync", "--yes")
    del acorn.people["3"]
    with running(company) as (_, url):
        assert tell(url, "deleted", "1", "3") == 200

        assert eventually(lambda: state(company, "3") != "live")

    assert state(company, "1") == "live"
    [(gate, counts)] = company.store("select gate, counts from hold where connection = 'oak' and state = 'open'")
    assert (gate, json.loads(counts)) == ("deletes", {"deletes": 1})


def test_events_that_came_while_nobody_ran_are_followed_at_the_start(company, hub, acorn):
    hub("sync", "--yes")
    acorn.people["1"]["name"] = "Ash"
    with closing(sqlite3.connect(company.home / "data" / "hub.db")) as db, db:
        told = json.dumps({"hints": [["changed", "1"]]})
        add = "insert into inbox (connection, delivery_id, received_at, payload) values ('oak', 'd1', ?, ?)"
        db.execute(add, (time.time(), told))
    with running(company):
        assert eventually(lambda: shown(company, "1") == "Ash")


def shown(company: Company, name: str) -> str:
    [(fields,)] = company.store(f"select fields from record where connection = 'oak' and external_id = '{name}'")
    return str(json.loads(fields)["family_name"])


def state(company: Company, name: str) -> str:
    [(found,)] = company.store(f"select state from record where connection = 'oak' and external_id = '{name}'")
    return str(found)
