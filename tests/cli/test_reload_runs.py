"""Runs that are under way, or asked for, while a changed configuration is taken in: none is lost."""

from hub.sync import desk
from tests.cli.hosted import COUNT, Running, running, service, write
from tests.cli.slow_service import SIZE
from tests.cli.test_run import eventually

__all__ = ["running", "service"]


def test_a_full_run_under_way_ends_after_its_page_and_is_begun_again_for_who_asked(running, service):
    service.hold()
    assert running.host.service.run_now("people", True, "ann")
    assert service.is_asked.wait(30)
    taken_in = running.take_in()
    service.go_on()

    assert taken_in()
    assert eventually(lambda: running.ended() == ["interrupted", "done"], 30), running.runs()
    assert running.asked_for() == [("ann", True), ("ann", True)]
    assert service.pages[-3:] == [0, SIZE, 2 * SIZE]


def test_one_that_a_person_stopped_stays_stopped(running, service):
    service.hold()
    running.host.service.run_now("people", True, "ann")
    assert service.is_asked.wait(30)
    taken_in = running.take_in()
    desk.stop_run(running.store, running.runs()[0].id, "bob", running.host.service.shop.hub.clock())
    service.go_on()

    assert taken_in()
    assert not eventually(lambda: len(running.runs()) > 1, 3)
    assert running.ended() == ["interrupted"]


def test_orders_given_meanwhile_are_one_run_of_everything(running, service):
    service.hold()
    running.host.service.run_now("people", False, "ann")
    assert service.is_asked.wait(30)
    taken_in = running.take_in()
    assert running.host.service.run_now("people", True, "bob")
    assert running.host.service.run_now("people", False, "ann")
    service.go_on()

    assert taken_in()
    assert eventually(lambda: running.ended() == ["interrupted", "done"], 30), running.runs()
    assert running.asked_for() == [("ann", False), ("bob", True)]


def test_one_that_the_schedule_overtakes_is_made_after_it(running, service, monkeypatch):
    service.hold()
    now = running.host.service
    now._scheduler.at_once("people", now._run_scheduled)
    assert service.is_asked.wait(30)
    monkeypatch.setattr(now._worker, "is_running", lambda name: False)  # it began just after this look
    assert now.run_now("people", True, "bob")
    service.go_on()

    assert eventually(lambda: running.ended() == ["done", "done"], 30), running.runs()
    assert running.asked_for() == [("bob", True)]


def test_a_scheduled_run_under_way_goes_on_at_once_not_at_its_next_time(service):
    write("every 6 hours")
    service.hold()
    running = Running()
    try:
        assert service.is_asked.wait(30)
        taken_in = running.take_in()
        service.go_on()

        assert taken_in()
        assert eventually(lambda: running.ended() == ["interrupted", "done"], 30), running.runs()
        assert service.pages[-3:] == [0, SIZE, 2 * SIZE]
        with running.store.read() as tx:
            assert tx.one("SELECT count(*) FROM record")[0] == COUNT
    finally:
        service.go_on()
        running.end()
