"""Schedules: what may be written, when it fires, and what a stop waits for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from time import monotonic, sleep
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import AccountError, ConfigError
from hub.logs import current_connection
from hub.schedule import MOST_JITTER_SECONDS, Scheduler, parse_schedule

WHERE = "hub.yaml:7: connections.erp.schedule"
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
SOON = 5.0  # seconds within which a thread has surely done its part


def fires(schedule: str | dict[str, str], start: datetime, count: int) -> list[datetime]:
    """The next times without jitter."""
    trigger: Any = parse_schedule(schedule, WHERE)
    trigger.jitter = None
    found: list[datetime] = []
    previous = None
    now = start
    for _ in range(count):
        previous = trigger.get_next_fire_time(previous, now)
        found.append(previous)
        now = previous + timedelta(microseconds=1)
    return found


# --- what may be written ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("every 5 minutes", 300),
        ("every 30 seconds", 30),
        ("Every 2 hours", 7200),
        ("every minute", 60),
        ("every 1 day", 86_400),
        ("every 1 hour 30 minutes", 5400),
    ],
)
def test_an_interval_is_a_number_and_a_unit(text, seconds):
    trigger = parse_schedule(text, WHERE)

    assert isinstance(trigger, IntervalTrigger)
    assert trigger.interval == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "5 minutes",
        "every",
        "every now and then",
        "every 0 seconds",
        "every -5 minutes",
        "every 0.5 seconds",
        "every 5 fortnights",
        "every 99999999 weeks",
        "*/15 * * * *",
        {},
        {"cron": None},
        {"cron": 5},
        {"cron": "* * * *"},
        {"cron": "* * * * * *"},
        {"cron": "61 * * * *"},
        {"cron": "* 25 * * *"},
        {"cron": "*/0 * * * *"},
        {"cron": "* * * * funday"},
        {"cron": "* * * * 8"},
        {"cron": "* * * * mon-"},
        {"cron": "* * * foo *"},
        {"cron": "0 0 30 2 *"},
        {"cron": "0 0 1 * mon"},
        {"cron": "0 0 * * *", "timezone": "UTC"},
        {"cron": "0 0 * * *", "zone": "Mars/Olympus"},
        {"cron": "0 0 * * *", "zone": "../../etc/passwd"},
        {"cron": "0 0 * * *", "zone": None},
    ],
)
def test_nonsense_is_a_configuration_error_that_says_where(schedule):
    with pytest.raises(ConfigError) as caught:
        parse_schedule(schedule, WHERE)

    assert str(caught.value).startswith(WHERE)


def test_a_misspelt_zone_gets_the_one_that_was_meant():
    with pytest.raises(ConfigError, match="Did you mean 'Europe/Lisbon'"):
        parse_schedule({"cron": "0 7 * * *", "zone": "Europe/Lisboa"}, WHERE)


@given(st.text(max_size=30))
def test_any_text_is_a_schedule_or_a_configuration_error(text):
    for schedule in (
        text,
        f"every {text}",
        {"cron": text},
        {"cron": f"0 0 * * {text}"},
        {"cron": "0 0 * * *", "zone": text},
    ):
        try:
            assert isinstance(parse_schedule(schedule, WHERE), BaseTrigger)
        except ConfigError as err:
            assert str(err).startswith(WHERE)


# --- when it fires -----------------------------------------------------------------------------------


def test_cron_fires_on_working_days_in_its_zone():
    times = fires({"cron": "*/15 7-19 * * mon-fri", "zone": "Europe/Lisbon"}, MONDAY - timedelta(days=2), 53)

    assert times[0] == datetime(2026, 11, 23, 7, 0, tzinfo=ZoneInfo("Europe/Lisbon"))
    assert times[51].hour == 19 and times[51].minute == 45
    assert times[52].weekday() == 1
    assert all(later - earlier >= timedelta(minutes=15) for earlier, later in pairwise(times))


@pytest.mark.parametrize(
    ("weekdays", "names"),
    [
        ("1-5", "mon tue wed thu fri"),
        ("0", "sun"),
        ("7", "sun"),
        ("0-6", "mon tue wed thu fri sat sun"),
        ("0-7", "mon tue wed thu fri sat sun"),
        ("5-7", "fri sat sun"),
        ("sat-mon", "mon sat sun"),
        ("*/2", "tue thu sat sun"),
        ("1-5/2", "mon wed fri"),
        ("mon,3", "mon wed"),
    ],
)
def test_weekdays_mean_what_they_mean_in_cron(weekdays, names):
    days = names.split()

    times = fires({"cron": f"0 12 * * {weekdays}"}, MONDAY, len(days))

    assert [time.strftime("%a").lower() for time in times] == days


def test_a_night_job_runs_once_on_the_nights_the_clock_changes():
    lisbon = ZoneInfo("Europe/Lisbon")
    for start in (datetime(2026, 3, 28, 12, tzinfo=lisbon), datetime(2026, 10, 24, 12, tzinfo=lisbon)):
        times = fires({"cron": "30 3 * * *", "zone": "Europe/Lisbon"}, start, 3)

        assert [time.day for time in times] == [start.day + 1, start.day + 2, start.day + 3]


@pytest.mark.parametrize(
    ("schedule", "most"),
    [("every 10 seconds", 1.0), ("every 2 hours", MOST_JITTER_SECONDS), ({"cron": "* * * * *"}, 6.0)],
)
def test_jitter_is_a_tenth_of_the_interval_and_at_most_half_a_minute(schedule, most):
    trigger: Any = parse_schedule(schedule, WHERE)

    assert trigger.jitter == pytest.approx(most)


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
    scheduler.add("erp", parse_schedule("every 2 hours", WHERE))
    work.gate.set()

    scheduler.start()

    assert work.wait_for(1)
    due = scheduler.next_run("erp")
    assert due is not None and due > datetime.now(UTC) + timedelta(hours=1)


def test_a_cron_job_waits_for_its_time(scheduler, work):
    scheduler.add("erp", parse_schedule({"cron": "0 0 1 1 *"}, WHERE))

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

    assert monotonic() - before < 1
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
