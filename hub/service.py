"""`hub run`: connections on their schedules, the intake of forms, metrics and health, in one process."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any

from apscheduler.triggers.base import BaseTrigger
from prometheus_client import CollectorRegistry

from hub.asked import Asked, Order
from hub.attending import AGAIN_SECONDS, Attendant, Listener
from hub.config import HubConfig
from hub.connectors.form_settings import FormSettings
from hub.connectors.messages import MessageSettings
from hub.connectors.rest import RestConnector
from hub.errors import HubError
from hub.lasting import Lasting
from hub.logs import bound
from hub.measuring import registry_of
from hub.opening import open_events
from hub.optin.asking import forms_key
from hub.optin.opening import open_opt_ins
from hub.running import Workshop, build_hub, enabled
from hub.schedule import Scheduler, make_trigger
from hub.sending import sendings
from hub.stepping import Stepping
from hub.store import connections, holds, run_orders
from hub.store.audit import note
from hub.store.db import Store
from hub.store.gauges import StoreGauges
from hub.store.inbox import StoreInbox, waiting
from hub.store.run_orders import RunOrder
from hub.store.runs import past_runs
from hub.store.upkeep import record_lost
from hub.sync.run import Orders, Result
from hub.tidying import mark, tidy
from hub.web.access.identity import identify
from hub.web.access.opened import open_entry
from hub.web.access.signin import Entry
from hub.web.api.world import NO_SETUP, Setup, World
from hub.web.app import Deps, create_app
from hub.web.console.glance import Glance
from hub.web.console.shell import Console
from hub.web.monitoring import Health
from hub.worker.asking import Lost, Worker
from hub.worker.setting import Setting as EngineSetting

log = logging.getLogger(__name__)

LAST_SECONDS = 1.0  # for runs that learn how they ended when their process has
LEVELS = {"failed": logging.ERROR, "held": logging.WARNING, "paused": logging.WARNING}


class Service:
    """All that one configuration makes run. `hub.host` serves it, and puts another in its place.

    before  whose place it takes: who is signed in stays so, and schedules that are the same go on as they were
    """

    def __init__(
        self,
        config: HubConfig,
        store: Store,
        lasting: Lasting,
        before: Service | None = None,
        setup: Setup = NO_SETUP,
    ) -> None:
        """ConfigError when a form's secret is missing or a schedule never comes. Nothing runs yet."""
        self._config, self._store, self._lasting, self._setup = config, store, lasting, setup
        self._names = enabled(config)
        self._stopping = threading.Event()
        self._handing = threading.Lock()
        self._after: Service | None = None
        self._asked = Asked()
        self._cut_short: set[str] = set()  # runs of the schedule that a change of the configuration ended
        hub = build_hub(config, store, meter=lasting.metrics)  # what is made in this process counts as well
        self.shop = Workshop(config, hub, StoreInbox(store, self._ring), sleep=self._pause)
        self._gauges = StoreGauges(store, self._names)
        self.forms = {name: FormSettings.model_validate(given) for name, given in self._of_type("form")}
        self.hooks = {name: MessageSettings.model_validate(given) for name, given in self._of_type("messages")}
        self.events = {name: found for name in self._names if (found := open_events(config, name)) is not None}
        self._attendant = Attendant(self._run_form, self._tidy, self._stopping)
        self._listeners = {
            name: Listener(self._run_events, partial(self._subscribe, name), self._stopping, name)
            for name in self.events
        }
        self._opt_ins = open_opt_ins(config, store, self.forms, time.time, self._ring)
        self._worker = Worker(EngineSetting(config, lasting.index.path, lasting.log_form), lasting.metrics)
        self._senders = [
            Stepping(step, beat, self._stopping)
            for step, beat in sendings(config, store, self._opt_ins, self._stopping.is_set)
        ]
        self._scheduler = Scheduler(self._run_scheduled)
        self._triggers = self._open_triggers()
        self._due: dict[str, datetime] = {}
        self.entry = self._open_entry(before)
        self.app = create_app(self._deps(registry_of(config, store, self._gauges, lasting.counters)))

    def _open_triggers(self) -> dict[str, BaseTrigger]:
        now = datetime.now(UTC)
        given = {name: self._config.connections[name] for name in self._names}
        made = {name: make_trigger(each.schedule, each.zone, now) for name, each in given.items()}
        return {name: trigger for name, trigger in made.items() if trigger is not None}

    def _open_entry(self, before: Service | None) -> Entry:
        """That of before, with the waits after wrong passwords, so long as nothing of it was changed."""
        if before is not None and before._signs_in_as(self._config):
            return before.entry
        return open_entry(self._config, self._store, time.time, self.shop.hub.new_id, self._lasting.later)

    def _signs_in_as(self, config: HubConfig) -> bool:
        return (self._config.access, self._config.web.url) == (config.access, config.web.url)

    def start(self) -> None:
        """Schedules and intake begin. What waits in the inbox is taken in."""
        self._worker.start()
        for name, trigger in self._triggers.items():
            self._scheduler.add(name, trigger, self._due.get(name))
        for name in self._waiting():
            self._ring(name)
        for each in (self._attendant, *self._listeners.values()):
            each.start()
        for sending in self._senders:
            sending.start()
        self._scheduler.start()

    def _waiting(self) -> Iterable[str]:
        """Connections with something in the inbox; all that could have something where that cannot be told."""
        names = [*self.forms, *self.hooks, *self.events]
        try:
            with self._store.read() as tx:
                return waiting(tx, names)
        except HubError as err:
            log.warning("every form and every service is looked at: what waits cannot be told: %s", err)
            return names

    def _of_type(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """(connection, settings as written) of this type."""
        for each in self._names:
            if self._config.connections[each].type == name:
                yield each, dict(self._config.connections[each].settings)

    def next_run(self, name: str) -> datetime | None:
        return self._scheduler.next_run(name)

    def drain(self, timeout: float) -> bool:
        """Begin nothing more and wait for what is under way; pages and intake go on. False: not all has ended."""
        until = monotonic() + timeout
        self._due = {name: due for name in self._triggers if (due := self.next_run(name)) is not None}
        with self._handing:
            self._stopping.set()
        self._worker.end()
        ended = self._scheduler.stop(max(0.0, timeout))
        for each in (self._attendant, *self._listeners.values()):
            ended &= each.wait(max(0.0, until - monotonic()))
        for sending in self._senders:
            ended &= sending.wait(max(0.5, until - monotonic()))
        ended &= self._worker.wait(max(0.5, until - monotonic()))
        return self._scheduler.stop(LAST_SECONDS) and ended  # those whose process had to be ended know it now

    def hand_over(self, after: Service) -> None:
        """Requests that still come to this one, and runs cut short or asked for meanwhile, are the other's."""
        with self._handing:
            self._after = after
            after._due = {name: due for name, due in self._due.items() if self._has_schedule_of(after, name)}
            after._due |= dict.fromkeys(self._cut_short, datetime.now(UTC))
        for name, order in self._asked.take().items():
            after._order_again(name, order)
        self.discard(after)

    def _has_schedule_of(self, other: Service, name: str) -> bool:
        mine, its = self._config.connections[name], other._config.connections.get(name)
        return its is not None and (mine.schedule, mine.zone) == (its.schedule, its.zone)

    def leave_orders(self) -> None:
        """The hub ends: runs that were cut short by it are made at its next start, as those that were not begun."""
        for name, order in self._asked.take().items():
            self._put_on_order(name, order)

    def take_up_orders(self) -> None:
        """What was asked for before the last end, or kill, is begun."""
        try:
            with self._store.write() as tx:
                left = run_orders.waiting(tx, self.shop.hub.clock())
        except HubError as err:
            log.warning("runs that were asked for before the last end are not begun now: %s", err)
            return
        for each in left:
            self._order_again(each.connection, Order(each.full, each.person))

    def _order_again(self, name: str, order: Order) -> None:
        self._put_on_order(name, order)
        if not self._begin_soon(name, order):
            self._strike(name, order.full)
            log.warning("a run that was asked for is not made: there is no connection %s any more", name)

    def _put_on_order(self, name: str, order: Order) -> None:
        try:
            with self._store.write() as tx:
                run_orders.put(tx, RunOrder(name, order.full, order.person), self.shop.hub.clock())
        except HubError as err:
            log.warning("the run of %s that was asked for is not kept over an end of the hub: %s", name, err)

    def _strike(self, name: str, full: bool) -> None:
        with self._store.write() as tx:
            run_orders.begun(tx, name, full=full)

    def discard(self, other: Service) -> None:
        """This one is not used any more; the other one is."""
        if self.entry is not other.entry:
            self.close()

    def close(self) -> None:
        if self.entry.oidc is not None:
            self.entry.oidc.close()

    def _world(self) -> World:
        return World(
            config=self._config,
            store=self._store,
            hub=self.shop.current,
            index=self._lasting.index,
            run=self.run_now,
            next_run=self.next_run,
            clock=self.shop.hub.clock,
            setup=self._setup,
        )

    def _deps(self, registry: CollectorRegistry) -> Deps:
        world = self._world()
        return Deps(
            forms=self.forms,
            hooks=self.hooks,
            events=self.events,
            inbox=self.shop.inbox,
            health=self._health,
            registry=registry,
            base=self._config.folder,
            api=world,
            console=Console(world, Glance(self._store, self._config.connections, self.shop.hub.clock)),
            entry=self.entry,
            identify=identify(self.entry.signin),
            url=self._config.web.url,
            form_key=forms_key(self._store) if self.forms else b"",
            opt_ins=self._opt_ins,
            reads=self._lasting.reads,
        )

    # --- runs -----------------------------------------------------------------------------------------

    def _run_scheduled(self, name: str, stopping: threading.Event) -> None:
        if not self._waits_for_approval(name) and self._is_cut_short(self._cycle(name, stopping.is_set)):
            self._cut_short.add(name)

    def run_now(self, name: str, full: bool, person: str) -> bool:
        """Begin a run that a person asks for; False: it is being run at this moment, or cannot be.

        One that is asked for, or under way, while another configuration is taken in is begun under that one. It is on
        order in the store until it begins: a hub that is killed before makes it at its next start.
        """
        if not self._can_begin(name):
            return False
        at = self.shop.hub.clock()
        with self._store.write() as tx:
            run_orders.put(tx, RunOrder(name, full, person), at)
            note(tx, person, "run asked for", f"connection {name}", {"full": full}, at=at)
        if self._begin_soon(name, Order(full, person)):
            return True
        self._strike(name, full)
        return False

    def _can_begin(self, name: str) -> bool:
        with self._handing:
            after, is_late = self._after, self._stopping.is_set()
        if after is not None:
            return after._can_begin(name)
        return name in self._names and (is_late or not self._worker.is_running(name))

    def _begin_soon(self, name: str, order: Order) -> bool:
        with self._handing:
            after, is_late = self._after, self._stopping.is_set()
            if after is None:
                if name not in self._names or (not is_late and self._worker.is_running(name)):
                    return False
                if self._asked.put(name, order) and not is_late:
                    self._scheduler.at_once(name, self._by_hand)
                return True
        return after._begin_soon(name, order)

    def _by_hand(self, name: str, stopping: threading.Event) -> None:
        """What was asked for stays asked for until a run of it came to its own end."""
        while not self._stopping.is_set() and (order := self._asked.get(name)) is not None:
            if not self._waits(name):  # another hub over this store has begun it
                self._asked.made(name, order)
                continue
            orders = Orders(full=order.full, manual=True, person=order.person, on_order=True, stop=stopping.is_set)
            result = self._worker.cycle(name, orders)
            if result.status == "busy":  # the schedule, or another process, was faster
                self._stopping.wait(AGAIN_SECONDS)
                continue
            self._told(name, result)
            if not self._is_cut_short(result) and self._asked.made(name, order):
                self._strike(name, order.full)  # it may have ended before it began: something waits for a person

    def _waits(self, name: str) -> bool:
        with self._store.read() as tx:
            return run_orders.waits(tx, name)

    def _is_cut_short(self, result: Result) -> bool:
        """Whether it ended only because this service does."""
        if result.status != "interrupted" or not self._stopping.is_set():
            return False
        newest = past_runs(self._store, result.connection, 1)
        is_its = bool(newest) and (newest[0].id == result.run_id or newest[0].status == "running")
        return not (is_its and newest[0].stopped_by)

    def _run_form(self, name: str) -> bool:
        """False: it is being run by somebody at this moment, or could not be run."""
        return self._waits_for_approval(name) or _is_over(self._cycle(name, self._stopping.is_set))

    def _run_events(self, name: str) -> bool:
        """What events of a service hint at; the same. A paused connection keeps them until it goes on."""
        with self._store.read() as tx:
            paused = connections.remembered(tx, name).paused is not None
        if paused or self._waits_for_approval(name):
            return True
        return _is_over(self._cycle(name, self._stopping.is_set, events=True))

    def _subscribe(self, name: str) -> bool:
        """At the start and every hour, where the service forgets after a while that it should tell of events."""
        with self.shop.open(name) as connector:
            if isinstance(connector, RestConnector):
                connector.subscribe()
        return True

    def _ring(self, name: str) -> None:
        if self._after is not None:
            self._after._ring(name)
            return
        self._listeners.get(name, self._attendant).ring(name)

    def _tidy(self) -> bool:
        tidy(self._config, self._store, self.forms, self.events, datetime.now(UTC).timestamp())
        self._lasting.reads.write_down()  # before the mark, so that it covers them
        mark(self._config, self._store)
        return True

    def _waits_for_approval(self, name: str) -> bool:
        """The plan of a first sync is made once: it waits for a person."""
        with self._store.read() as tx:
            return connections.remembered(tx, name).started_at is None and "first" in holds.open_gates(tx, name)

    def _cycle(self, name: str, stop: Callable[[], bool], *, events: bool = False) -> Result:
        return self._told(name, self._worker.cycle(name, Orders(stop=stop, events=events)))

    def _told(self, name: str, result: Result) -> Result:
        text = f"{result.status}: {result.message}" if result.message else result.status
        if result.status != "busy":
            with bound(run=result.run_id, connection=name):
                log.log(LEVELS.get(result.status, logging.INFO), "run %s", text, extra={"counts": result.counts})
        if isinstance(result, Lost):
            self._put_on_record(result)
        return result

    def _put_on_record(self, lost: Lost) -> None:
        hub = self.shop.hub
        try:
            record_lost(self._store, hub.new_id("r"), lost.connection, hub.clock(), lost.message or "")
        except HubError as err:
            log.warning("the failed run was not put on record: %s", err)

    def _pause(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def _health(self) -> Health:
        now = datetime.now(UTC)
        ages: Mapping[str, float | None] = {
            name: None if found.last_complete is None else (now - found.last_complete).total_seconds()
            for name, found in self._gauges.gauges().items()
        }
        return Health(True, ages)


def _is_over(result: Result) -> bool:
    return result.status != "busy" and not isinstance(result, Lost)
