"""Threads that write take turns in the order in which they asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.store.db import BUSY_SECONDS, Store
from hub.store.turns import Turns


def started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def until_waiting(turns: Turns, number: int) -> None:
    deadline = time.monotonic() + 30
    while turns.waiting < number:
        assert time.monotonic() < deadline, f"{turns.waiting} of {number} wait"
        time.sleep(0.001)


def test_whoever_has_waited_longest_is_next_even_when_the_holder_comes_back_at_once():
    turns, order, threads = Turns(), [], []

    def take(name: str) -> None:
        with turns:
            order.append(name)

    def hold_twice() -> None:
        with turns:
            for number, name in enumerate("bcd"):
                threads.append(started(lambda name=name: take(name)))
                until_waiting(turns, number + 1)
            order.append("a")
        take("a again")

    started(hold_twice).join(30)
    for thread in threads:
        thread.join(30)

    assert order == ["a", "b", "c", "d", "a again"]
    assert turns.waiting == 0


def test_a_turn_that_ends_in_an_error_is_handed_on():
    turns = Turns()
    with pytest.raises(ValueError, match="broken"), turns:
        raise ValueError("broken")

    with turns:
        pass


def test_who_is_interrupted_while_waiting_leaves_the_queue():
    turns = Turns()
    gate = threading.Lock()
    with turns:
        turns._gates.append(gate)
        turns._leave(gate)
        assert turns.waiting == 0

    with turns:
        pass


def test_who_is_interrupted_as_the_turn_comes_hands_it_on():
    turns = Turns()
    gate = threading.Lock()
    gate.acquire()
    turns.__enter__()
    turns._gates.append(gate)
    turns.__exit__(None, None, None)  # hands it to the one that is interrupted
    assert not gate.locked()
    turns._leave(gate)

    with turns:
        pass


def test_a_writing_transaction_within_another_is_a_fault_and_no_deadlock(tmp_path: Path):
    store = Store(f"sqlite:///{tmp_path}/hub.db")
    store.create()
    try:
        with pytest.raises(RuntimeError, match="within another"), store.write(), store.write():
            pass
        with store.write() as tx:
            assert tx.one("SELECT 1") == (1,)
    finally:
        store.close()


def test_writers_of_a_store_come_in_turn(tmp_path: Path):
    store = Store(f"sqlite:///{tmp_path}/hub.db")
    store.create()
    order: list[str] = []

    def write(name: str) -> None:
        with store.write():
            order.append(name)

    with store.write():
        threads = []
        for number, name in enumerate(("first", "second", "third")):
            threads.append(started(lambda name=name: write(name)))
            until_waiting(store._turns, number + 1)  # type: ignore[arg-type]
    write("late")
    for thread in threads:
        thread.join(30)
    store.close()

    assert order == ["first", "second", "third", "late"]


def test_a_writer_comes_soon_after_the_writer_of_another_process(tmp_path: Path):
    """Two stores on one file have nothing in common but the file, as two processes have."""
    one, other = (Store(f"sqlite:///{tmp_path}/hub.db") for _ in range(2))
    one.create()
    begun, waited = threading.Event(), []

    def page_after_page() -> None:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            with one.write():
                begun.set()
                time.sleep(0.05)
            time.sleep(0.005)

    pages = started(page_after_page)
    assert begun.wait(10)
    for _ in range(5):
        before = time.monotonic()
        with other.write() as tx:
            waited.append(time.monotonic() - before)
            assert tx.one("PRAGMA busy_timeout") == (BUSY_SECONDS * 1000,)
    pages.join(30)
    one.close()
    other.close()

    assert sorted(waited)[2] < 0.5, waited


def test_after_a_long_transaction_the_writer_of_another_process_comes_first(tmp_path: Path):
    """Counted in transactions, not in time: page after page, with nothing between them."""
    one, other = (Store(f"sqlite:///{tmp_path}/hub.db") for _ in range(2))
    one.create()
    pages, passed_over = [0], []
    is_over = threading.Event()

    def page_after_page() -> None:
        while not is_over.is_set():
            with one.write():
                time.sleep(0.015)
                pages[0] += 1

    saving = started(page_after_page)
    try:
        for _ in range(15):
            before = pages[0]
            with other.write():
                passed_over.append(pages[0] - before)
            time.sleep(0.004)
    finally:
        is_over.set()
        saving.join(30)
        one.close()
        other.close()

    assert sum(passed_over) <= 2 * len(passed_over), passed_over
