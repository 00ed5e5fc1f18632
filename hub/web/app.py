"""The hub's web application: intake of forms, health, metrics. Everything it needs is handed in.

POST /forms/CONNECTION          a delivery; answered well only after it is stored durably
GET  /forms/CONNECTION          the page of a form that anybody may post to; …/thanks, and …/definition and
                                …/embed.js, by which a page of another site shows it
GET  /forms/CONNECTION/confirm  where the link of a mail leads; POST confirms, …/again asks for a new link
POST /hooks/CONNECTION          events of a described service; GET where it makes sure of the address first
GET  /healthz  /readyz  /metrics
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from hub.accounts.reads import Reads
from hub.connectors.form_settings import FormSettings
from hub.connectors.messages import MessageSettings
from hub.connectors.rest.hooks import Webhooks
from hub.optin.asking import OptIns
from hub.web import form_confirm, forms, messages, monitoring
from hub.web import hooks as events
from hub.web.access import admin, me, signin
from hub.web.access.identity import PublicAddress
from hub.web.access.signin import Entry
from hub.web.api import routes as api
from hub.web.api.world import World
from hub.web.console import routes as pages
from hub.web.console.refusals import refused
from hub.web.console.shell import Console, missing
from hub.web.guard import Denied, Identify, refuse_unguarded, say_denied
from hub.web.headers import ALWAYS, SecurityHeaders
from hub.web.intake import Form, open_form
from hub.web.limits import BodyLimit
from hub.web.monitoring import Health
from hub.web.problems import problem
from hub.web.storing import InboxWriter, Storing

log = logging.getLogger(__name__)


def _new_id() -> str:
    return uuid4().hex


@dataclass(frozen=True, slots=True)
class Deps:
    """What the application may use of the world.

    forms     settings by connection name
    hooks     settings of providers of messages by connection name
    events    what described services tell of, and the settings that it names, by connection name
    inbox     where deliveries are stored
    health    whether the store answers, and how old the last runs are; may raise HubError
    base      folder that `file:` references of secrets start from
    clock     aware UTC
    new_id    an id nobody else makes, for deliveries without one
    identify  who is asking; None: nobody is anybody, and all that asks for a right is refused
    console   what its pages use; None: there are none
    api       what the API uses; None: there is none
    entry     what the sign-in uses; None: nobody can sign in
    url       where people reach it, when that is not where it listens
    form_key  what pages of forms are signed with; the same in every process of a hub
    opt_ins   consents of forms that are confirmed by mail; None: there is no such form
    reads     counts who reads personal data; None: nobody does
    """

    forms: Mapping[str, FormSettings]
    inbox: InboxWriter
    health: Callable[[], Health]
    registry: CollectorRegistry
    base: Path = field(default_factory=Path)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_id: Callable[[], str] = _new_id
    hooks: Mapping[str, MessageSettings] = field(default_factory=dict)
    events: Mapping[str, tuple[Webhooks, Mapping[str, Any]]] = field(default_factory=dict)
    identify: Identify | None = None
    console: Console | None = None
    api: World | None = None
    entry: Entry | None = None
    url: str | None = None
    form_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    opt_ins: OptIns | None = None
    reads: Reads | None = None


def create_app(deps: Deps) -> FastAPI:
    """ConfigError when a secret is missing or cannot be a key."""
    app = FastAPI(title="contact hub", docs_url=None, redoc_url=None, openapi_url=None)
    opened: dict[str, Form] = {
        name: open_form(name, settings, deps.base, deps.new_id, deps.form_key) for name, settings in deps.forms.items()
    }
    storing = Storing(deps.inbox)
    app.include_router(forms.router(opened, storing, deps.clock, deps.new_id))
    if deps.opt_ins is not None:
        app.include_router(form_confirm.router(opened, deps.opt_ins, deps.clock))
    hooks = {name: messages.open_hook(name, settings, deps.base) for name, settings in deps.hooks.items()}
    app.include_router(messages.router(hooks, storing, deps.clock))
    app.include_router(events.router(_events(deps), storing, deps.clock, deps.new_id))
    app.include_router(monitoring.router(deps.health, deps.registry))
    if deps.api is not None:
        app.include_router(api.router(deps.api))
    if deps.console is not None:
        app.include_router(pages.router(deps.console))
    if deps.entry is not None:
        app.include_router(signin.router(deps.entry))
        if deps.console is not None:
            app.include_router(me.router(deps.entry, deps.console))
            app.include_router(admin.router(deps.entry, deps.console))
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders)
    if deps.url is not None:
        app.add_middleware(PublicAddress, url=deps.url)
    app.state.identify = deps.identify
    app.state.reads = deps.reads
    app.add_exception_handler(Denied, say_denied)
    app.add_exception_handler(HTTPException, _say_http_error)
    app.add_exception_handler(Exception, _say_bug)
    refuse_unguarded(app)
    return app


def _events(deps: Deps) -> dict[str, events.Hook]:
    opened = {name: events.open_hook(name, spec, values, deps.new_id) for name, (spec, values) in deps.events.items()}
    return {name: hook for name, hook in opened.items() if hook is not None}


async def _say_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404 and _is_of_a_person(request):
        return refused(request, 404, str(missing(request).detail))
    headers: Mapping[str, Any] = error.headers or {}
    return problem(error.status_code, str(error.detail), "Check the address and the method.", **headers)


def _is_of_a_person(request: Request) -> bool:
    """Whether a page answers better than a problem: somebody of ours followed a link, or typed an address."""
    if request.url.path.startswith(("/api/", "/forms/")):  # visitors of a form have no overview to go to
        return False
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


async def _say_bug(request: Request, error: Exception) -> JSONResponse:
    """The last resort: a number for the person, the detail in the log, nothing of it on the wire."""
    number = secrets.token_hex(6)
    log.error("error %s while answering %s %s", number, request.method, request.url.path, exc_info=error)
    detail = f"The hub's log has the reason under {number}. Try again later."
    return problem(500, "Error in the hub", detail, **ALWAYS)  # this answer goes out past the middleware
