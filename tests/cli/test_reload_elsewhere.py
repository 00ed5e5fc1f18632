"""Several `hub run` over one store: what is saved through one is taken in by the others."""

import time

import pytest

from hub import host as hosting
from tests.cli.hosted import Running, running, service, write
from tests.cli.test_run import eventually

__all__ = ["running", "service"]


@pytest.fixture
def other(running):
    found = Running()
    yield found
    found.end()


def schedule_of(found):
    return str(found.host.service._config.connections["people"].schedule)


def test_what_is_saved_through_one_is_taken_in_by_the_other_once(running, other):
    write("every 6 hours")
    running.host._setup.take()
    assert eventually(lambda: schedule_of(other) == schedule_of(running) == "every 6 hours", 60)
    both = running.host.service, other.host.service
    time.sleep(hosting.LOOK_SECONDS + 1)

    assert (running.host.service, other.host.service) == both


def test_what_only_was_written_by_hand_waits_to_be_asked_for(running):
    write("every 6 hours")
    time.sleep(hosting.LOOK_SECONDS + 1)
    assert schedule_of(running) == "manual"
    running.host.ask()

    assert eventually(lambda: schedule_of(running) == "every 6 hours", 30)


def test_one_that_cannot_be_taken_in_there_is_said_there(running, other):
    write("now and then")
    running.host._setup.take()

    assert eventually(lambda: other.host._setup.trouble() and running.host._setup.trouble(), 30)
    assert (schedule_of(running), schedule_of(other)) == ("manual", "manual")
