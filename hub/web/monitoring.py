"""Health and metrics for machines. No personal data, no versions, no settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hub.errors import HubError


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the hub can do its work.

    store             the store answers
    last_run_seconds  per connection since its last complete run; None: never had one
    """

    store: bool
    last_run_seconds: Mapping[str, float | None] = field(default_factory=dict)


def router(health: Callable[[], Health], registry: CollectorRegistry) -> APIRouter:
    routes = APIRouter()

    @routes.get("/healthz")
    async def alive() -> JSONResponse:
        return JSONResponse({"status": "alive"})

    @routes.get("/readyz")
    def ready() -> JSONResponse:
        try:
            found = health()
        except HubError:
            found = Health(store=False)
        ages = {name: None if age is None else round(age) for name, age in found.last_run_seconds.items()}
        body = {"status": "ready" if found.store else "store away", "last_run_seconds": ages}
        return JSONResponse(body, 200 if found.store else 503)

    @routes.get("/metrics")
    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    return routes
