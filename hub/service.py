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
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from hub.accounts.heads import heads_file, keep_head
from hub.asked import Asked, Order
from hub.config import HubConfig
from hub.connectors.form_settings import FormSettings
from hub.connectors.messages import MessageSettings
from hub.connectors.rest import RestConnector
from hub.errors import HubError
from hub.events.net import Outside, Poster
from hub.events.opening import EventGauges, targets
from hub.events.sender import Sender, Telling
from hub.lasting import Lasting
from hub.logs import bound
from hub.mail.opening import MailGauges, mail_server
from hub.mail.sender import MailSender, Posting
from hub.metrics import StateCollector
from hub.notify.notifier import NoticeGauges, Notifier, Notifying
from hub.notify.opening import base_of, receivers
from hub.opening import open_events
from hub.optin.asking import forms_key
from hub.optin.opening import open_opt_ins
from hub.optin.sender import Inviting
from hub.running import Workshop, build_hub, enabled
from hub.schedule import Scheduler, make_trigger
from hub.store import idempotency, mail_out, opt_in, work
from hub.store.access import forget_ended
from hub.store.db import Store
from hub.store.gauges import StoreGauges
from hub.store.inbox import StoreInbox, prune, waiting
from hub.store.keeping import forget_runs
from hub.store.opt_in import Asking
from hub.store.runs import past_runs
from hub.sync.run import Orders, Result
from hub.web.access.identity import identify
from hub.web.access.opened import open_entry
from hub.web.access.signin import Entry
from hub.web.api.world import NO_SETUP, Setup, World
from hub.web.app import Deps, create_app
from hub.web.console.glance import Glance
from hub.web.console.shell import Console
from hub.web.monitoring import Health
from hub.worker import Setting as EngineSetting
from hub.worker import Worker

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.2  # deliveries that arrive together are taken in together
REST_SECONDS = 5.0  # between two runs for events of one connection: those that come meanwhile are one run
AGAIN_SECONDS = 2.0  # a form that is being run at this moment is looked at again
TIDY_SECONDS = 3600.0
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
        registry = CollectorRegistry()
        registry.register(_Of(lasting.counters))
        self.shop = Workshop(config, build_hub(config, store), StoreInbox(store), sleep=self._pause)
        self._gauges = StoreGauges(store, self._names)
        registry.register(StateCollector(self._gauges))
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
        sender = Sender(store, targets(config), Poster(Outside()), time.time, self._stopping.is_set)
        self._telling = Telling(sender, self._stopping) if config.events else None
        server = mail_server(config)
        self._mailing: list[Posting | Inviting] = []
        if server is not None:
            self._mailing.append(Posting(MailSender(store, server, time.time, self._stopping.is_set), self._stopping))
        if self._opt_ins is not None:
            self._mailing.append(Inviting(self._opt_ins, self._stopping))
        registry.register(MailGauges(store, time.time))
        self._notifying = self._notifier()
        registry.register(NoticeGauges(store, list(config.notifications), time.time))
        registry.register(EventGauges(store, list(config.events), time.time))
        self._scheduler = Scheduler(self._run_scheduled)
        self._triggers = self._open_triggers()
        self._due: dict[str, datetime] = {}
        self.entry = self._open_entry(before)
        world = self._world()
        self.app = create_app(
            Deps(
                forms=self.forms,
                hooks=self.hooks,
                events=self.events,
                inbox=_Bell(self.shop.inbox, self._ring),
                health=self._health,
                registry=registry,
                base=config.folder,
                api=world,
                console=Console(world, Glance(store, config.connections, self.shop.hub.clock)),
                entry=self.entry,
                identify=identify(self.entry.signin),
                url=config.web.url,
                form_key=forms_key(store) if self.forms else b"",
                opt_ins=self._opt_ins,
                reads=self._lasting.reads,
            )
        )

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
        for sending in self._senders():
            sending.start()
        self._scheduler.start()

    def _senders(self) -> Iterator[Telling | Posting | Inviting | Notifying]:
        yield from (each for each in (self._telling, *self._mailing, self._notifying) if each is not None)

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
        for sending in self._senders():
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
            if not after.run_now(name, order.full, order.person):
                log.warning("a run that was asked for is not made: there is no connection %s any more", name)
        self.discard(after)

    def _has_schedule_of(self, other: Service, name: str) -> bool:
        mine, its = self._config.connections[name], other._config.connections.get(name)
        return its is not None and (mine.schedule, mine.zone) == (its.schedule, its.zone)

    def discard(self, other: Service) -> None:
        """This one is not used any more; the other one is."""
        if self.entry is not other.entry:
            self.close()

    def close(self) -> None:
        if self.entry.oidc is not None:
            self.entry.oidc.close()

    def _notifier(self) -> Notifying | None:
        """None: nobody wants to know."""
        config = self._config
        if not config.notifications:
            return None
        there = {name: each.enabled for name, each in config.connections.items()}
        poster, stop = Poster(Outside()), self._stopping.is_set
        found = Notifier(self._store, there, receivers(config), base_of(config), poster, time.time, stop)
        return Notifying(found, self._stopping)

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

    # --- runs -----------------------------------------------------------------------------------------

    def _run_scheduled(self, name: str, stopping: threading.Event) -> None:
        if not self._waits_for_approval(name) and self._is_cut_short(self._cycle(name, stopping.is_set)):
            self._cut_short.add(name)

    def run_now(self, name: str, full: bool, person: str) -> bool:
        """Begin a run that a person asks for; False: it is being run at this moment, or cannot be.

        One that is asked for, or under way, while another configuration is taken in is begun under that one.
        """
        with self._handing:
            after, is_late = self._after, self._stopping.is_set()
            if after is None:
                if name not in self._names or (not is_late and self._worker.is_running(name)):
                    return False
                if self._asked.put(name, Order(full, person)) and not is_late:
                    self._scheduler.at_once(name, self._by_hand)
                return True
        return after.run_now(name, full, person)

    def _by_hand(self, name: str, stopping: threading.Event) -> None:
        """What was asked for stays asked for until a run of it came to its own end."""
        while not self._stopping.is_set() and (order := self._asked.get(name)) is not None:
            orders = Orders(full=order.full, manual=True, person=order.person, stop=stopping.is_set)
            result = self._worker.cycle(name, orders)
            if result.status == "busy":  # the schedule, or another process, was faster
                self._stopping.wait(AGAIN_SECONDS)
                continue
            self._told(name, result)
            if not self._is_cut_short(result):
                self._asked.made(name, order)

    def _is_cut_short(self, result: Result) -> bool:
        """Whether it ended only because this service does."""
        if result.status != "interrupted" or not self._stopping.is_set():
            return False
        newest = past_runs(self._store, result.connection, 1)
        is_its = bool(newest) and (newest[0].id == result.run_id or newest[0].status == "running")
        return not (is_its and newest[0].stopped_by)

    def _run_form(self, name: str) -> bool:
        """False: it is being run by somebody at this moment."""
        return self._waits_for_approval(name) or self._cycle(name, self._stopping.is_set).status != "busy"

    def _run_events(self, name: str) -> bool:
        """What events of a service hint at; the same. A paused connection keeps them until it goes on."""
        with self._store.read() as tx:
            paused = work.connection(tx, name).paused is not None
        if paused or self._waits_for_approval(name):
            return True
        return self._cycle(name, self._stopping.is_set, events=True).status != "busy"

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
        now = datetime.now(UTC).timestamp()
        prune(self._store, now, self.events)
        with self._store.write() as tx:
            idempotency.prune(tx, now)
            mail_out.prune(tx, now)
            opt_in.prune(tx, now)
            for name, form in self.forms.items():
                if form.spam_rules is not None:
                    work.forget_spam(tx, name, now - form.spam_rules.keep.total_seconds())
            forget_ended(tx, now, now - self._config.access.idle.total_seconds())
        forget_runs(self._store, now - self._config.keep.runs.total_seconds())
        self._lasting.reads.write_down()
        keep_head(self._store, heads_file(self._config))
        return True

    def _waits_for_approval(self, name: str) -> bool:
        """The plan of a first sync is made once: it waits for a person."""
        with self._store.read() as tx:
            return work.connection(tx, name).started_at is None and "first" in work.open_gates(tx, name)

    def _cycle(self, name: str, stop: Callable[[], bool], *, events: bool = False) -> Result:
        return self._told(name, self._worker.cycle(name, Orders(stop=stop, events=events)))

    def _told(self, name: str, result: Result) -> Result:
        text = f"{result.status}: {result.message}" if result.message else result.status
        if result.status != "busy":
            with bound(run=result.run_id, connection=name):
                log.log(LEVELS.get(result.status, logging.INFO), "run %s", text, extra={"counts": result.counts})
        return result

    def _pause(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def _health(self) -> Health:
        now = datetime.now(UTC)
        ages: Mapping[str, float | None] = {
            name: None if found.last_complete is None else (now - found.last_complete).total_seconds()
            for name, found in self._gauges.gauges().items()
        }
        return Health(True, ages)


class _Of(Collector):
    """All that another registry holds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        return self._registry.collect()


class _Bell:
    """The inbox, which tells when something new has arrived."""

    def __init__(self, inbox: StoreInbox, ring: Callable[[str], None]) -> None:
        self._inbox, self._ring = inbox, ring

    def add(
        self,
        connection: str,
        delivery_id: str,
        received_at: datetime,
        payload: Mapping[str, Any],
        asking: Asking | None = None,
    ) -> bool:
        is_new = self._inbox.add(connection, delivery_id, received_at, payload, asking)
        if is_new:
            self._ring(connection)
        return is_new


class Attendant:
    """Takes in what was delivered soon after it arrived, and tidies the inbox.

    tidy  None: another attendant does
    """

    rest = 0.0  # seconds after each time

    def __init__(
        self,
        take_in: Callable[[str], bool],
        tidy: Callable[[], bool] | None,
        stopping: threading.Event,
        name: str = "forms",
    ) -> None:
        self._take_in, self._tidy, self._stopping = take_in, tidy, stopping
        self._rung: set[str] = set()
        self._guard = threading.Lock()
        self._bell = threading.Event()
        self._thread = threading.Thread(target=self._attend, name=f"inbox-{name}", daemon=True)

    def ring(self, name: str) -> None:
        with self._guard:
            self._rung.add(name)
        self._bell.set()

    def start(self) -> None:
        self._thread.start()

    def wait(self, timeout: float) -> bool:
        self._bell.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _attend(self) -> None:
        tidied = float("-inf")
        while not self._stopping.is_set():
            if self._tidy is not None and monotonic() - tidied >= TIDY_SECONDS:
                tidied = monotonic()
                self._guarded(self._tidy)
            if not self._bell.wait(TIDY_SECONDS) or self._stopping.wait(GATHER_SECONDS):
                continue
            self._bell.clear()
            with self._guard:
                rung, self._rung = self._rung, set()
            busy = [name for name in sorted(rung) if not self._guarded(partial(self._take_in, name))]
            if busy and not self._stopping.wait(AGAIN_SECONDS):
                for name in busy:
                    self.ring(name)
            self._stopping.wait(self.rest)

    def _guarded(self, step: Callable[[], bool]) -> bool:
        """The edge of the thread: it goes on whatever happens. False: to be tried again soon."""
        try:
            return step()
        except HubError as err:
            log.warning("the inbox was not attended to: %s", err)
            return False
        except Exception:
            log.exception("the inbox was not attended to, by an error of the hub")
        return True


class Listener(Attendant):
    """Follows what events of one connection hint at."""

    rest = REST_SECONDS
