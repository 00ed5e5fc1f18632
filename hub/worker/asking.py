"""The engine's process, seen by who started it: cycles are asked for, results and counts come back.

One thread has the process: it begins it, hears it, and begins it again when it ended by itself. Whoever asks for a
cycle waits for that and hears how it ended, whatever happens to the process.
"""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any, Final, Protocol

from hub.logs import bound
from hub.sync.engine import Meter
from hub.sync.run import Orders, Result
from hub.worker.setting import Setting

log = logging.getLogger(__name__)

ASK_SECONDS: Final = 0.2  # between two looks at whether a run is to stop
AGAIN_SECONDS: Final = 2.0  # from one that ended by itself to the next; doubles while they end soon
LONGEST_SECONDS: Final = 60.0  # of that pause; one that lived longer did not end soon
LEAVE_SECONDS: Final = 45.0  # one that is not heard any more ends by itself by then, or is ended
PLAIN: Final = ("approve", "full", "absence", "manual", "person", "on_order", "events")  # of the orders of a run

LEFT: Final = "Its page did not end in time when it was to stop. What it had saved stays; the next run goes on there."
STOPPED: Final = "The hub is being stopped."


class Process(Protocol):
    @property
    def pid(self) -> int: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...


Begin = Callable[[], tuple[Process, Connection]]
"""Starts the process and opens the line to it. OSError when the system does not let it."""


@dataclass(frozen=True, slots=True)
class Lost(Result):
    """Of a run that was not begun, or whose process has ended in the middle of it: it could not say so itself."""


@dataclass(slots=True)
class _Asked:
    """A cycle that was asked for."""

    name: str
    ended: threading.Event = field(default_factory=threading.Event)
    result: Result | None = None

    def end(self, result: Result) -> None:
        self.result = result
        self.ended.set()


@dataclass(frozen=True, slots=True)
class _Begun:
    process: Process
    link: Connection


class Worker:
    """The process. Thread-safe."""

    def __init__(self, setting: Setting, meter: Meter, begin: Begin | None = None) -> None:
        self._setting, self._meter, self._begin = setting, meter, begin or begin_process
        self._guard = threading.Lock()  # held for moments only: pages ask what is running
        self._names: set[str] = set()
        self._asked: dict[int, _Asked] = {}
        self._number = 0
        self._begun: _Begun | None = None
        self._trouble = ""  # why it could not be begun
        self._ready = threading.Event()  # it is begun, or that is not to be waited for
        self._stopping = threading.Event()
        self._ended_well = True
        self._thread = threading.Thread(target=self._attend, name="worker", daemon=True)

    @property
    def pid(self) -> int | None:
        begun = self._begun
        return begun.process.pid if begun else None

    def start(self) -> None:
        self._thread.start()

    def is_running(self, name: str) -> bool:
        """Whether it runs a connection at this moment."""
        with self._guard:
            return name in self._names

    def cycle(self, name: str, orders: Orders) -> Result:
        """One cycle of a connection. What goes wrong is in the result, also when the process ends in between."""
        with self._guard:
            if name in self._names:
                return Result(name, "", "busy", message="This process is running this connection already.")
            self._names.add(name)
        try:
            return self._cycle(_Asked(name), orders)
        finally:
            with self._guard:
                self._names.discard(name)

    def end(self) -> None:
        """Its runs end after the page they are at, and no other is begun."""
        with self._guard:
            self._stopping.set()
            self._ready.set()
            self._tell_end()

    def wait(self, timeout: float) -> bool:
        """After `end`. False: it had not ended its runs in time, or was made to end; a signal of others is no fault."""
        if self._thread.ident is None:
            return True
        self._thread.join(timeout)
        begun = self._begun
        if self._thread.is_alive() and begun is not None:
            begun.process.kill()
            self._thread.join(timeout)
            return False
        return self._ended_well and not self._thread.is_alive()

    # --- cycles ---------------------------------------------------------------------------------------

    def _cycle(self, asked: _Asked, orders: Orders) -> Result:
        while not self._ready.wait(ASK_SECONDS):
            if orders.stop():
                return Result(asked.name, "", "interrupted", message=STOPPED)
        number = self._ask(asked, orders)
        told = False
        while not asked.ended.wait(ASK_SECONDS):
            if not told and orders.stop():
                told = True
                with self._guard:
                    self._tell("stop", number)
        assert asked.result is not None
        return asked.result

    def _ask(self, asked: _Asked, orders: Orders) -> int:
        """The number under which it was asked for. What cannot be asked for has ended already."""
        with self._guard:
            self._number = number = self._number + 1
            if self._stopping.is_set():
                asked.end(Result(asked.name, "", "interrupted", message=STOPPED))
            elif self._begun is None:
                asked.end(_not_begun(asked.name, self._trouble or "it ended at this moment"))
            elif (why := self._tell("cycle", number, asked.name, _plain(orders))) is not None:
                asked.end(_not_begun(asked.name, why))
            else:
                self._asked[number] = asked
            return number

    def _tell(self, *words: Any) -> str | None:
        """Under the guard. None: it was told; else why not."""
        if self._begun is None:
            return "it is not there"
        try:
            self._begun.link.send(words)
        except OSError as err:
            return f"it does not listen ({type(err).__name__})"
        return None

    def _tell_end(self) -> None:
        if (why := self._tell("end")) is not None:
            log.debug("the process of the engine was not told to end: %s", why)

    # --- the thread that has the process --------------------------------------------------------------

    def _attend(self) -> None:
        pause = AGAIN_SECONDS
        while not self._stopping.is_set():
            began = monotonic()
            self._once()
            if monotonic() - began > LONGEST_SECONDS:
                pause = AGAIN_SECONDS
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_SECONDS)

    def _once(self) -> None:
        """From its beginning to its end."""
        try:
            begun = self._open()
        except OSError as err:
            self._not_opened(f"{type(err).__name__}: {err.strerror or 'no reason given'}")
            return
        except Exception:  # the edge of the thread: those who wait for a cycle must hear of it
            log.exception("the process of the engine could not be started, by an error of the hub")
            self._not_opened("an error of the hub")
            return
        try:
            self._hear(begun.link)
        finally:
            self._ended(_code_of(begun.process))

    def _not_opened(self, why: str) -> None:
        log.error("the process of the engine could not be started (%s); it is tried again soon", why)
        with self._guard:
            self._trouble = f"it could not be started: {why}"
            self._ready.set()

    def _open(self) -> _Begun:
        process, link = self._begin()
        try:
            link.send(self._setting)
        except BaseException:
            link.close()
            process.kill()
            process.wait()
            raise
        begun = _Begun(process, link)
        with self._guard:
            self._begun, self._trouble = begun, ""
            self._ready.set()
            if self._stopping.is_set():
                self._tell_end()
        return begun

    def _hear(self, link: Connection) -> None:
        """Until it has ended. What cannot be understood ends it: it goes when nobody listens any more."""
        try:
            while True:
                kind, *words = link.recv()
                self._result(*words) if kind == "result" else self._count(*words)
        except (EOFError, OSError):
            pass  # the end of it: said by `_ended`
        except Exception:
            log.exception("what the process of the engine said was not understood; it is ended")
        finally:
            with self._guard:  # nobody writes to it at this moment
                link.close()

    def _ended(self, code: int) -> None:
        with self._guard:
            is_told_to = self._stopping.is_set()
            self._begun = None
            lost, self._asked = self._asked, {}
            if not is_told_to:
                self._ready.clear()
        if is_told_to:
            self._ended_well = code <= 0
        else:
            log.error("the process of the engine ended by itself (%s); it is started again", code)
        for asked in lost.values():
            left = Result(asked.name, "", "interrupted", message=LEFT)
            asked.end(left if is_told_to else Lost(asked.name, "", "failed", message=_why(code)))

    def _result(self, number: int, result: Result) -> None:
        with self._guard:
            asked = self._asked.pop(number)
        asked.end(result)

    def _count(self, what: str, run: str | None, *args: Any) -> None:
        try:
            with bound(run=run):
                getattr(self._meter, what)(*args)
        except Exception:  # what was not counted must not cost a run its result
            log.exception("what a run did was not counted, by an error of the hub")


def begin_process() -> tuple[Process, Connection]:
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(  # noqa: S603 # this interpreter; what it is to do comes over the socket
                [sys.executable, "-m", "hub.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        except OSError:
            ours.close()
            raise
    return process, Connection(ours.detach())


def _code_of(process: Process) -> int:
    try:
        return process.wait(LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _not_begun(name: str, why: str) -> Lost:
    said = (
        f"The process of the engine could not be asked ({why}), so this run was not begun. It is started again in a "
        "moment; the run is made at its next time, or ask for it again. Look into the log, and at the memory of the "
        "machine."
    )
    return Lost(name, "", "failed", message=said)


def _why(code: int) -> str:
    how = f"by signal {-code}" if code < 0 else f"with code {code}"
    return (
        f"The process of the engine ended {how} in the middle of this run. What it had saved stays; the next run goes "
        "on there. Look into the log, and at the memory of the machine."
    )


def _plain(orders: Orders) -> dict[str, Any]:
    """What of them can be said to another process."""
    return {name: getattr(orders, name) for name in PLAIN}
