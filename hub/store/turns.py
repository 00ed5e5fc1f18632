"""Threads of one process that write take turns in the order in which they asked.

SQLite itself lets a waiting writer try again after a pause, and whoever tries at the right moment comes first: of
five connections that load at once one may wait longer than it is ready to.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class Turns:
    """A lock that is handed on to whoever has waited longest. RuntimeError for a thread that has it already."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._holder = 0
        self._gates: deque[threading.Lock] = deque()

    @property
    def waiting(self) -> int:
        return len(self._gates)

    def __enter__(self) -> None:
        if self._holder == threading.get_ident():
            raise RuntimeError("a writing transaction was begun within another")
        self._wait()
        self._holder = threading.get_ident()

    def _wait(self) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            gate = threading.Lock()
            gate.acquire()
            self._gates.append(gate)
        try:
            gate.acquire()
        except BaseException:  # Ctrl-C while waiting
            self._leave(gate)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder = 0
        self._hand_on()

    def _hand_on(self) -> None:
        with self._guard:
            if self._gates:
                self._gates.popleft().release()
            else:
                self._taken = False

    def _leave(self, gate: threading.Lock) -> None:
        """Out of the queue; a turn that has come in the meantime is handed on."""
        with self._guard:
            if gate in self._gates:
                self._gates.remove(gate)
                return
        self._hand_on()
