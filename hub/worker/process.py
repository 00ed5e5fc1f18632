"""The engine's process: it makes the cycles that it is asked for, and keeps the search index up.

It ends its runs after the page they are at when it is told to, and when whoever started it is gone.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any, Final

from hub.logs import bound, configure, current_run
from hub.running import Workshop, open_workshop
from hub.store.leases import release_dead
from hub.store.search import SearchIndex
from hub.sync.follow import follower
from hub.sync.run import Orders, Result
from hub.worker.setting import Setting

log = logging.getLogger(__name__)

NICENESS: Final = 5  # whoever waits for a page or a caller's name goes before a run
END_SECONDS: Final = 20.0  # from the word to stop until what still runs is left: it is made again later


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
def _following(shop: Workshop, path: Path, stopping: threading.Event) -> Iterator[None]:
    """The search index is kept up here as well: it takes as much of a core as a run."""
    index = SearchIndex(path)
    following = follower(shop.store, index, stopping)
    following.start()
    try:
        yield
    finally:
        stopping.set()
        if following.wait(END_SECONDS):
            index.close()


def main() -> None:
    os.nice(NICENESS)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a terminal and a service manager send them to every process
    if not _serve(Connection(int(sys.argv[1]))):
        sys.stderr.flush()
        os._exit(1)
