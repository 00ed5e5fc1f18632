"""Subscriptions over the API."""

from __future__ import annotations

from hub.access.rights import Role
from hub.store import events_out as db
from hub.web.problems import KIND


def test_one_that_was_given_up_is_started_by_who_may_configure(subscribed):
    with subscribed.world.store.write() as tx:
        began = db.begin(tx, "tool", "https://hooks.example.org/x")
        db.save(tx, db.Subscription("tool", began.url, began.mark, 30, 0.0, 1.0, 2.0, "status 500"))
    [shown] = subscribed.get("/events").json()
    refused = subscribed.post("/events/tool/start")
    subscribed.role = Role.ADMINISTRATOR
    started = subscribed.post("/events/tool/start").json()

    assert (shown["attempts"], shown["error"], shown["disabled_at"]) == (30, "status 500", "1970-01-01T00:00:02Z")
    assert refused.json()["type"] == KIND + "not-allowed"
    assert (started["attempts"], started["disabled_at"]) == (0, None)
    assert subscribed.post("/events/other/start").status_code == 404
