"""What an account may ask in a day, as its answers tell, and the part of it that the hub leaves to others.

An opt-out is told all the same: it does not wait for the next day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from pydantic import model_validator

from hub.connectors.contract import Quota
from hub.connectors.rest.calls import Count, Part
from hub.connectors.rest.words import Values, fill
from hub.errors import TransientError

LOOK_AGAIN = timedelta(hours=1)  # then one call is made, whose answer tells what is left by now
_REGARDLESS: ContextVar[bool] = ContextVar("regardless", default=False)


class QuotaSpec(Part):
    """The requests of a day that everybody who uses the account shares.

    most, left  headers with how many there are in all, and how many are left
    used        a header that tells both as used/most, after `word`=
    leave       percent of them that the hub leaves to others (a number, or a setting)
    """

    most: str | None = None
    left: str | None = None
    used: str | None = None
    word: str = ""
    leave: Count

    @model_validator(mode="after")
    def _one_way(self) -> QuotaSpec:
        if (self.used is None) == (self.most is None or self.left is None):
            raise ValueError("a quota is told either by `most` and `left`, or by `used`")
        return self

    def told(self, headers: Mapping[str, str]) -> Quota | None:
        """None where an answer does not tell it."""
        if self.used is not None:
            found = re.search(rf"(?:^|[\s;,]){re.escape(self.word)}=(\d+)/(\d+)", headers.get(self.used, ""))
            return None if found is None else Quota(max(int(found[2]) - int(found[1]), 0), int(found[2]))
        left, most = headers.get(self.left or "", ""), headers.get(self.most or "", "")
        return Quota(int(left), int(most)) if left.isdecimal() and most.isdecimal() else None


@contextmanager
def regardless(holds: bool) -> Iterator[None]:
    """What is asked within may take of what is left to others."""
    before = _REGARDLESS.set(holds or _REGARDLESS.get())
    try:
        yield
    finally:
        _REGARDLESS.reset(before)


class Reserve:
    """Of one connection."""

    def __init__(self, spec: QuotaSpec | None, values: Values, name: str, clock: Callable[[], datetime]) -> None:
        self._spec, self._name, self._clock = spec, name, clock
        self._leave = 0 if spec is None else min(int(fill(spec.leave, values)), 100)
        self._heeded = clock()
        self.quota: Quota | None = None

    def heed(self, headers: Mapping[str, str]) -> None:
        if self._spec is not None and (told := self._spec.told(headers)) is not None:
            self.quota, self._heeded = told, self._clock()

    def guard(self) -> None:
        """TransientError where what is left belongs to others: nothing is sent."""
        quota, now = self.quota, self._clock()
        if quota is None or quota.most <= 0 or _REGARDLESS.get():
            return
        until = self._heeded + LOOK_AGAIN
        if quota.left * 100 > quota.most * self._leave or now >= until:
            return
        raise TransientError(
            f"{self._name}: {quota.most - quota.left} of the {quota.most} requests that the account has in a day are "
            f"used, and the last {self._leave} % are left to others. Nothing was sent. It goes on by itself when there "
            "are more, the next day at the latest; opt-outs are sent all the same.",
            retry_after=(until - now).total_seconds(),
            untried=True,
        )
