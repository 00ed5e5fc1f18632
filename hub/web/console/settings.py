"""What the hub runs with and what it is: settings, store, versions, licences. For nobody who is not signed in."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hub import __version__
from hub.access.rights import Actor, Right
from hub.config.editing import read_only
from hub.config.shown import settings
from hub.store.facts import facts
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, page
from hub.web.guard import needs

PACKAGE = "contact-hub"
LONGEST_LICENCE = 60  # characters; longer ones are whole licence texts


@dataclass(frozen=True, slots=True)
class PartOf:
    """Software that the hub is made of. licence: as it names it itself"""

    name: str
    version: str
    licence: str


SHIPPED = (PartOf("htmx", "2.0.11", "0BSD"),)
"""Files of others within the package; NOTICE says the same."""


def router(console: Console) -> APIRouter:
    routes = APIRouter(route_class=PageRoute)

    @routes.get("/settings")
    def show(request: Request, actor: Actor = needs(Right.CONFIGURE)) -> Response:
        config = console.world.config
        texts: dict[str, Any] = {
            "facts": facts(console.world.store),
            "settings": settings(config),
            "connections": config.connections,
            "folder": str(config.folder),
            "read_only": read_only(config),
        }
        return page(console, request, actor, "settings.html", **texts)

    @routes.get("/about")
    def about(request: Request, actor: Actor = needs(Right.HEALTH)) -> Response:
        texts: dict[str, Any] = {
            "version": __version__,
            "python": platform.python_version(),
            "shipped": SHIPPED,
            "parts_used": used(),
        }
        return page(console, request, actor, "about.html", **texts)

    return routes


@cache
def used() -> tuple[PartOf, ...]:
    """Packages that the hub needs, as they are installed; empty where it is not installed itself."""
    try:
        needed = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return ()
    names = {found[0] for text in needed if "extra ==" not in text and (found := re.match(r"[A-Za-z0-9._-]+", text))}
    return tuple(sorted(_installed(names), key=lambda part: part.name.lower()))


def _installed(names: set[str]) -> Iterator[PartOf]:
    for name in names:
        try:
            found = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        yield PartOf(found["Name"], found["Version"], _licence(found))


def _licence(found: metadata.PackageMetadata) -> str:
    for field in ("License-Expression", "License"):
        text = next(iter(found.get_all(field) or ()), "").strip()
        if text and len(text) <= LONGEST_LICENCE and "\n" not in text:
            return text
    said = [text.rpartition(" :: ")[2] for text in found.get_all("Classifier") or () if text.startswith("License ::")]
    return ", ".join(said)
