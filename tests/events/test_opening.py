"""Subscriptions of a configuration, and what the metrics say of them."""

from __future__ import annotations

import base64

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import ValidationError

from hub.config import HubConfig
from hub.errors import ConfigError
from hub.events.opening import EventGauges, targets
from hub.store import events_out as db
from tests.fakes.rig import ADA, Rig

KEY = base64.b64encode(b"k" * 32).decode()


def config(tmp_path, **more):
    (tmp_path / "new").write_text(f"whsec_{KEY}\n")
    (tmp_path / "short").write_text("whsec_AAAA\n")
    settings = {"url": "https://hooks.example.org/x", "secrets": ["file:new"], **more}
    return HubConfig.model_validate({"events": {"tool": settings}}).placed(tmp_path)


def test_secrets_are_looked_up_by_reference(tmp_path):
    [target] = targets(config(tmp_path))

    assert (target.keys, target.values, target.kinds) == ((b"k" * 32,), False, frozenset())


def test_a_secret_that_is_none_stops_it(tmp_path):
    with pytest.raises(ConfigError, match=r"events\.tool"):
        targets(config(tmp_path, secrets=["file:short"]))


@pytest.mark.parametrize(
    "url", ["http://hooks.example.org/", "https://ann:pw@hooks.example.org/", "file:///etc/passwd"]
)
def test_an_address_that_is_not_https_is_no_target(tmp_path, url):
    with pytest.raises(ValidationError):
        config(tmp_path, url=url)


def test_how_a_subscription_stands_is_in_the_metrics():
    rig = Rig()
    rig.add("crm")
    with rig.store.write() as tx:
        began = db.begin(tx, "tool", "https://hooks.example.org/x")
        db.save(tx, db.Subscription("tool", began.url, began.mark, 3, 0.0, rig.now - 60, rig.now, "status 500"))
    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")
    registry = CollectorRegistry()
    registry.register(EventGauges(rig.store, ["tool"], lambda: rig.now))
    said = generate_latest(registry).decode()
    rig.store.close()

    assert 'hub_events_failing_seconds{subscription="tool"} 60.0' in said
    assert 'hub_events_disabled{subscription="tool"} 1.0' in said
    assert 'hub_events_behind{subscription="tool"} 1.0' in said
