"""What API routes share: errors as problems, bodies that are bounded, pages of lists, times."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import orjson
from fastapi import Path
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from hub.errors import AccountError, ConfigError, HubError, NotThere, Overtaken, RecordError, TransientError
from hub.secrets import redact
from hub.web.bodies import Rejected, read_body
from hub.web.guard import Denied, NeedsWithin, asked
from hub.web.problems import KIND, NOTHING, Problem, problem, problem_with

T = TypeVar("T")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

MOST_ROWS = 200  # of one page
LARGEST_NUMBER = 2**53  # what JSON programs hold exactly
AGAIN_SECONDS = 5  # when the store is busy
WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


# --- values ------------------------------------------------------------------------------------------


def sound(text: str) -> str:
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("a NUL character or half a surrogate pair, which no database takes")
    return text


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _moment(value: Any) -> Any:
    return moment(value) if isinstance(value, float | int) else value


Plain: TypeAlias = Annotated[str, AfterValidator(sound)]
Moment: TypeAlias = Annotated[datetime, BeforeValidator(_moment)]
"""Aware UTC; the store's are epoch seconds."""
Number: TypeAlias = Annotated[int, Path(ge=1, le=LARGEST_NUMBER)]
GoldenId: TypeAlias = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{1,64}$", description="also one from before a merge")]
ConnectionName: TypeAlias = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,40}$")]


class Row(BaseModel):
    """A row of an answer, read from a row of the store by name."""

    model_config = ConfigDict(from_attributes=True)


class Asked(BaseModel):
    """What a request holds; anything else in it is refused."""

    model_config = ConfigDict(extra="forbid")


class Paged(Asked):
    """Which page of a list: the first, or the one after a cursor."""

    limit: int = Field(50, ge=1, le=MOST_ROWS)
    cursor: str | None = Field(None, max_length=400, description="`next` of the page before")


class Page(BaseModel, Generic[T]):
    """next  cursor of the page that follows; null: this is the last one"""

    items: list[T]
    next: str | None = None


def cursor_of(kind: str, *place: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([kind, *place])).rstrip(b"=").decode()


def place_of(kind: str, cursor: str | None, *types: type) -> Sequence[Any] | None:
    """What `cursor_of` put into a cursor; None without one. Refused(422) when it is no cursor of this list."""
    if cursor is None:
        return None
    try:
        found = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as err:
        raise _no_cursor() from err
    if not isinstance(found, list) or len(found) != len(types) + 1 or found[0] != kind:
        raise _no_cursor()
    for value, kind_of in zip(found[1:], types, strict=True):
        is_number = kind_of in (int, float) and isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and abs(value) <= LARGEST_NUMBER) and not (kind_of is str and isinstance(value, str)):
            raise _no_cursor()
        if isinstance(value, str):
            try:
                sound(value)
            except ValueError as err:
                raise _no_cursor() from err
    return [kind_of(value) for value, kind_of in zip(found[1:], types, strict=True)]


def _no_cursor() -> Refused:
    return Refused(422, "Not a cursor", "Nothing was read. Send `next` of the page before, or none for the first page.")


# --- problems ----------------------------------------------------------------------------------------


class Refused(Exception):
    """A problem as the answer."""

    def __init__(self, status: int, title: str, detail: str, more: Mapping[str, Any] = NOTHING, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.more, self.headers = status, title, detail, more, headers


class ProblemModel(BaseModel):
    """RFC 9457. Decide by `type`; `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str


def missing(what: str) -> Refused:
    return Refused(404, "Not there", f"There is no {what}, so nothing was done. Look for it in the list again.")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problems of a route for its OpenAPI description, besides those that every route may answer."""
    media = {"application/problem+json": {"schema": ProblemModel.model_json_schema()}}
    return {status: {"description": "A problem.", "content": media} for status in (400, 401, 403, 422, 503, *statuses)}


class ApiRoute(APIRoute):
    """A route whose body is bounded and whose errors are all problems."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        later = [each for each in asked(self) if isinstance(each, NeedsWithin)]

        async def handled(request: Request) -> Response:
            try:
                return await handle(await _bounded(request))
            except Denied:
                raise
            except Refused as err:
                return problem_with(err.more, err.status, err.title, err.detail, **err.headers)
            except Rejected as err:
                return problem(err.status, err.title, err.detail)
            except RequestValidationError as err:
                for each in later:  # before anybody is told what was wrong
                    await each.check(request)
                return _not_valid(err)
            except HTTPException as err:
                return problem(err.status_code, "Not readable", "Nothing was done. Send JSON in UTF-8.")
            except HubError as err:
                return of_error(err)

        return handled


async def _bounded(request: Request) -> Request:
    """The request with its body read, so far as it is not too large or too slow."""
    if request.method not in WITH_BODY:
        return request
    body = await read_body(request.stream(), request.headers.get("content-length"))

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


def _not_valid(error: RequestValidationError) -> Problem:
    """Where it is wrong and why, without what was sent."""
    found = [
        {"where": ".".join(str(part) for part in each["loc"][:6])[:200], "what": str(each["type"])}
        for each in error.errors()[:20]
    ]
    detail = "Nothing was done. Correct what `errors` names, then send it again."
    return problem_with({"errors": found}, 422, "Not valid", detail)


_OF_ERROR: tuple[tuple[type[HubError], int, str, str], ...] = (
    (NotThere, 404, "Not there", "not-there"),
    (Overtaken, 409, "Overtaken", "overtaken"),
    (ConfigError, 422, "Not possible", "not-possible"),
    (RecordError, 422, "Record refused", "record-refused"),
    (AccountError, 409, "Account refused", "account-refused"),
    (TransientError, 503, "Busy", "busy"),
    (HubError, 409, "Taken over", "taken-over"),
)
"""Errors of `hub.errors` as problems; the first that fits. The last one: a lease was lost, a cursor expired."""


def of_error(error: HubError) -> Problem:
    status, title, kind = next(row[1:] for row in _OF_ERROR if isinstance(error, row[0]))
    headers = {}
    if isinstance(error, TransientError):
        headers["Retry-After"] = str(round(error.retry_after or AGAIN_SECONDS))
    return problem_with({"type": KIND + kind}, status, title, redact(str(error)), **headers)
