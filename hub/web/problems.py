"""Errors as RFC 9457 problems."""

from __future__ import annotations

from starlette.responses import JSONResponse


class Problem(JSONResponse):
    media_type = "application/problem+json"


def problem(status: int, title: str, detail: str, **headers: str) -> Problem:
    """`detail` says what was not done and the next step; it never repeats what was sent."""
    return Problem({"title": title, "status": status, "detail": detail}, status, headers)
