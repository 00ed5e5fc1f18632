"""When each connection runs: one job a connection, never twice at once, and a stop that is kept.

A schedule is `every 5 minutes`, or {cron: "*/15 7-19 * * mon-fri", zone: Europe/Lisbon}. Cron means what
it means in crontab(5): minute, hour, day of the month, month, weekday with 0 and 7 for Sunday.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from time import monotonic
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from apscheduler.executors.base import BaseExecutor, run_job
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from hub.durations import parse_duration
from hub.errors import ConfigError, HubError
from hub.logs import bound

log = logging.getLogger(__name__)

JITTER = 0.1  # of the interval, so that connections of one schedule do not all start in the same second
MOST_JITTER_SECONDS = 30.0
SHORTEST = timedelta(seconds=1)
STOP_SECONDS = 30.0
ALLOWED = '"every 5 minutes", or {cron: "*/15 7-19 * * mon-fri", zone: Europe/Lisbon}'

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_RANGE = re.compile(r"(?P<first>\*|[a-z0-9]+)(?:-(?P<last>[a-z0-9]+))?(?:/(?P<step>[1-9][0-9]?))?")

Job: TypeAlias = Callable[[str, threading.Event], None]
"""Runs one connection. The event is set when the process wants to stop: finish the page and return."""


def parse_schedule(schedule: str | Mapping[str, Any], where: str) -> BaseTrigger:
    """The trigger of a schedule, with its jitter. ConfigError starts with `where`, the place in the file."""
    if isinstance(schedule, str):
        return _interval(schedule, where)
    unknown = sorted(set(schedule) - {"cron", "zone"})
    if unknown or not isinstance(schedule.get("cron"), str):
        found = f"{', '.join(unknown)} is not known" if unknown else "`cron` is missing"
        raise ConfigError(f"{where}: {found}. Allowed: {ALLOWED}.")
    return _cron(schedule["cron"], _zone(schedule.get("zone", "UTC"), where), where)


def _interval(text: str, where: str) -> IntervalTrigger:
    words = text.strip().lower()
    try:
        if not words.startswith("every "):
            raise ValueError("it does not start with `every`")
        rest = words.removeprefix("every ").strip()
        every = parse_duration(rest if rest[:1].isdigit() else f"1 {rest}")
        if every < SHORTEST:
            raise ValueError("it is shorter than a second")
    except ValueError as err:
        raise ConfigError(
            f"{where}: the schedule {text!r} cannot be used: {err}. Allowed: {ALLOWED}."
        ) from err
    seconds = every.total_seconds()
    return IntervalTrigger(seconds=seconds, timezone=UTC, jitter=_jitter(seconds))


def _cron(text: str, zone: ZoneInfo, where: str) -> CronTrigger:
    fields = text.lower().split()
    try:
        if len(fields) != 5:
            raise ValueError(f"it has {len(fields)} fields, not 5")
        minute, hour, day, month, weekday = fields
        if day != "*" and weekday != "*":
            raise ValueError("give the day of the month or the weekday, not both")
        trigger = CronTrigger(
            minute=minute, hour=hour, day=day, month=month, day_of_week=_weekdays(weekday), timezone=zone
        )
        first = trigger.get_next_fire_time(None, datetime.now(UTC))
    except ValueError as err:
        raise ConfigError(
            f"{where}: the cron text {text!r} cannot be used: {err}. Allowed: {ALLOWED}."
        ) from err
    if first is None:
        raise ConfigError(f"{where}: the cron text {text!r} names no moment that ever comes.")
    second = trigger.get_next_fire_time(first, first)
    if second is not None:
        trigger.jitter = _jitter((second - first).total_seconds())
    return trigger


def _weekdays(field: str) -> str:
    """Weekdays by name: the scheduler counts from Monday where cron counts from Sunday.

    >>> _weekdays("1-5"), _weekdays("fri-mon"), _weekdays("0,7"), _weekdays("*")
    ('mon,tue,wed,thu,fri', 'sun,mon,fri,sat', 'sun', '*')
    """
    if field == "*":
        return field
    days: set[int] = set()
    for part in field.split(","):
        found = _RANGE.fullmatch(part)
        if found is None:
            raise ValueError(f"{part!r} is no weekday")
        step = int(found["step"] or 1)
        if found["first"] == "*":
            days.update(range(0, 7, step))
            continue
        first = _weekday(found["first"])
        last = _weekday(found["last"]) if found["last"] else (6 if found["step"] else first)
        days.update((first + offset) % 7 for offset in range(0, _length(first, last), step))
    return ",".join(_WEEKDAYS[day] for day in sorted(days))


def _length(first: int, last: int) -> int:
    """Days from first to last, both counted, over the week's end where need be: 0-7 is a whole week."""
    return last - first + 1 if last >= first else last - first + 8


def _weekday(name: str) -> int:
    if name in _WEEKDAYS:
        return _WEEKDAYS.index(name)
    if name in set("01234567"):
        return int(name)
    raise ValueError(f"{name!r} is no weekday; allowed: {' '.join(_WEEKDAYS)} or 0 to 7")


def _zone(name: Any, where: str) -> ZoneInfo:
    known = _zones()
    if isinstance(name, str) and name in known:
        return ZoneInfo(name)
    near = get_close_matches(str(name), known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else " Allowed: names such as Europe/Lisbon or UTC."
    raise ConfigError(f"{where}: there is no time zone {name!r}.{hint}")


@cache
def _zones() -> frozenset[str]:
    """Reads the whole time zone folder, so once."""
    return frozenset(available_timezones() | {"UTC"})


def _jitter(seconds: float) -> float:
    return min(seconds * JITTER, MOST_JITTER_SECONDS)


class Scheduler:
    """Runs connections when they are due, each in a thread of its own.

    Late runs are made up once, not once for each that was missed. A run that is still going when the next
    is due is left alone. A run that fails is logged and comes again at its time.
    """

    def __init__(self, run: Job) -> None:
        self._run = run
        self._stopping = threading.Event()
        self._threads = _Threads()
        self._jobs = BackgroundScheduler(
            timezone=UTC,
            executors={"default": self._threads},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def add(self, connection: str, trigger: BaseTrigger) -> None:
        """Schedules a connection; an interval starts with a run at once, cron waits for its time."""
        now = {"next_run_time": datetime.now(UTC)} if isinstance(trigger, IntervalTrigger) else {}
        self._jobs.add_job(
            self._one, trigger, args=(connection,), id=connection, replace_existing=True, **now
        )

    def next_run(self, connection: str) -> datetime | None:
        """Aware UTC; None before `start` and for a connection that is not scheduled."""
        job = self._jobs.get_job(connection)
        due = getattr(job, "next_run_time", None)
        return due.astimezone(UTC) if due else None

    def start(self) -> None:
        self._jobs.start()

    def stop(self, timeout: float = STOP_SECONDS) -> bool:
        """Start no more runs, ask those under way to end, and wait for them.

        False when some had not ended after `timeout` seconds; their threads do not keep the process alive.
        """
        self._stopping.set()
        if self._jobs.running:
            self._jobs.shutdown(wait=False)
        return self._threads.wait(timeout)

    def _one(self, connection: str) -> None:
        with bound(connection=connection):
            try:
                if not self._stopping.is_set():
                    self._run(connection, self._stopping)
            except HubError as err:
                log.error("the run of %s failed: %s", connection, err)
            except Exception:  # the edge of the job: a bug is logged and the schedule goes on
                log.exception("the run of %s broke off by an error of the hub", connection)


class _Threads(BaseExecutor):  # type: ignore[misc]
    """A thread a run. Daemons, so that a run that does not heed the stop cannot hold up the process."""

    def __init__(self) -> None:
        super().__init__()
        self._running: set[threading.Thread] = set()
        self._guard = threading.Lock()

    def wait(self, timeout: float) -> bool:
        until = monotonic() + timeout
        with self._guard:
            running = list(self._running)
        for thread in running:
            thread.join(max(0.0, until - monotonic()))
        return not any(thread.is_alive() for thread in running)

    def _do_submit_job(self, job: Any, run_times: list[datetime]) -> None:
        thread = threading.Thread(target=self._work, args=(job, run_times), name=f"run-{job.id}", daemon=True)
        with self._guard:
            self._running.add(thread)
        thread.start()

    def _work(self, job: Any, run_times: list[datetime]) -> None:
        try:
            events = run_job(job, job._jobstore_alias, run_times, self._logger.name)
            self._run_job_success(job.id, events)
        finally:
            with self._guard:
                self._running.discard(threading.current_thread())
