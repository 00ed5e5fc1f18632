"""What a connector keeps to itself: secrets, hosts, memory, files, and other connections' business."""

from __future__ import annotations

import gc
import logging
import tracemalloc
from pathlib import Path

import pytest

from hub.connectors.contract import Connector
from hub.errors import HubError
from hub.testing.faults import ELSEWHERE, Faults, leading_elsewhere, redirected
from hub.testing.system import System
from hub.testing.words import beside_the_point, calls, items, listing, one, records, tells

PLENTY = 10_000


class KeepsApart:
    def test_logs_hold_no_secret(self, system: System, connector: Connector, caplog: pytest.LogCaptureFixture) -> None:
        system.seed(2)
        with caplog.at_level(logging.DEBUG):
            connector.check()
            _, cursor = listing(connector)
            list(connector.pull(cursor))

        assert tells(system.secrets, caplog.text) == []

    def test_two_connections_at_once_share_nothing(self, system: System) -> None:
        ids = set(system.seed(system.many))
        one, other = system.within(system.context()), system.within(system.context())
        first = iter(one.pull(None))
        begun = [next(first)]
        whole, cursor = listing(other)

        assert ids <= set(records([*begun, *first]))
        assert ids <= set(whole)
        assert [item.id for item in items(other.pull(cursor))] == [item.id for item in items(one.pull(cursor))]

    def test_closing_one_connection_leaves_the_other_at_work(self, system: System) -> None:
        ids = set(system.seed(2))
        context = system.context()
        list(system.within(context).pull(None))
        other = system.within(system.context())

        context.closing.close()

        assert ids <= set(records(other.pull(None)))

    def test_closing_closes_what_was_opened(self, system: System) -> None:
        """Files and sockets that a connection opened are closed with it; HTTP clients too."""
        if not Path("/proc/self/fd").is_dir():
            beside_the_point("this machine does not say which files are open")
        system.seed(2)
        faults = Faults(system.network) if system.network else None
        list(system.within(system.context()).pull(None))  # what is opened once for all connections
        gc.collect()
        before = open_files()
        context = system.context(faults)
        list(system.within(context).pull(None))

        context.closing.close()

        gc.collect()
        assert open_files() - before == set()
        assert faults is None or faults.closed

    def test_ten_thousand_records_are_listed_in_little_memory(self, system: System) -> None:
        assert system.plenty >= PLENTY, "this system needs `plenty`"
        system.seed(system.plenty)
        connector = system.for_plenty()
        tracemalloc.start()
        try:
            count = sum(len(page.items) for page in connector.pull(None))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert count >= system.plenty
        assert peak <= system.memory, f"{peak / 2**20:.0f} MiB"


class KeepsToItsHost:
    """Over HTTP only."""

    def test_requests_go_to_the_service_only(self, system: System) -> None:
        faults = over(system)
        connector = system.within(system.context(faults))
        record = one(system)
        connector.check()
        list(connector.pull(None))
        if connector.can.read:
            connector.read([record.id])

        assert {each.host for each in faults.sent} <= allowed(system, faults)

    @pytest.mark.parametrize("host", [None, ELSEWHERE], ids=["same host", "another host"])
    def test_a_redirect_is_not_followed(self, system: System, host: str | None) -> None:
        system.seed(1)
        faults = over(system)
        faults.inject(redirected(host), times=None)
        connector = system.within(system.context(faults))

        for call in calls(connector, system.nobody):
            with pytest.raises(HubError):
                call()

        assert [each for each in faults.sent if each.request.url.path == "/moved"] == []
        assert ELSEWHERE not in {each.host for each in faults.sent}

    def test_links_to_another_host_are_not_followed(self, system: System) -> None:
        system.seed(system.many)
        faults = over(system)
        faults.inject(leading_elsewhere, times=None)

        try:
            list(system.within(system.context(faults)).pull(None))
        except HubError as error:
            assert tells(system.secrets, error) == []

        assert ELSEWHERE not in {each.host for each in faults.sent}

    def test_addresses_hold_no_secret(self, system: System) -> None:
        """An address stands in the logs of every server on the way."""
        system.seed(2)
        faults = over(system)
        connector = system.within(system.context(faults))
        connector.check()
        list(connector.pull(None))

        assert faults.sent
        assert tells(system.secrets, *(each.request.url for each in faults.sent)) == []

    def test_checking_and_reading_send_no_write(self, system: System) -> None:
        record = one(system)
        faults = over(system)
        connector = system.within(system.context(faults))
        connector.check()
        _, cursor = listing(connector)
        list(connector.pull(cursor))
        if connector.can.read:
            connector.read([record.id])

        assert [each.request for each in faults.sent if system.is_write(each.request)] == []

    def test_a_quiet_pull_asks_no_more_than_a_listing(self, system: System) -> None:
        system.seed(system.many)
        faults = over(system)
        connector = system.within(system.context(faults))
        _, cursor = listing(connector)
        listed = len(faults.sent)

        list(connector.pull(cursor))

        assert len(faults.sent) - listed <= listed


def over(system: System) -> Faults:
    """The network with nothing wrong in it yet."""
    assert system.network is not None, "this system needs `network`; one that does not speak HTTP says so in `cannot`"
    return Faults(system.network)


def allowed(system: System, faults: Faults) -> set[str]:
    return set(system.hosts) or {faults.sent[0].host}


def open_files() -> set[str]:
    """What every open file of this process is, by its number."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{each.name} {each.readlink()}")
        except OSError:
            continue  # the one that lists them
    return found
