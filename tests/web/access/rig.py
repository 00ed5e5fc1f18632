"""The sign-in of a hub, its clock set by the test, and browsers without a window."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from hub.access.rights import Role
from hub.accounts.oidc import Oidc
from hub.accounts.people import Accounts
from hub.accounts.signin import SignIn
from hub.config.load import load_config
from hub.optin.asking import OptIns
from hub.running import build_hub
from hub.store import access as db
from hub.store import audit
from hub.store.access import Account
from hub.store.db import Store
from hub.store.search import SearchIndex
from hub.web.access.identity import identify
from hub.web.access.signin import Entry
from hub.web.access.steps import Steps
from hub.web.api.world import World
from hub.web.app import Deps, create_app
from hub.web.console.glance import Glance
from hub.web.console.shell import Console
from hub.web.monitoring import Health
from tests.canaries import canary
from tests.fakes.stores import in_file
from tests.web.intake_rig import Inbox

HERE = "https://hub.example"
LOCAL = "http://127.0.0.1:8080"
PASSWORD = canary("password")
OTHER_PASSWORD = canary("other-password")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC).timestamp()
CSRF = re.compile(r'name="csrf" value="([^"]*)"')


@dataclass
class Browser:
    """Keeps cookies as a browser does. address: where its requests come from"""

    app: FastAPI
    base: str = HERE
    address: str = "192.0.2.1"
    jar: httpx.Cookies = field(default_factory=httpx.Cookies)
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._ask("GET", path, headers=headers)

    def post(self, path: str, page: str | None = None, csrf: str | None = None, **data: Any) -> httpx.Response:
        """page: where the form is, and so its token"""
        if csrf is None:
            found = CSRF.search(self.get(page or path).text)
            csrf = found[1] if found else ""
        return self._ask("POST", path, data={"csrf": csrf, **data}, headers={"origin": self.base})

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._ask(method, path, **more)

    def sign_in(self, name: str = "ann", password: str = PASSWORD, next: str = "/") -> httpx.Response:
        return self.post("/sign-in", name=name, password=password, next=next)

    @property
    def session(self) -> str | None:
        return self.jar.get("__Host-hub") or self.jar.get("hub-local")

    def _ask(self, method: str, path: str, headers: Any = None, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(self.address, 4711))
            async with httpx.AsyncClient(transport=transport, base_url=self.base, cookies=self.jar) as client:
                given = {"accept": "text/html", **self.headers, **(headers or {})}
                answer = await client.request(method, path, headers=given, **more)
                self.jar = client.cookies
                return answer

        return asyncio.run(ask())


@dataclass
class Rig:
    store: Store
    app: FastAPI
    entry: Entry
    clock: Callable[[], float]
    now: list[float]

    @property
    def accounts(self) -> Accounts:
        return self.entry.accounts

    def browser(self, base: str = HERE, address: str = "192.0.2.1") -> Browser:
        return Browser(self.app, base, address)

    def wait(self, seconds: float) -> None:
        self.now[0] += seconds

    def person(self, name: str = "ann", role: Role = Role.ADMINISTRATOR, password: str = PASSWORD) -> Account:
        account = self.accounts.accept(self.accounts.add("test", name, role), "", password)
        assert account is not None
        return account

    def account(self, name: str = "ann") -> Account:
        with self.store.read() as tx:
            found = db.account_named(tx, name)
        assert found is not None
        return found

    def audited(self) -> list[tuple[str, str]]:
        """(who, action), in order."""
        with self.store.read() as tx:
            return [(row.who, row.action) for row in reversed(audit.rows(tx, audit.Wanted(), 1000))]

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that the store holds."""
        with self.store.read() as tx:
            names = [r[0] for r in tx.all("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
            return {name: tx.all(f"SELECT * FROM {name}") for name in names}


@contextmanager
def made(folder: Path, oidc: Callable[[Callable[[], float]], Oidc] | None = None) -> Iterator[Rig]:
    (folder / "config").mkdir()
    (folder / "config" / "hub.yaml").write_text("default_region: PT\n")
    config = load_config(folder / "config")
    store, now, numbers = in_file(folder / "hub.db"), [NOON], count(1)
    clock = lambda: now[0]  # noqa: E731
    entry = Entry(
        signin=SignIn(store, clock),
        accounts=Accounts(store, clock, lambda prefix: f"{prefix}{next(numbers)}"),
        steps=Steps(store, clock),
        oidc=oidc(clock) if oidc else None,
    )
    entry.steps.make_ready()
    index = SearchIndex(None)
    engine = build_hub(config, store)
    world = World(config, store, lambda: engine, index, lambda name, full, person: False, lambda name: None, clock)
    console = Console(world, Glance(store, config.connections, clock))
    app = create_app(
        Deps(
            forms={},
            inbox=Inbox(),
            health=lambda: Health(True, {}),
            registry=CollectorRegistry(),
            console=console,
            api=world,
            entry=entry,
            identify=identify(entry.signin),
            opt_ins=OptIns(store, {}, HERE, clock, lambda _: None),
        )
    )
    try:
        yield Rig(store, app, entry, clock, now)
    finally:
        if entry.oidc is not None:
            entry.oidc.close()
        index.close()
        store.close()
