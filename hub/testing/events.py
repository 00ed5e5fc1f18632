"""Events by webhook: hints that are signed, and nothing but hints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hub.connectors.contract import Connector
from hub.errors import TransientError
from hub.model import Record, Tombstone
from hub.testing.delivering import Sent, deliver
from hub.testing.faults import Faults
from hub.testing.system import System
from hub.testing.words import beside_the_point, items, listing, refuses

WRONG = "a-secret-of-somebody-else"


class Events:
    def test_an_event_makes_the_hub_read_its_record(self, system: System, connector: Connector) -> None:
        _needs_events(connector)
        record_id, cursor = _seeded(system, connector)

        deliver(system, _event(system, "changed", record_id))

        assert _heard(system, connector, cursor) == [_as_it_is(system, record_id)]

    def test_nothing_of_an_event_is_kept_but_where_to_look(self, system: System, connector: Connector) -> None:
        _needs_events(connector)
        record_id, _ = _seeded(system, connector)
        sent = _event(system, "changed", record_id)

        deliver(system, sent)

        [payload] = system.delivered.payloads
        assert set(payload) == {"hints"}
        assert [part for hint in payload["hints"] for part in hint] in (
            ["changed", record_id],
            ["named", system.name_of(record_id)],
        )

    def test_an_event_with_another_secret_is_refused(self, system: System, connector: Connector) -> None:
        _needs_events(connector)
        record_id, cursor = _seeded(system, connector)

        assert not deliver(system, _event(system, "changed", record_id, secret=WRONG))
        assert not deliver(system, _event(system, "deleted", record_id, secret=WRONG) or _nothing())
        assert _heard(system, connector, cursor) == []

    def test_an_event_changed_on_its_way_is_refused_or_says_no_more(self, system: System, connector: Connector) -> None:
        _needs_events(connector)
        record_id, cursor = _seeded(system, connector)
        sent = _event(system, "changed", record_id)

        deliver(system, replace(sent, body=sent.body + (b" " if sent.body[:1] in b"[{" else b"&more=1")))

        assert _heard(system, connector, cursor) in ([], [_as_it_is(system, record_id)])

    def test_an_old_event_is_refused_or_brings_only_what_is_there(self, system: System, connector: Connector) -> None:
        _needs_events(connector)
        record_id, cursor = _seeded(system, connector)
        sent = _event(system, "changed", record_id)
        _wait(system, 3600)

        deliver(system, sent)

        assert _heard(system, connector, cursor) in ([], [_as_it_is(system, record_id)])

    def test_an_event_that_comes_twice_is_read_once(self, system: System, connector: Connector) -> None:
        _needs_events(connector)
        record_id, cursor = _seeded(system, connector)
        sent = _event(system, "changed", record_id)

        for _ in range(2):
            assert deliver(system, sent)

        assert _heard(system, connector, cursor) == [_as_it_is(system, record_id)]

    def test_a_burst_of_events_of_one_record_is_one_reading(self, system: System, connector: Connector) -> None:
        _needs_events(connector)
        record_id, cursor = _seeded(system, connector)
        deliver(system, _event(system, "changed", record_id))
        once = _asked(system, cursor)

        for _ in range(60):
            _wait(system, 0.01)
            deliver(system, _event(system, "changed", record_id))

        assert _asked(system, cursor) == once

    def test_events_of_many_records_are_all_followed(self, system: System, connector: Connector) -> None:
        _needs_events(connector)
        ids = system.seed(7)
        system.settle()
        _, cursor = listing(connector)
        for each in ids:
            deliver(system, _event(system, "changed", each))

        assert sorted(each.id for each in _heard(system, connector, cursor)) == sorted(ids)

    def test_a_pull_begins_with_what_events_hint_at(self, system: System, connector: Connector) -> None:
        _needs_events(connector)
        record_id, cursor = _seeded(system, connector)
        deliver(system, _event(system, "changed", record_id))

        first = next(iter(system.within(system.context()).pull(cursor)))

        assert list(first.items) == [_as_it_is(system, record_id)]

    def test_what_was_followed_is_not_followed_again(self, system: System, connector: Connector) -> None:
        _needs_events(connector)
        record_id, cursor = _seeded(system, connector)
        deliver(system, _event(system, "changed", record_id))
        [*_, last] = connector.hear(cursor)

        assert _asked(system, last.cursor) == 0
        assert items(connector.hear(last.cursor)) == []

    def test_an_event_that_was_lost_is_made_up_for_by_the_next_pull(self, system: System, connector: Connector) -> None:
        _needs_events(connector)
        (first, second), cursor = system.seed(2), None
        system.settle()
        _, cursor = listing(connector)
        deliver(system, _event(system, "changed", first))
        [*_, last] = connector.hear(cursor)
        _wait(system, 2)
        try:
            system.edit(second)
        except AssertionError:
            [second] = system.seed(1)  # what is not edited there is only ever new
        system.settle()

        assert _as_it_is(system, second) in items(connector.pull(last.cursor))

    def test_events_wait_while_the_service_is_away(self, system: System, connector: Connector) -> None:
        _needs_events(connector)
        record_id, cursor = _seeded(system, connector)
        deliver(system, _event(system, "changed", record_id))

        with pytest.raises(TransientError):
            list(system.unreachable().hear(cursor))

        assert _heard(system, connector, cursor) == [_as_it_is(system, record_id)]

    def test_an_event_of_a_record_that_is_not_there_says_nothing(self, system: System, connector: Connector) -> None:
        _needs_events(connector)
        record_id, cursor = _seeded(system, connector)
        sent = _event(system, "changed", record_id)
        try:
            system.remove(record_id)
        except AssertionError:
            beside_the_point("nothing is deleted there")

        deliver(system, sent)

        assert [each for each in _heard(system, connector, cursor) if isinstance(each, Tombstone)] == []

    def test_an_event_of_a_deletion_that_is_not_true_deletes_nothing(
        self, system: System, connector: Connector
    ) -> None:
        _needs_events(connector)
        record_id, cursor = _seeded(system, connector)
        deliver(system, _deletion(system, record_id))

        assert _heard(system, connector, cursor) == [_as_it_is(system, record_id)]

    def test_a_deletion_that_is_told_and_true_is_a_tombstone(self, system: System, connector: Connector) -> None:
        _needs_events(connector)
        record_id, cursor = _seeded(system, connector)
        sent = _deletion(system, record_id)
        system.remove(record_id)

        deliver(system, sent)

        assert [(type(each), each.id) for each in _heard(system, connector, cursor)] == [(Tombstone, record_id)]

    def test_a_record_that_cannot_be_read_keeps_no_other_back(self, system: System, connector: Connector) -> None:
        """An event of something else altogether, signed well."""
        _needs_events(connector)
        record_id, cursor = _seeded(system, connector)
        for strange in ("' OR ''='", "../../x", record_id):
            sent = _event(system, "changed", strange)
            deliver(system, sent)

        heard = _heard(system, connector, cursor)

        assert _as_it_is(system, record_id) in heard
        assert {each.id for each in heard} == {record_id}


# --- what they say again and again ------------------------------------------------------------------


def _needs_events(connector: Connector) -> None:
    if not connector.can.events:
        refuses(lambda: list(connector.hear(None)))
        beside_the_point("`can` declares no events")


def _seeded(system: System, connector: Connector) -> tuple[str, str | None]:
    """A record, and the cursor after a listing that showed it."""
    [record_id] = system.seed(1)
    system.settle()
    _, cursor = listing(connector)
    return record_id, cursor


def _event(system: System, kind: str, record_id: str, secret: str | None = None) -> Sent:
    return system.event(kind, record_id, secret) or _nothing()


def _deletion(system: System, record_id: str) -> Sent:
    sent = system.event("deleted", record_id, None)
    if sent is None:
        beside_the_point("it tells of no deletions")
    assert sent is not None
    return sent


def _nothing() -> Sent:
    return Sent(b"{}")


def _heard(system: System, connector: Connector, cursor: str | None) -> Sequence[Record | Tombstone]:
    found = items(connector.hear(cursor))
    assert all(page.cursor for page in connector.hear(cursor))
    return found  # type: ignore[return-value]  # interactions have an id as well


def _as_it_is(system: System, record_id: str) -> object:
    if system.connector.can.read:
        return system.connector.read([record_id])[record_id]
    return next(each for each in items(system.connector.pull(None)) if each.id == record_id)


def _asked(system: System, cursor: str | None) -> int:
    """How many requests following the events takes."""
    assert system.network is not None
    faults = Faults(system.network)
    list(system.within(system.context(faults)).hear(cursor))
    return len(faults.sent)


def _wait(system: System, seconds: float) -> None:
    if system.clock is not None:
        system.clock.pass_by(seconds)
