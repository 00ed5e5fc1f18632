"""Of every service with a limit: at least 95 % of it is used, and it is never exceeded, by a clock that is made up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from hub.connectors.contract import Connector
from hub.connectors.registry import connector_types
from hub.connectors.rest.spec import Rate
from hub.connectors.rest.words import fill
from hub.errors import TransientError
from hub.testing.clock import Clock
from tests.connectors.services.systems import ServiceSystem
from tests.connectors.services.test_leads import GoogleFormsSystem, LinkedInSystem, MetaSystem
from tests.connectors.services.test_requests import SYSTEMS
from tests.connectors.services.test_twilio_messages import TwilioSystem
from tests.fakes.services.leads import GoogleForms, LinkedIn, Meta
from tests.fakes.services.twilio import Twilio

ALL: dict[str, tuple[type[ServiceSystem], type[Any]]] = {
    **SYSTEMS,
    "google_forms": (GoogleFormsSystem, GoogleForms),
    "linkedin_leads": (LinkedInSystem, LinkedIn),
    "meta_leads": (MetaSystem, Meta),
    "twilio_messages": (TwilioSystem, Twilio),
}
LIMITED = sorted(name for name, kind in connector_types().items() if getattr(getattr(kind, "spec", None), "rate", ()))
FEW = 100  # requests are enough of a limit: the hub is given a share of a larger one
WINDOWS = 4


class Timed(httpx.BaseTransport):
    """Notes when each request left that is no question for a token."""

    def __init__(self, inner: httpx.BaseTransport, clock: Clock, base: str) -> None:
        self._inner, self._clock, self._base = inner, clock, base
        self.at: list[float] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if str(request.url).startswith(self._base):
            self.at.append(self._clock.seconds())
        return self._inner.handle_request(request)


def limits(kind: Any, settings: Any, share: float) -> list[tuple[int, float]]:
    """(requests, seconds) of the limits that every request counts for."""
    values = settings.model_dump()
    rates: Sequence[Rate] = kind.spec.rate
    return [(int(int(fill(rate.requests, values)) * share), rate.per) for rate in rates if rate.name is None]


def ask(connector: Connector, nobody: str) -> None:
    """One request."""
    if connector.can.read:
        assert connector.read([nobody]) == {}
    else:
        connector.check()


def most_within(at: Sequence[float], seconds: float) -> int:
    """The most requests of any span of so many seconds."""
    first, found = 0, 0
    for last, moment in enumerate(at):
        while at[first] + seconds <= moment:
            first += 1
        found = max(found, last - first + 1)
    return found


def test_every_service_with_a_limit_is_asked() -> None:
    assert set(LIMITED) <= set(ALL)


@pytest.mark.parametrize("name", LIMITED)
def test_the_limit_is_used_and_never_exceeded(name: str) -> None:
    kind, fake = ALL[name]
    system = kind(fake())
    assert system.network is not None
    service: Any = connector_types()[name]
    timed = Timed(system.network, system.fake.clock, system.fake.base)
    least = min(most for most, _ in limits(service, service.Settings(**system.settings), 1.0))
    share = min(1.0, FEW / least)
    connector = system.connect(system.context(timed), rate_share=share)
    allowed = limits(service, connector.settings, share)
    calls = WINDOWS * min(most for most, _ in allowed) + 1

    for _ in range(calls):
        asked = len(timed.at)
        while len(timed.at) == asked:
            try:
                ask(connector, system.nobody)
            except TransientError as error:  # a wait that is too long for one call
                system.fake.clock.sleep(error.retry_after or 1.0)

    assert system.fake.too_fast == 0
    assert all(most_within(timed.at, seconds) <= most for most, seconds in allowed)
    soonest = max((len(timed.at) - 1) // most * seconds for most, seconds in allowed)
    assert soonest >= 0.95 * (timed.at[-1] - timed.at[0])
    assert soonest > 0
