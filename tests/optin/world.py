"""A hub with one form that asks for confirmation, its web pages and its mail server; one clock for all."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from hub.connectors.contract import Can, Context
from hub.connectors.form_settings import FormSettings
from hub.connectors.forms import FormConnector
from hub.document import parse_document
from hub.mail.sender import MailSender
from hub.mail.smtp import Server
from hub.mapping.spec import load_mapping
from hub.optin.asking import OptIns
from hub.store.db import Store
from hub.store.inbox import StoreInbox
from hub.sync.engine import Route
from hub.sync.run import Orders, sync
from hub.web.app import Deps, create_app
from hub.web.monitoring import Health
from tests.fakes.rig import FREE
from tests.fakes.rig import Rig as Hub

WORDING = {"en": "Send me the newsletter.", "pt": "Quero receber o boletim."}
GIVEN = {
    "signature": "none",
    "allow_unsigned": True,
    "honeypot": "homepage",
    "double_opt_in": {"valid": "2 days"},
    "consent": [{"field": "newsletter", "purpose": "newsletter", "wording": WORDING, "version": "v7"}],
}
FORM = FormSettings.model_validate(GIVEN)
ANN = {"given_name": "Ann", "family_name": "Abreu", "emails": "Ann@example.org", "newsletter": "yes"}
KEY = "consents/email|ann@example.org|newsletter"
BROWSER = {"accept": "text/html"}


class World:
    """A hub with one form, its web pages and its mail server; one clock for all."""

    def __init__(self, store: Store, port: int) -> None:
        self.hub = Hub(store=store)
        self.store, self.rung = store, []
        mapping = parse_document(FormConnector.mapping_text(GIVEN), "form").data
        self.hub.routes["website"] = Route(
            "website",
            load_mapping(mapping, where="form", default_region="PT"),
            Can(changes=True, complete=False),
            limits=FREE,
        )
        with store.write() as tx:
            tx.run("INSERT INTO connection_state (name, started_at) VALUES ('website', 1)")
        self.opt_ins = OptIns(store, {"website": FORM}, "https://hub.example.org", self.clock, self.rung.append)
        self.sender = MailSender(store, Server("127.0.0.1", port, "none", "hub@example.org"), self.clock)
        self.app = create_app(
            Deps(
                forms={"website": FORM},
                inbox=StoreInbox(store),
                health=lambda: Health(store=True),
                registry=CollectorRegistry(),
                clock=lambda: datetime.fromtimestamp(self.clock(), UTC),
                form_key=self.opt_ins.key,
                opt_ins=self.opt_ins,
            )
        )

    def clock(self) -> float:
        return self.hub.now

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="https://hub.example.org") as client:
                return await client.request(method, path, **how)

        return asyncio.run(send())

    def mail(self) -> None:
        while self.opt_ins.step() or self.sender.step():
            pass

    def take_in(self) -> None:
        form = FormConnector(FORM, Context("website", inbox=StoreInbox(self.store).of("website")))
        result = sync(self.hub.hub, form, "website", Orders())
        assert result.status == "done", result

    def golden(self) -> dict[str, Any]:
        (row,) = self.hub.rows("SELECT external_id FROM record")
        return self.hub.golden("website", row[0])

    def askings(self) -> list[Any]:
        return self.hub.rows("SELECT state, mails FROM opt_in ORDER BY at, id")


def link(mail: Any) -> str:
    (found,) = re.findall(r"https://hub\.example\.org(/forms/website/confirm\?t=\S+)", text(mail))
    return found


def text(mail: Any) -> str:
    return str(mail.get_body(("plain",)).get_content())


def token(mail: Any) -> str:
    return link(mail).partition("?t=")[2]
