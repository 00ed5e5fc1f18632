"""Somebody is planted through every door of the web, erased, kept out at each, and is back by a double opt-in."""

from __future__ import annotations

import hmac
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request

from hub.access.rights import RIGHTS, Actor, Role
from hub.config import load_config
from hub.connectors.contract import Can, Connector, Context
from hub.connectors.form_settings import FormSettings
from hub.connectors.forms import FormConnector
from hub.connectors.messages import MessagesConnector, MessageSettings
from hub.connectors.registry import connector_types
from hub.document import parse_document
from hub.mapping.spec import load_mapping
from hub.store.db import Store
from hub.store.inbox import StoreInbox
from hub.store.schema import metadata
from hub.store.search import SearchIndex
from hub.sync.engine import Route
from hub.sync.follow import purge, step
from hub.sync.run import Orders, sync
from hub.web.api.routes import PREFIX
from hub.web.api.world import World as ApiWorld
from hub.web.app import Deps, create_app
from hub.web.messages import signed_text
from hub.web.monitoring import Health
from tests.canaries import canary
from tests.fakes.rig import FREE
from tests.fakes.stores import in_file
from tests.optin.world import ANN, FORM, GIVEN, World, link, token

PLAIN_GIVEN = {"signature": "none", "allow_unsigned": True, "honeypot": "homepage"}
PLAIN = FormSettings.model_validate(PLAIN_GIVEN)
SECRET, KEY = canary("auth-token"), canary("in-the-address")
SMS = MessageSettings(provider="twilio", secret=SECRET, public_url="https://hub.example.org", text=True)
PERSON = {**ANN, "phones": "+351912345678"}
OTHER = {"given_name": "Rui", "family_name": "Teles", "emails": "rui@example.org", "phones": "+351961234567"}
TRACES = ("ann@example.org", "abreu", "912345678", "captain nemo", md5(b"ann@example.org").hexdigest())


class Doors(World):
    """The same hub with more of its doors: a plain form, messages, events of a service, and the API."""

    def __init__(self, store: Store, port: int, folder: Path) -> None:
        super().__init__(store, port)
        (folder / "hub.yaml").write_text("default_region: PT\n")
        self._route("contact", FormConnector.mapping_text(PLAIN_GIVEN))
        self._route("sms", MessagesConnector.default_mapping)
        self.index = SearchIndex(None)
        news = connector_types()["mailchimp"].spec.webhooks  # type: ignore[attr-defined]  # of a described service
        api = ApiWorld(
            *(load_config(folder), store, lambda: self.hub.hub, self.index, lambda *_: True, lambda _: None, self.clock)
        )
        self.app = create_app(
            Deps(
                forms={"website": FORM, "contact": PLAIN},
                hooks={"sms": SMS},
                events={"news": (news, {"hook_secret": KEY, "list": "a1"})},
                inbox=StoreInbox(store),
                health=lambda: Health(store=True),
                registry=CollectorRegistry(),
                clock=lambda: datetime.fromtimestamp(self.clock(), UTC),
                form_key=self.opt_ins.key,
                opt_ins=self.opt_ins,
                api=api,
            )
        )
        self.app.state.identify = self._actor

    def _route(self, name: str, mapping: str) -> None:
        table = load_mapping(parse_document(mapping, name).data, where=name, default_region="PT")
        self.hub.routes[name] = Route(name, table, Can(changes=True, complete=False), limits=FREE)
        with self.store.write() as tx:
            tx.run("INSERT INTO connection_state (name, started_at) VALUES (:n, 1)", n=name)

    @staticmethod
    def _actor(_request: Request) -> Actor:
        return Actor("token:test", RIGHTS[Role.ADMINISTRATOR], "t1", None, fresh=False)

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.ask(method, PREFIX + path, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def send_message(self, number: str, said: str) -> httpx.Response:
        fields = {"MessageSid": "SM" + number * 32, "From": PERSON["phones"], "To": "+351210000000", "Body": said}
        text = signed_text("https://hub.example.org/messages/sms", fields)
        signature = b64encode(hmac.digest(SECRET.encode(), text, "sha1")).decode()
        headers = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature}
        return self.ask("POST", "/messages/sms", content=urlencode(fields), headers=headers)

    def tell_of_a_member(self) -> httpx.Response:
        fields = {
            "type": "profile",
            "fired_at": "2026-11-22 12:00:00",
            "data[list_id]": "a1",
            "data[email]": ANN["emails"],
        }
        return self.ask("POST", f"/hooks/news?key={KEY}", data=fields)

    def pull(self) -> dict[str, int]:
        """All that came in: how many were kept out."""
        out: dict[str, int] = {}
        for name, settings in {"website": FORM, "contact": PLAIN, "sms": SMS}.items():
            context = Context(name, default_region="PT", inbox=StoreInbox(self.store).of(name))
            kind: type[Connector] = MessagesConnector if name == "sms" else FormConnector
            result = sync(self.hub.hub, kind(settings, context), name, Orders())
            assert result.status == "done", result
            out[name] = result.counts.get("withheld", 0)
        return out

    def enter_by_every_door(self, number: str) -> None:
        assert self.ask("POST", "/forms/contact", data={**PERSON, "message": "captain nemo"}).status_code < 400
        assert self.send_message(number, "captain nemo here").status_code == 200
        assert self.tell_of_a_member().status_code == 200

    def found(self) -> list[str]:
        """Tables that hold anything of the person."""
        while step(self.store, self.index):
            pass
        purge(self.store, self.index, self.clock())
        texts = {table: str(self.hub.rows(f"SELECT * FROM {table}")).lower() for table in metadata.tables}
        texts["the search"] = self.api("GET", "/contacts?q=abreu").text.lower().replace("q=abreu", "")
        return sorted(name for name, text in texts.items() if any(trace in text for trace in TRACES))


@pytest.fixture
def doors(tmp_path, server):
    store = in_file(tmp_path / "hub.db")
    made = Doors(store, server.port, tmp_path)
    yield made
    made.index.close()
    store.close()


def planted(doors: Doors) -> str:
    """Somebody who came in by every door and was worked on through the API, with more still waiting; the golden id."""
    assert doors.ask("POST", "/forms/contact", data=OTHER).status_code < 400
    doors.ask("POST", "/forms/website", data=PERSON)
    doors.enter_by_every_door("1")
    doors.pull()
    (golden_id,) = {row[0] for row in doors.hub.rows("SELECT golden_id FROM record WHERE connection = 'website'")}
    assert doors.hub.rows("SELECT DISTINCT golden_id FROM record WHERE golden_id <> :g", g=golden_id)
    noted = {"contact": golden_id, "kind": "call.answered", "channel": "call", "summary": "Ann Abreu called"}
    assert doors.api("POST", "/interactions", noted, idempotency_key="note-of-a-call-1").status_code == 201
    tag = doors.api("GET", f"/contacts/{golden_id}").headers["etag"]
    pin = {"field": "job_title", "value": "Captain Nemo"}
    assert doors.api("PUT", f"/contacts/{golden_id}/pins", pin, if_match=tag).status_code == 200
    doors.enter_by_every_door("2")
    assert {"golden", "record", "interaction", "inbox", "opt_in", "the search"} <= {*doors.found()}
    return golden_id


def erased(doors: Doors) -> str:
    answer = doors.api("POST", f"/contacts/{planted(doors)}/erasure", {"reference": "case 7"})
    assert answer.status_code == 201
    return str(answer.json()["id"])


def test_who_came_in_by_every_door_is_found_nowhere_after_an_erasure(doors):
    erased(doors)

    assert doors.found() == []
    assert "rui@example.org" in str(doors.hub.rows("SELECT fields FROM golden"))


def test_they_come_in_again_by_none_of_the_doors(doors):
    erased(doors)

    doors.enter_by_every_door("3")
    counts = doors.pull()

    assert counts == {"website": 0, "contact": 2, "sms": 1}  # a form is a record and an interaction
    assert doors.found() == ["inbox"]  # the hint of a service that has not run since; it names them by a hash
    refused = doors.api("POST", "/interactions", {"mail": ANN["emails"], "kind": "mail", "summary": "again"})
    assert refused.status_code >= 400


def test_who_confirms_on_the_page_of_a_double_opt_in_is_back(doors, server):
    erasure_id = erased(doors)
    doors.ask("POST", "/forms/website", data=PERSON)
    assert doors.pull()["website"] == 2
    doors.mail()
    mail = server.got[-1]
    assert doors.ask("GET", link(mail)).status_code == 200
    assert doors.api("GET", f"/erasures/{erasure_id}").json()["state"] != "lifted"

    done = doors.ask("POST", "/forms/website/confirm", data={"t": token(mail)})
    assert done.status_code == 303
    doors.pull()

    (row,) = doors.hub.rows("SELECT external_id FROM record WHERE connection = 'website'")
    back = doors.hub.golden("website", row[0])
    assert (back["given_name"], "emails/ann@example.org" in back) == ("Ann", True)
    assert doors.api("GET", f"/erasures/{erasure_id}").json()["state"] == "lifted"
    assert "job_title" not in back
    assert GIVEN["consent"][0]["purpose"] in str(back)
