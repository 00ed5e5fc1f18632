"""Problems of the API as exceptions, told apart by what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KIND = "urn:contact-hub:problem:"


class Problem(Exception):
    """The hub did not do it.

    kind     how its `type` ends, such as "overtaken"
    status   of HTTP
    members  all that the problem says
    """

    def __init__(self, status: int, members: Mapping[str, Any]) -> None:
        super().__init__(str(members.get("detail") or members.get("title") or f"status {status}"))
        self.status = status
        self.kind = str(members.get("type", "")).removeprefix(KIND)
        self.members = dict(members)


class NotReachable(Problem):
    """No answer: whether it was done is not known. What has an idempotency key may be sent again."""


class Busy(Problem):
    """Try again later. retry_after: seconds"""

    retry_after: float = 5.0


class NotAllowed(Problem):
    """The token is not valid, or lacks the right."""


class NotThere(Problem):
    """Nothing goes by that id or number."""


class NotValid(Problem):
    """Something of the request is wrong: `members["errors"]` names it."""


class Overtaken(Problem):
    """It is not any more what was decided on: look again, then decide again."""


class ChangedMeanwhile(Overtaken):
    """Somebody has changed the contact. changes: field → [then, now]; etag: of the contact as it is now"""

    changes: Mapping[str, Any]
    etag: str


_OF_STATUS: Mapping[int, type[Problem]] = {
    400: NotValid,
    401: NotAllowed,
    403: NotAllowed,
    404: NotThere,
    409: Overtaken,
    412: ChangedMeanwhile,
    413: NotValid,
    422: NotValid,
    429: Busy,
    503: Busy,
}


def problem_of(status: int, members: Mapping[str, Any], headers: Mapping[str, str]) -> Problem:
    found = _OF_STATUS.get(status, Problem)(status, members)
    if isinstance(found, Busy):
        wait = headers.get("retry-after", "")
        found.retry_after = float(wait) if wait.isdigit() else Busy.retry_after
    if isinstance(found, ChangedMeanwhile):
        found.changes = members.get("changes", {})
        found.etag = headers.get("etag", "")
    return found
