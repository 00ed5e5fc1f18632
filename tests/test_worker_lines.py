"""The engine's process as who asks it sees it: whatever happens to it, every cycle that was asked for ends."""

from __future__ import annotations

import errno
import logging
import subprocess
import threading
import time
from multiprocessing.connection import Pipe

import pytest
from prometheus_client import CollectorRegistry

from hub.metrics import Metrics
from hub.sync.engine import NoMeter
from hub.sync.run import Orders, Result
from hub.worker.asking import Lost, Worker

SECONDS = 10.0


class Played:
    """A process that a test plays: `line` is its end of the line, `end` lets it end."""

    def __init__(self):
        self.pid = 4711
        self.theirs, self.line = Pipe()
        self._over, self._code = threading.Event(), 0
        self.was_killed = False

    def end(self, code=0):
        self._code = code
        self._over.set()
        self.line.close()

    def wait(self, timeout=None):
        if not self._over.wait(timeout):
            raise subprocess.TimeoutExpired("played", timeout)
        return self._code

    def kill(self):
        self.was_killed = True
        self.end(-9)


class Stage:
    """Where processes are begun. troubles: what the first of them end with instead"""

    def __init__(self, *troubles):
        self._troubles = list(troubles)
        self.begun = []

    def __call__(self):
        if self._troubles:
            raise self._troubles.pop(0)
        self.begun.append(Played())
        return self.begun[-1], self.begun[-1].theirs


def out_of_memory():
    return OSError(errno.ENOMEM, "Cannot allocate memory")


@pytest.fixture
def made():
    """Makes a worker; all that were made are ended."""
    workers = []

    def make(stage, meter=None):
        workers.append(Worker("the setting", meter or NoMeter(), stage))
        workers[-1].start()
        return workers[-1]

    yield make
    for worker in workers:
        worker.end()
        worker.wait(0.1)


class Run:
    """A cycle in a thread."""

    def __init__(self, worker, name="crm"):
        self._found = []
        self._thread = threading.Thread(target=lambda: self._found.append(worker.cycle(name, Orders())), daemon=True)
        self._thread.start()

    def result(self):
        self._thread.join(SECONDS)
        assert self._found, "it still waits"
        return self._found[0]


def first_words(process):
    """What the process is asked first, after its setting."""
    assert process.line.recv() == "the setting"
    return process.line.recv()


def soon(true):
    until = time.monotonic() + SECONDS
    while not (found := true()):
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.01)
    return found


def asked_after_its_end(made, stage):
    """A worker whose first process has ended by itself, and a cycle that waits for the next."""
    worker = made(stage)
    first = soon(lambda: stage.begun)[0]
    soon(lambda: worker.pid)
    first.end(1)
    soon(lambda: worker.pid is None)
    return worker, Run(worker)


def test_a_cycle_is_asked_for_and_its_result_comes_back(made):
    stage = Stage()
    run = Run(made(stage))
    process = soon(lambda: stage.begun)[0]
    kind, number, name, given = first_words(process)
    process.line.send(("result", number, Result("crm", "r1", "done")))

    assert (kind, name, given["full"]) == ("cycle", "crm", False)
    assert run.result() == Result("crm", "r1", "done")


class Broken(NoMeter):
    def count(self, connection, outcome, n=1):
        raise ValueError("cannot count")


def test_what_cannot_be_counted_costs_no_run_its_result(made, caplog):
    stage = Stage()
    run = Run(made(stage, Broken()))
    process = soon(lambda: stage.begun)[0]
    number = first_words(process)[1]
    process.line.send(("count", "count", "r1", "crm", "created", 1))
    process.line.send(("result", number, Result("crm", "r1", "done")))

    assert run.result().status == "done"
    assert "was not counted" in caplog.text


def test_words_that_are_not_understood_end_it_and_every_cycle_hears_of_it(made, caplog):
    stage = Stage()
    worker = made(stage)
    run = Run(worker)
    process = soon(lambda: stage.begun)[0]
    first_words(process)
    process.line.send(("result",))
    with pytest.raises(EOFError):
        process.line.recv()
    process.end(1)

    assert (run.result().status, worker.is_running("crm")) == ("failed", False)
    assert "was not understood" in caplog.text
    assert soon(lambda: len(stage.begun) == 2)


def test_one_that_cannot_be_started_is_said_and_tried_again(made):
    stage = Stage(out_of_memory())
    worker = made(stage)
    lost = Run(worker).result()

    assert isinstance(lost, Lost)
    assert (lost.status, lost.run_id) == ("failed", "")
    assert "could not be started" in lost.message
    assert "Cannot allocate memory" in lost.message
    assert "ask for it again" in lost.message
    run = Run(worker) if soon(lambda: stage.begun) else None
    number = first_words(stage.begun[0])[1]
    stage.begun[0].line.send(("result", number, Result("crm", "r1", "done")))
    assert run.result().status == "done"


def test_one_that_does_not_listen_any_more_fails_the_run_that_is_asked_of_it(made):
    stage = Stage()
    worker = made(stage)
    process = soon(lambda: stage.begun)[0]
    soon(lambda: worker.pid)
    process.line.close()  # it has not ended yet, but it is about to
    lost = Run(worker).result()
    process.end(1)

    assert isinstance(lost, Lost)
    assert (lost.status, worker.is_running("crm")) == ("failed", False)
    assert "was not begun" in lost.message


def test_a_page_can_ask_what_is_running_while_the_process_is_to_be_started_again(made):
    stage = Stage()
    worker, run = asked_after_its_end(made, stage)

    assert soon(lambda: worker.is_running("crm"))
    assert not worker.is_running("other")
    assert len(stage.begun) == 1
    number = first_words(soon(lambda: stage.begun[1:])[0])[1]
    stage.begun[1].line.send(("result", number, Result("crm", "r1", "done")))
    assert run.result().status == "done"


def test_what_waits_for_the_process_ends_when_the_hub_does(made):
    stage = Stage()
    worker, run = asked_after_its_end(made, stage)
    worker.end()

    assert run.result().status == "interrupted"
    assert worker.wait(SECONDS)


@pytest.mark.parametrize(("code", "is_well"), [(0, True), (-15, True), (1, False)], ids=["well", "signal", "badly"])
def test_how_it_ended_is_told_when_the_hub_stops(made, code, is_well):
    stage = Stage()
    worker = made(stage)
    run = Run(worker)
    process = soon(lambda: stage.begun)[0]
    first_words(process)
    worker.end()
    assert process.line.recv() == ("end",)
    process.end(code)

    assert worker.wait(SECONDS) is is_well
    assert run.result().status == "interrupted"


def test_one_that_does_not_end_in_time_is_made_to(made):
    stage = Stage()
    worker = made(stage)
    process = soon(lambda: stage.begun)[0]
    soon(lambda: worker.pid)
    worker.end()

    assert not worker.wait(0.1)
    assert process.was_killed


def test_counts_carry_the_run_that_they_are_of(made):
    registry, stage = CollectorRegistry(), Stage()
    made(stage, Metrics(registry))
    process = soon(lambda: stage.begun)[0]
    process.line.send(("count", "count", "r1", "crm", "created", 3))

    assert soon(lambda: registry.get_sample_value("hub_records_total", {"connection": "crm", "outcome": "created"}))


@pytest.fixture(autouse=True)
def _heard(caplog):
    caplog.set_level(logging.DEBUG)
