"""The engine of a running hub is killed in the middle of a run: it is said, and nothing is lost."""

import os
import signal
from pathlib import Path

import httpx

from tests.cli.hosted import COUNT, Running, running, service
from tests.cli.slow_service import SIZE
from tests.cli.test_run import FORM, eventually

__all__ = ["running", "service"]


def kill_the_engine(running):
    killed = running.host.service._worker.pid
    os.kill(killed, signal.SIGKILL)
    return killed


def test_a_run_whose_process_was_killed_is_shown_as_failed_and_the_next_makes_it(running, service):
    service.hold()
    running.host.service.run_now("people", True, "ann")
    assert service.is_asked.wait(30)
    killed = kill_the_engine(running)

    assert eventually(lambda: running.ended() == ["failed"], 30), running.runs()
    assert "by signal 9" in running.runs()[0].error
    service.go_on()
    assert eventually(lambda: running.host.service.run_now("people", True, "bob"))
    assert eventually(lambda: running.ended() == ["failed", "done"], 30), running.runs()
    assert service.pages[-3:] == [0, SIZE, 2 * SIZE]
    assert running.host.service._worker.pid != killed
    with running.store.read() as tx:
        assert tx.one("SELECT count(*) FROM record")[0] == COUNT


def test_an_engine_killed_while_it_had_nothing_to_do_is_started_again_by_itself(running):
    assert eventually(lambda: running.host.service._worker.pid)
    killed = kill_the_engine(running)

    assert eventually(lambda: running.host.service._worker.pid not in (killed, None), 30)
    assert running.host.service.run_now("people", False, "ann")
    assert eventually(lambda: running.ended() == ["done"], 30), running.runs()


def test_what_a_form_delivered_is_taken_in_without_being_delivered_again(hub):
    Path("config").mkdir()
    Path("config/hub.yaml").write_text(f"store: sqlite:///data/hub.db\nconnections:\n{FORM}web: {{port: 0}}\n")
    assert hub("sync", "--yes").code == 0
    running = Running()
    worker = running.host.service._worker
    try:
        assert eventually(lambda: worker.pid, 30)
        os.kill(worker.pid, signal.SIGSTOP)
        answer = httpx.post(f"{running.host.web.url}/forms/website", data={"emails": "q@example.org"})
        assert answer.status_code == 200
        assert eventually(lambda: worker.is_running("website"))
        kill_the_engine(running)

        assert eventually(lambda: taken_in(running) == 1, 60)
    finally:
        running.end()


def taken_in(running):
    with running.store.read() as tx:
        return tx.one("SELECT count(*) FROM record WHERE connection = 'website'")[0]
