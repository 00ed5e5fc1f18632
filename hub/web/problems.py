"""Errors as RFC 9457 problems."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from starlette.responses import JSONResponse

KIND = "urn:contact-hub:problem:"
KINDS: Mapping[int, str] = MappingProxyType(
    {
        400: "not-readable",
        401: "not-signed-in",
        403: "not-allowed",
        404: "not-there",
        405: "method-not-allowed",
        408: "too-slow",
        409: "overtaken",
        412: "changed-meanwhile",
        413: "too-large",
        415: "content-type",
        422: "not-valid",
        428: "version-missing",
        429: "too-many",
        500: "error-in-the-hub",
        503: "busy",
    }
)
"""Status → how its `type` ends. These are promised: a program may decide by them."""
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Problem(JSONResponse):
    media_type = "application/problem+json"


def problem(status: int, title: str, detail: str, **headers: str) -> Problem:
    """`detail` says what was not done and the next step; it never repeats what was sent."""
    return problem_with(NOTHING, status, title, detail, **headers)


def problem_with(more: Mapping[str, Any], status: int, title: str, detail: str, **headers: str) -> Problem:
    """A problem with members of its own; `type` among them outranks the one of the status."""
    kind = KIND + KINDS[status] if status in KINDS else "about:blank"
    return Problem({"type": kind, "title": title, "status": status, "detail": detail, **more}, status, headers)
