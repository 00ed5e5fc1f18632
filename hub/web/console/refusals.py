"""What could not be done, as a page: what happened, what was not done, the next step."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from hub.errors import ConfigError, HubError
from hub.secrets import redact
from hub.web.console.shell import POLICY, gettext_of, language_of, templates
from hub.web.guard import Denied

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """A route of the console, whose errors are pages too. Who may not see it is sent on as everywhere."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except Denied:
                raise
            except RequestValidationError:
                _ = gettext_of(request)
                return refused(
                    request, 422, _("What was sent cannot be read, so nothing was done. Go back, try again.")
                )
            except HTTPException as err:
                return refused(request, err.status_code, str(err.detail))
            except HubError as err:
                return refused(request, 409 if isinstance(err, ConfigError) else 503, redact(str(err)))

        return handled


def refused(request: Request, status: int, said: str) -> HTMLResponse:
    language = language_of(request)
    html = templates(language).get_template("refused.html").render(said=said, language=language, status=status)
    return HTMLResponse(html, status, {"Content-Security-Policy": POLICY})
