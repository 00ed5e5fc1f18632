"""Schedules: when they fire, and what a stop waits for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from time import monotonic, sleep
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.interval import IntervalTrigger
from hypothesis import given
from hypothesis import strategies as st

from hub.config.values import parse_schedule
from hub.errors import AccountError, ConfigError
from hub.logs import current_connection
from hub.schedule import MOST_JITTER_SECONDS, Scheduler, make_trigger

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
SOON = 5.0  # seconds within which a thread has surely done its part


def trigger(text: str, zone: str = "UTC", now: datetime = MONDAY) -> Any:
    return make_trigger(parse_schedule(text), zone, now)


def fires(text: str, start: datetime, count: int, zone: str = "UTC") -> list[datetime]:
    """The next times without jitter."""
    made = trigger(text, zone, start)
    made.jitter = None
    found: list[datetime] = []
    previous, now = None, start
    for _ in range(count):
        previous = made.get_next_fire_time(previous, now)
        found.append(previous)
        now = previous + timedelta(microseconds=1)
    return found


# --- when it fires -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "seconds"), [("every 5 minutes", 300), ("every minute", 60), ("every 2 hours", 7200)])
def test_an_interval_fires_as_often_as_it_says(text, seconds):
    assert trigger(text).interval == timedelta(seconds=seconds)


def test_a_connection_that_is_run_by_hand_has_no_trigger():
    assert trigger("manual") is None


def test_an_interval_that_would_never_rest_is_refused():
    with pytest.raises(ConfigError, match="too short"):
        trigger("every 0.5 seconds")


def test_a_date_that_never_comes_is_refused():
    with pytest.raises(ConfigError, match="no moment"):
        trigger("0 0 30 2 *")


def test_cron_fires_on_working_days_in_its_zone():
    times = fires("*/15 7-19 * * mon-fri", MONDAY - timedelta(days=2), 53, "Europe/Lisbon")

    assert times[0] == datetime(2026, 11, 23, 7, 0, tzinfo=ZoneInfo("Europe/Lisbon"))
    assert (times[51].hour, times[51].minute) == (19, 45)
    assert times[52].weekday() == 1
    assert all(later - earlier >= timedelta(minutes=15) for earlier, later in pairwise(times))


@pytest.mark.parametrize(
    ("weekdays", "names"),
    [
        ("1-5", "mon tue wed thu fri"),
        ("0", "sun"),
        ("7", "sun"),
        ("0-6", "mon tue wed thu fri sat sun"),
        ("5-7", "fri sat sun"),
        ("1-5/2", "mon wed fri"),
        ("mon,3", "mon wed"),
    ],
)
def test_weekdays_mean_what_they_mean_in_cron(weekdays, names):
    days = names.split()

    times = fires(f"0 12 * * {weekdays}", MONDAY, len(days))

    assert [time.strftime("%a").lower() for time in times] == days


def test_a_night_job_runs_once_on_the_nights_the_clock_changes():
    lisbon = ZoneInfo("Europe/Lisbon")
    for start in (datetime(2026, 3, 28, 12, tzinfo=lisbon), datetime(2026, 10, 24, 12, tzinfo=lisbon)):
        times = fires("30 3 * * *", start, 3, "Europe/Lisbon")

        assert [time.day for time in times] == [start.day + 1, start.day + 2, start.day + 3]


@pytest.mark.parametrize(
    ("text", "most"), [("every 10 seconds", 1.0), ("every 2 hours", MOST_JITTER_SECONDS), ("* * * * *", 6.0)]
)
def test_jitter_is_a_tenth_of_the_interval_and_at_most_half_a_minute(text, most):
    assert trigger(text).jitter == pytest.approx(most)


@given(
    minute=st.sampled_from(["*", "0", "*/15", "5,50", "10-20/3"]),
    hour=st.sampled_from(["*", "2", "7-19", "*/5"]),
    month=st.sampled_from(["*", "2", "jan", "6-8"]),
    weekday=st.sampled_from(["*", "mon-fri", "0", "sat,sun", "1-5/2"]),
    zone=st.sampled_from(["UTC", "Europe/Lisbon", "Asia/Kathmandu", "America/Sao_Paulo"]),
)
def test_every_schedule_of_the_configuration_fires_later_and_later(minute, hour, month, weekday, zone):
    times = fires(f"{minute} {hour} * {month} {weekday}", MONDAY, 4, zone)

    assert all(earlier < later for earlier, later in pairwise(times))


# --- running -------------------------------------------------------------------------------------------


class Work:
    """Runs that note themselves and wait until they are let go."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.gate = threading.Event()
        self.changed = threading.Condition()
        self.failing: set[str] = set()

    def __call__(self, connection: str, stopping: threading.Event) -> None:
        with self.changed:
            self.started.append(connection)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.changed.notify_all()
        try:
            if connection in self.failing:
                raise AccountError("the key is refused")
            if connection == "buggy":
                raise KeyError("a bug")
            self.gate.wait(SOON)
        finally:
            with self.changed:
                self.at_once -= 1

    def wait_for(self, count: int) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: len(self.started) >= count, SOON)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def scheduler(work: Work) -> Iterator[Scheduler]:
    made = Scheduler(work)
    yield made
    work.gate.set()
    assert made.stop(SOON)


def often(seconds: float = 0.02) -> IntervalTrigger:
    return IntervalTrigger(seconds=seconds, timezone=UTC)


def test_an_interval_starts_with_a_run_at_once(scheduler, work):
    scheduler.add("erp", trigger("every 2 hours"))
    work.gate.set()

    scheduler.start()

    assert work.wait_for(1)
    due = scheduler.next_run("erp")
    assert due is not None and due > datetime.now(UTC) + timedelta(hours=1)


def test_a_cron_job_waits_for_its_time(scheduler, work):
    scheduler.add("erp", trigger("0 0 1 1 *", now=datetime.now(UTC)))

    scheduler.start()
    sleep(0.05)

    assert work.started == []


def test_a_run_that_is_still_going_is_not_started_again(scheduler, work):
    scheduler.add("erp", often())
    scheduler.start()
    assert work.wait_for(1)
    sleep(0.15)

    assert work.started == ["erp"]
    work.gate.set()
    assert work.wait_for(3)
    assert work.most_at_once == 1


def test_a_connection_that_hangs_does_not_hold_up_the_others(scheduler, work):
    for number in range(15):
        scheduler.add(f"c{number}", often(60))

    scheduler.start()

    assert work.wait_for(15)
    assert len(set(work.started)) == 15


@pytest.mark.parametrize("connection", ["failing", "buggy"])
def test_a_run_that_fails_is_logged_and_comes_again(scheduler, work, caplog, connection):
    work.failing.add("failing")
    scheduler.add(connection, often())

    scheduler.start()

    assert work.wait_for(3)
    assert any(connection in record.getMessage() for record in caplog.records if record.levelname == "ERROR")


def test_lines_of_a_run_carry_its_connection():
    seen: list[str | None] = []
    done = threading.Event()

    def run(connection: str, stopping: threading.Event) -> None:
        seen.append(current_connection())
        done.set()

    scheduler = Scheduler(run)
    scheduler.add("erp", often(60))
    scheduler.start()

    assert done.wait(SOON)
    assert scheduler.stop(SOON)
    assert seen == ["erp"]


def test_a_stop_tells_the_runs_and_waits_until_they_have_ended():
    ended: list[bool] = []
    begun = threading.Event()

    def run(connection: str, stopping: threading.Event) -> None:
        begun.set()
        told = stopping.wait(SOON)
        sleep(0.05)
        ended.append(told)

    scheduler = Scheduler(run)
    scheduler.add("erp", often())
    scheduler.start()
    assert begun.wait(SOON)

    assert scheduler.stop(SOON)

    assert ended == [True]


def test_a_stop_gives_up_on_a_run_that_does_not_heed_it():
    begun, release = threading.Event(), threading.Event()

    def run(connection: str, stopping: threading.Event) -> None:
        begun.set()
        release.wait(SOON)

    scheduler = Scheduler(run)
    scheduler.add("erp", often())
    scheduler.start()
    assert begun.wait(SOON)
    before = monotonic()

    assert not scheduler.stop(0.1)

    assert monotonic() - before < SOON
    release.set()
    assert scheduler.stop(SOON)


def test_nothing_starts_after_a_stop(work):
    scheduler = Scheduler(work)
    scheduler.add("erp", often())
    work.gate.set()
    scheduler.start()
    assert work.wait_for(1)
    assert scheduler.stop(SOON)
    count = len(work.started)
    sleep(0.1)

    assert len(work.started) == count


def test_a_scheduler_that_was_never_started_stops_at_once(work):
    assert Scheduler(work).stop(0)
