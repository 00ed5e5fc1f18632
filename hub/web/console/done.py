"""After a change: the browser is sent on, so that loading the page again repeats nothing."""

from __future__ import annotations

from starlette.responses import RedirectResponse

from hub.web.console.shell import Console


def done(console: Console, place: str) -> RedirectResponse:
    """place: a path of ours. The work lists are counted anew for the next page."""
    console.glance.forget()
    return RedirectResponse(place, 303)
