"""When each connection runs: one job a connection, never twice at once, and a stop that is kept."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from apscheduler.executors.base import BaseExecutor, run_job
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from hub.config.values import Schedule
from hub.errors import ConfigError, HubError
from hub.logs import bound

log = logging.getLogger(__name__)

JITTER = 0.1  # of the interval, so that connections of one schedule do not all start in the same second
MOST_JITTER_SECONDS = 30.0
SHORTEST_SECONDS = 1.0  # between two runs: anything shorter is a typing mistake
STOP_SECONDS = 30.0

Job: TypeAlias = Callable[[str, threading.Event], None]
"""Runs one connection. The event is set when the process wants to stop: finish the page and return."""


def make_trigger(schedule: Schedule, zone: str, now: datetime) -> BaseTrigger | None:
    """What fires a schedule, with its jitter; None for one that is run by hand.

    zone  known time zone that a cron schedule is meant in
    ConfigError for a schedule that never comes, such as the 30th of February.
    """
    if schedule.is_manual:
        return None
    if schedule.every is not None:
        seconds = schedule.every.total_seconds()
        if seconds < SHORTEST_SECONDS:
            raise ConfigError(f"the schedule `{schedule}` is too short: allowed is `every 1 second` or longer")
        return IntervalTrigger(seconds=seconds, timezone=UTC, jitter=_jitter(seconds))
    return _cron(schedule, ZoneInfo(zone), now)


def _cron(schedule: Schedule, zone: ZoneInfo, now: datetime) -> CronTrigger:
    trigger = CronTrigger(**dict(schedule.cron), timezone=zone)
    first = trigger.get_next_fire_time(None, now)
    if first is None:
        raise ConfigError(f"the schedule `{schedule}` names no moment that ever comes: check day and month")
    second = trigger.get_next_fire_time(first, first)
    if second is not None:
        trigger.jitter = _jitter((second - first).total_seconds())
    return trigger


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

    def add(self, connection: str, trigger: BaseTrigger, due: datetime | None = None) -> None:
        """Schedules a connection; an interval starts with a run at once, cron waits for its time.

        due  when its next run was to be, where only its scheduler is another one now
        """
        first = due or (datetime.now(UTC) if isinstance(trigger, IntervalTrigger) else None)
        now = {"next_run_time": first} if first else {}
        self._jobs.add_job(self._one, trigger, args=(connection,), id=connection, replace_existing=True, **now)

    def at_once(self, connection: str, run: Job) -> None:
        """A run beside the schedule, in a thread of its own like the others."""
        self._jobs.add_job(self._one, args=(connection, run), misfire_grace_time=None)

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

    def _one(self, connection: str, run: Job | None = None) -> None:
        with bound(connection=connection):
            try:
                if not self._stopping.is_set():
                    (run or self._run)(connection, self._stopping)
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
