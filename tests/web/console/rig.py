"""The console over a small company: two databases that people edit, some work in every list, and whoever looks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.requests import Request

from hub.access.rights import RIGHTS, Actor, Role
from hub.config.load import load_config
from hub.running import open_workshop
from hub.store.search import SearchIndex
from hub.sync.follow import step
from hub.web.api.world import World
from hub.web.app import Deps, create_app
from hub.web.console.glance import Glance
from hub.web.console.shell import Console
from hub.web.guard import LOCAL_COOKIE, csrf_of
from hub.web.monitoring import Health
from tests.cli.desk import Desk
from tests.web.intake_rig import Inbox

SESSION = "a-session-of-the-test"
ADDRESS = "http://127.0.0.1"


@dataclass
class Look:
    """A browser without a window. role: of who is signed in; None: nobody"""

    app: FastAPI
    console: Console
    role: Role | None = Role.OPERATOR
    cookies: dict[str, str] = field(default_factory=dict)
    begun: list[tuple[str, bool, str]] = field(default_factory=list)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._ask("GET", path, headers=headers)

    def post(self, path: str, csrf: str | None = None, **data: Any) -> httpx.Response:
        return self._ask("POST", path, data={"csrf": csrf_of(SESSION) if csrf is None else csrf, **data})

    def _ask(self, method: str, path: str, headers: Any = None, **more: Any) -> httpx.Response:
        self.app.state.identify = lambda request: self.actor(request)
        self.follow()

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            cookies = {LOCAL_COOKIE: SESSION, **self.cookies}
            async with httpx.AsyncClient(transport=transport, base_url=ADDRESS, cookies=cookies) as client:
                return await client.request(method, path, headers={"accept": "text/html", **(headers or {})}, **more)

        return asyncio.run(ask())

    def follow(self) -> None:
        """Until the search knows all."""
        while step(self.console.world.store, self.console.world.index):
            pass

    def actor(self, _request: Request) -> Actor | None:
        return None if self.role is None else Actor("ann", RIGHTS[self.role], "a1", SESSION, fresh=True)


@contextmanager
def looked_at(folder: Path) -> Iterator[Look]:
    """The application over the configuration in a folder."""
    config = load_config(folder)
    with open_workshop(config) as shop:
        index = SearchIndex(None)
        begun: list[tuple[str, bool, str]] = []

        def run(name: str, full: bool, person: str) -> bool:
            begun.append((name, full, person))
            return len(begun) == 1

        world = World(config, shop.store, lambda: shop.hub, index, run, lambda _: None, time)
        console = Console(world, Glance(shop.store, config.connections, time))
        health = Health(True, {})
        deps = Deps(forms={}, inbox=Inbox(), health=lambda: health, registry=CollectorRegistry(), console=console)
        yield Look(create_app(deps), console, begun=begun)
        index.close()


def small_company(desk: Desk) -> dict[str, str]:
    """Contacts in both systems, with something in every work list. What was made, by name."""
    ann = desk.type_in("crm", "Ann", "Baker", "ann.baker@example.org", tel="+351912000001", job="Buyer")
    for n, (first, last) in enumerate([("Rui", "Tavares"), ("Ewa", "Nowak"), ("Luís", "Açores"), ("Max", "Müller")]):
        desk.type_in(
            "crm",
            first,
            last,
            f"{first}.{last}@example.com".lower().encode("ascii", "ignore").decode(),
            tel=f"+35191200001{n}",
        )
    desk.sync()
    shop_ann = f"shop:{desk.sql('shop', 'select id from people where first = ?', 'Ann')[0][0]}"
    desk.edit(ann, job="Head of buying")
    desk.edit(shop_ann, job="Purchaser")
    desk.sync("shop", "crm")
    maria = desk.type_in("crm", "Maria", "Costa", "maria@example.org", tel="912 345 678")
    mario = desk.type_in("shop", "Mario", "Pereira", "mario@example.net", tel="913 000 111", job="Head")
    desk.type_in("crm", "Bad", "Mail", "not an address")
    desk.sync("crm", "shop")
    desk.ask(maria, mario)
    return {"ann": ann, "shop_ann": shop_ann}
