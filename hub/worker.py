"""The engine in a process of its own: runs use one core, while pages, intake and lookups have another.

`hub run` starts it and speaks to it over a socket that nobody else has. It ends its runs after the page they are at
when it is told to, and when whoever started it is gone.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any, Final

from hub.config import HubConfig
from hub.logs import bound, configure, current_run
from hub.metrics import Metrics
from hub.running import Workshop, open_workshop
from hub.store.leases import release_dead
from hub.store.search import SearchIndex
from hub.sync.follow import Follower
from hub.sync.run import Orders, Result

log = logging.getLogger(__name__)

ASK_SECONDS: Final = 0.2  # between two looks at whether a run is to stop
AGAIN_SECONDS: Final = 2.0  # at least, between two starts of a process that ends by itself
PLAIN: Final = ("approve", "full", "absence", "manual", "person", "events")  # of the orders of a run
END_SECONDS: Final = 20.0  # from the word to stop until what still runs is left: it is made again later

LEFT: Final = "Its page did not end in time when it was to stop. What it had saved stays; the next run goes on there."


@dataclass(frozen=True, slots=True)
class LogForm:
    as_json: bool
    level: str


@dataclass(frozen=True, slots=True)
class Setting:
    """What the process is begun with. index: file of the search index that it keeps up with the store"""

    config: HubConfig
    index: Path | None
    log: LogForm


@dataclass(slots=True)
class _Asked:
    """A cycle that was asked for."""

    name: str
    ended: threading.Event = field(default_factory=threading.Event)
    result: Result | None = None


class Worker:
    """The process, seen by who started it. Thread-safe. It is started anew when it ended by itself."""

    def __init__(self, setting: Setting, meter: Metrics) -> None:
        self._setting, self._meter = setting, meter
        self._guard = threading.Lock()
        self._asked: dict[int, _Asked] = {}
        self._number = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._link: Connection | None = None
        self._started = float("-inf")
        self._stopping = threading.Event()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        with self._guard:
            self._begin()

    def is_running(self, name: str) -> bool:
        """Whether it runs a connection at this moment."""
        with self._guard:
            return any(asked.name == name for asked in self._asked.values())

    def cycle(self, name: str, orders: Orders) -> Result:
        """One cycle of a connection. What goes wrong is in the result, also when the process ends in between."""
        asked = _Asked(name)
        with self._guard:
            if any(other.name == name for other in self._asked.values()):
                return Result(name, "", "busy", message="This process is running this connection already.")
            if not self._stopping.is_set() and self._process is None:
                self._begin()
            if self._stopping.is_set() or self._link is None:
                return Result(name, "", "interrupted", message="The hub is being stopped.")
            self._number = number = self._number + 1
            self._asked[number] = asked
            self._tell("cycle", number, name, _plain(orders))
        told = False
        while not asked.ended.wait(ASK_SECONDS):
            if not told and orders.stop():
                told = True
                with self._guard:
                    self._tell("stop", number)
        assert asked.result is not None
        return asked.result

    def end(self) -> None:
        """Its runs end after the page they are at, and no other is begun."""
        self._stopping.set()
        with self._guard:
            self._tell("end")

    def wait(self, timeout: float) -> bool:
        """After `end`. False: it had not ended in time, and was made to."""
        process = self._process
        if process is None:
            return True
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False
        return True

    # --- inside ---------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Under the guard. A process that ends again and again is not started more often than now and then."""
        self._stopping.wait(max(0.0, self._started + AGAIN_SECONDS - monotonic()))
        self._started = monotonic()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 # this interpreter; what it is to do comes over the socket
                [sys.executable, "-m", "hub.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._link = Connection(ours.detach())
        self._link.send(self._setting)
        threading.Thread(target=self._hear, args=(self._process, self._link), name="worker", daemon=True).start()

    def _tell(self, *words: Any) -> None:
        """Under the guard. Who has ended hears nothing: what it was asked ends by `_hear`."""
        try:
            if self._link is not None:
                self._link.send(words)
        except OSError as err:
            log.debug("the process of the engine does not listen: %s", type(err).__name__)

    def _hear(self, process: subprocess.Popen[bytes], link: Connection) -> None:
        try:
            while True:
                kind, *words = link.recv()
                self._result(*words) if kind == "result" else self._count(*words)
        except (EOFError, OSError):
            pass  # the end of it: said below
        link.close()
        self._ended(process.wait())

    def _ended(self, code: int) -> None:
        with self._guard:
            self._process = self._link = None
            lost, self._asked = self._asked, {}
        is_told_to = self._stopping.is_set()
        if not is_told_to:
            log.error("the process of the engine ended by itself (%s); it is started again for the next run", code)
        status, why = ("interrupted", LEFT) if is_told_to else ("failed", _why(code))
        for asked in lost.values():
            asked.result = Result(asked.name, "", status, message=why)
            asked.ended.set()

    def _result(self, number: int, result: Result) -> None:
        with self._guard:
            asked = self._asked.pop(number)
        asked.result = result
        asked.ended.set()

    def _count(self, what: str, run: str | None, *args: Any) -> None:
        with bound(run=run):
            getattr(self._meter, what)(*args)


def _why(code: int) -> str:
    how = f"by signal {-code}" if code < 0 else f"with code {code}"
    return (
        f"The process of the engine ended {how} in the middle of this run. What it had saved stays; the next run goes "
        "on there. Look into the log, and at the memory of the machine."
    )


def _plain(orders: Orders) -> dict[str, Any]:
    """What of them can be said to another process."""
    return {name: getattr(orders, name) for name in PLAIN}


# --- the process itself -----------------------------------------------------------------------------


class _Said:
    """What the engine counts, told to who started it."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell

    def count(self, connection: str, outcome: str, n: int = 1) -> None:
        self._tell("count", "count", current_run(), connection, outcome, n)

    def conflict(self, connection: str, field: str, rule: str) -> None:
        self._tell("count", "conflict", current_run(), connection, field, rule)

    def interactions(self, connection: str, channel: str, n: int) -> None:
        self._tell("count", "interactions", current_run(), connection, channel, n)

    def run(self, connection: str, status: str, seconds: float) -> None:
        self._tell("count", "run", current_run(), connection, status, seconds)

    def quota(self, connection: str, left: int, most: int) -> None:
        self._tell("count", "quota", current_run(), connection, left, most)


class _Engine:
    """Makes the cycles that it is asked for, each in a thread."""

    def __init__(self, shop: Workshop, tell: Callable[..., None]) -> None:
        self._shop, self._tell = shop, tell
        self._stops: dict[int, threading.Event] = {}
        self._threads: dict[int, threading.Thread] = {}

    def cycle(self, number: int, name: str, given: dict[str, Any]) -> None:
        stop = self._stops[number] = threading.Event()
        orders = Orders(**given, stop=stop.is_set)
        self._threads[number] = threading.Thread(target=self._cycle, args=(number, name, orders), name=f"sync-{name}")
        self._threads[number].daemon = True  # one that hangs in a system's answer must not keep the process
        self._threads[number].start()

    def stop(self, number: int) -> None:
        if number in self._stops:
            self._stops[number].set()

    def end(self) -> bool:
        """All runs end after the page they are at. False when one has not ended in time."""
        until = monotonic() + END_SECONDS
        for stop in list(self._stops.values()):
            stop.set()
        for thread in list(self._threads.values()):
            thread.join(max(0.0, until - monotonic()))
        return not any(thread.is_alive() for thread in self._threads.values())

    def _cycle(self, number: int, name: str, orders: Orders) -> None:
        try:
            result = self._shop.cycle(name, orders)
        except Exception:  # the edge of the thread: whoever asked must hear how it ended
            with bound(connection=name):
                log.exception("a run was broken off by an error of the hub")
            result = Result(name, "", "failed", message="A fault in the hub itself; the log has its trace.")
        self._stops.pop(number, None)
        self._threads.pop(number, None)
        self._tell("result", number, result)


def _serve(link: Connection) -> bool:
    """Until it is told to end, or whoever started it is gone. False when a run had not ended in time."""
    setting: Setting = link.recv()
    configure(as_json=setting.log.as_json, level=setting.log.level)
    writing, stopping = threading.Lock(), threading.Event()

    def tell(*words: Any) -> None:
        try:
            with writing:
                link.send(words)
        except OSError:
            stopping.set()  # nobody listens any more: `_words` ends too

    with open_workshop(setting.config, meter=_Said(tell)) as shop, _following(shop, setting.index, stopping):
        shop.sleep = partial(_wait, stopping)
        release_dead(shop.store, shop.hub.clock())
        engine = _Engine(shop, tell)
        for kind, *words in _words(link):
            if kind == "cycle":
                engine.cycle(*words)
            elif kind == "stop":
                engine.stop(*words)
        stopping.set()
        return engine.end()


def _words(link: Connection) -> Iterator[Any]:
    try:
        while (words := link.recv()) != ("end",):
            yield words
    except (EOFError, OSError):
        log.warning("whoever started the engine is gone: it ends")


def _wait(stopping: threading.Event, seconds: float) -> None:
    stopping.wait(seconds)


@contextmanager
def _following(shop: Workshop, path: Path | None, stopping: threading.Event) -> Iterator[None]:
    """The search index is kept up here as well: it takes as much of a core as a run."""
    if path is None:
        yield
        return
    index = SearchIndex(path)
    follower = Follower(shop.store, index, stopping)
    follower.start()
    try:
        yield
    finally:
        stopping.set()
        if follower.wait(END_SECONDS):
            index.close()


def main() -> None:
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
    ):  # a terminal and a service manager send them to every process
        signal.signal(number, signal.SIG_IGN)
    if not _serve(Connection(int(sys.argv[1]))):
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
