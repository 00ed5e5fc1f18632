"""Which records set aside a form means: some of them by number, or all of a filter."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form
from starlette.requests import Request

from hub.errors import ConfigError
from hub.store.lists import ParkedFilter
from hub.web.console.shell import gettext_of

MOST = 500  # records by one step, unless all of a filter are meant
Numbers = Annotated[list[int], Form(max_length=MOST)]
Asked = Annotated[str, Form(max_length=2_000)]


def filter_of(connection: str, stage: str, reason: str, because: str) -> ParkedFilter:
    return ParkedFilter(connection or None, stage or None, reason or None, because=because or None)


def chosen_of(request: Request, numbers: list[int], every: bool, filtered: ParkedFilter) -> ParkedFilter:
    """ConfigError when nothing was chosen."""
    if every:
        return filtered
    if not numbers:
        _ = gettext_of(request)
        raise ConfigError(_("No record was chosen, so nothing was changed. Choose some, or all of a reason."))
    return ParkedFilter(numbers=tuple(dict.fromkeys(numbers)))
