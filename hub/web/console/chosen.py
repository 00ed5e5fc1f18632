"""Which records set aside a form means: some of them by number, or all of a filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends, Form
from starlette.requests import Request

from hub.errors import ConfigError
from hub.store.lists import ParkedFilter
from hub.web.console.asked import OneOf
from hub.web.console.shell import gettext_of

MOST = 500  # records by one step, unless all of a filter are meant
Asked: TypeAlias = Annotated[str, Form(max_length=2_000)]


def filter_of(connection: str, stage: str, reason: str, because: str) -> ParkedFilter:
    return ParkedFilter(connection or None, stage or None, reason or None, because=because or None)


def asked_of(filtered: ParkedFilter) -> dict[str, str]:
    """What an address or a form asks such a list with; empty where it does not say."""
    return {
        "connection": filtered.connection or "",
        "stage": filtered.stage or "",
        "reason": filtered.reason or "",
        "because": filtered.because or "",
    }


@dataclass(frozen=True, slots=True)
class Choice:
    """numbers: those that are ticked; every: all of the filter instead; problem: what to say to nothing ticked"""

    numbers: tuple[int, ...]
    every: bool
    filtered: ParkedFilter
    problem: str

    @property
    def records(self) -> ParkedFilter:
        """ConfigError when nothing was chosen: not before a route asks, since who may not do it hears that first."""
        if self.every:
            return self.filtered
        if not self.numbers:
            raise ConfigError(self.problem)
        return ParkedFilter(numbers=tuple(dict.fromkeys(self.numbers)))

    @property
    def asked(self) -> dict[str, str]:
        return asked_of(self.filtered)

    def hidden(self) -> list[tuple[str, str]]:
        """The fields of a form that means the same records."""
        asked = [(name, text) for name, text in self.asked.items() if text]
        meant = [("every", "true")] if self.every else [("number", str(number)) for number in self.numbers]
        return [*asked, *meant]


def _choice(
    request: Request,
    number: Annotated[list[OneOf], Form(max_length=MOST)] = [],  # noqa: B006  FastAPI copies it
    every: Annotated[bool, Form()] = False,
    connection: Asked = "",
    stage: Asked = "",
    reason: Asked = "",
    because: Asked = "",
) -> Choice:
    _ = gettext_of(request)
    problem = _("No record was chosen, so nothing was changed. Choose some, or all of a reason.")
    return Choice(tuple(number), every, filter_of(connection, stage, reason, because), problem)


Chosen: TypeAlias = Annotated[Choice, Depends(_choice)]
