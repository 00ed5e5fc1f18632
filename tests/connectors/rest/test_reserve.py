"""The part of a day's requests that is left to others: told by headers, kept, and opt-outs all the same."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from hub.connectors.contract import Quota
from hub.connectors.rest.reserve import QuotaSpec, Reserve, regardless
from hub.errors import ConfigError, TransientError
from hub.metrics import Metrics
from hub.model import Done, NotSent, Op, Write
from hub.testing.clock import Clock
from hub.testing.service import Rate
from tests.connectors.rest.acorn import spec
from tests.connectors.services.test_salesforce import SalesforceSystem
from tests.fakes.services.salesforce import Salesforce

USED = {"used": "limit-info", "word": "api-usage"}
LEFT = {"most": "x-daily", "left": "x-daily-left"}


@pytest.mark.parametrize(
    ("told", "headers", "quota"),
    [
        (USED, {"limit-info": "api-usage=25/5000"}, Quota(4975, 5000)),
        (USED, {"limit-info": "per-app-api-usage=17/250(appName=a); api-usage=25/5000"}, Quota(4975, 5000)),
        (USED, {"limit-info": "per-app-api-usage=17/250"}, None),
        (USED, {"limit-info": "api-usage=6000/5000"}, Quota(0, 5000)),
        (USED, {}, None),
        (LEFT, {"x-daily": "250000", "x-daily-left": "12"}, Quota(12, 250000)),
        (LEFT, {"x-daily": "250000"}, None),
        (LEFT, {"x-daily": "many", "x-daily-left": "few"}, None),
    ],
)
def test_what_the_headers_tell(told: dict[str, str], headers: dict[str, str], quota: Quota | None) -> None:
    assert QuotaSpec.model_validate({**told, "leave": 10}).told(headers) == quota


@pytest.mark.parametrize("told", [{}, {"most": "a"}, {**USED, **LEFT}])
def test_a_quota_is_told_in_one_way(told: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="a quota is told either"):
        spec(quota={**told, "leave": 10})


def reserve(clock: Clock, leave: int = 10) -> Reserve:
    return Reserve(QuotaSpec.model_validate({**USED, "leave": leave}), {}, "crm", clock)


@pytest.mark.parametrize(
    ("used", "leave", "goes"), [(89, 10, True), (90, 10, False), (100, 10, False), (99, 1, False), (98, 1, True)]
)
def test_the_last_part_is_left_to_others(used: int, leave: int, goes: bool) -> None:
    kept = reserve(Clock(), leave)
    kept.heed({"limit-info": f"api-usage={used}/100"})

    if goes:
        kept.guard()
        return
    with pytest.raises(TransientError, match=f"{used} of the 100 requests") as error:
        kept.guard()
    assert error.value.maybe_done is False


def test_after_an_hour_one_call_asks_what_is_left_by_now() -> None:
    clock = Clock()
    kept = reserve(clock)
    kept.heed({"limit-info": "api-usage=100/100"})
    clock.pass_by(3601)
    kept.guard()

    kept.heed({"limit-info": "api-usage=99/100"})
    with pytest.raises(TransientError):
        kept.guard()
    clock.pass_by(3601)
    kept.heed({"limit-info": "api-usage=0/100"})

    kept.guard()


def test_what_cannot_wait_goes_all_the_same_and_nothing_else_after_it() -> None:
    kept = reserve(Clock())
    kept.heed({"limit-info": "api-usage=100/100"})

    with regardless(True), regardless(False):
        kept.guard()
    with pytest.raises(TransientError):
        kept.guard()


# --- a service with a quota -------------------------------------------------------------------------


@pytest.fixture
def system() -> SalesforceSystem:
    fake = Salesforce()
    fake.rate = Rate(100, 86_400.0)  # type: ignore[misc]  # one organisation's own
    return SalesforceSystem(fake)


def use_up(system: SalesforceSystem) -> list[str]:
    """Somebody else does, all but twelve."""
    ids = system.seed(3)
    now = system.fake.clock.seconds()
    system.fake._times.extend([now] * 88)
    return ids


def test_changes_wait_for_the_next_day_and_an_opt_out_does_not(system: SalesforceSystem) -> None:
    first, second, third = use_up(system)
    connector = system.connect()
    change = [Write(Op.UPDATE, "hub:1", first, {"Title": "Buyer"})]
    assert isinstance(connector.write(change)[0], Done)

    waits = connector.write([Write(Op.UPDATE, "hub:2", second, {"Title": "Buyer"})])
    told = connector.write([Write(Op.UPDATE, "hub:3", third, {"HasOptedOutOfEmail": True})])
    system.fake.clock.pass_by(86_400)
    after = connector.write([Write(Op.UPDATE, "hub:2", second, {"Title": "Buyer"})])

    assert isinstance(waits[0], NotSent)
    assert "left to others" in waits[0].reason
    assert system.fake.contacts[third].fields["HasOptedOutOfEmail"] is True
    assert [type(each) for each in (*told, *after)] == [Done, Done]
    assert connector.quota is not None
    assert connector.quota.most == 100


def test_the_metrics_tell_what_is_left() -> None:
    registry = CollectorRegistry()

    Metrics(registry).quota("crm", 12, 100)

    assert registry.get_sample_value("hub_quota_left", {"connection": "crm"}) == 12
    assert registry.get_sample_value("hub_quota", {"connection": "crm"}) == 100
