"""The API over a small company, asked in-process by actors of any role."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
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
from hub.web.api.routes import PREFIX
from hub.web.api.world import World
from hub.web.app import Deps, create_app
from hub.web.monitoring import Health
from tests.web.intake_rig import Inbox

ADDRESS = "http://127.0.0.1"


@dataclass
class Asking:
    """A program with a token. role: whose rights it has; None: none that is known"""

    app: FastAPI
    world: World
    role: Role | None = Role.OPERATOR
    begun: list[tuple[str, bool, str]] = field(default_factory=list)
    actor_id: str = "t1"

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.ask("GET", path, params=params)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.ask("POST", path, json=body, headers=headers)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=ADDRESS + PREFIX) as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    def actor(self, _request: Request) -> Actor | None:
        return None if self.role is None else Actor("token:test", RIGHTS[self.role], self.actor_id, None, fresh=False)

    def follow(self) -> None:
        """Until the search knows all."""
        while step(self.world.store, self.world.index):
            pass

    def one(self, typed: str) -> str:
        """Id of the only contact that is found."""
        self.follow()
        [found] = self.get("/contacts", q=typed).json()["items"]
        return str(found["id"])


@contextmanager
def asking(folder: Path) -> Iterator[Asking]:
    """The API over the configuration in a folder."""
    config = load_config(folder)
    index = SearchIndex(None)
    with open_workshop(config) as shop:
        begun: list[tuple[str, bool, str]] = []

        def run(name: str, full: bool, person: str) -> bool:
            begun.append((name, full, person))
            return True

        world = World(config, shop.store, lambda: shop.hub, index, run, lambda _: None, time.time)
        deps = Deps(forms={}, inbox=Inbox(), health=lambda: Health(True, {}), registry=CollectorRegistry(), api=world)
        made = Asking(create_app(deps), world, begun=begun)
        made.app.state.identify = made.actor
        try:
            yield made
        finally:
            index.close()
