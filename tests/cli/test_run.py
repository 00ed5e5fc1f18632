"""`hub run` as a process of its own: schedules, forms, metrics, and the end at SIGTERM."""

import re
import threading
import time
from contextlib import contextmanager

import httpx
import pytest

from tests.cli.company import Company

FORM = "  website:\n    type: form\n    signature: none\n    allow_unsigned: true\n    schedule: manual\n"


@pytest.fixture
def company(tmp_path, hub):
    made = Company(tmp_path, more=FORM)
    made.hire(0, 20)
    made.deliver(15, 30)
    return made


@contextmanager
def running(company):
    process = company.popen("run")
    try:
        yield process, address(process)
    finally:
        process.kill()
        process.communicate()


def address(process):
    """Where it serves, from the first lines it prints."""
    return said(process, r"http://\S+(?=/readyz)")


def said(process, pattern):
    """What of the first lines fits. A process that says nothing for long is ended."""
    impatient = threading.Timer(60, process.kill)
    impatient.start()
    lines = ""
    try:
        while len(lines.splitlines()) < 8:
            line = process.stdout.readline()
            if found := re.search(pattern, line):
                return found[0]
            assert line, lines + process.stderr.read()
            lines += line
    finally:
        impatient.cancel()
    raise AssertionError(lines)


def eventually(ask, seconds=60.0):
    until = time.monotonic() + seconds
    while not (found := ask()) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def test_connections_run_on_their_schedules(company, hub):
    hub("sync", "--yes")
    with running(company):
        company.hire(50, 55)

        assert eventually(lambda: company.store("select count(*) from golden")[0][0] == 35)


def test_a_form_is_taken_in_at_once(company, hub):
    hub("sync", "--yes")
    with running(company) as (_, url):
        answer = httpx.post(f"{url}/forms/website", data={"family_name": "Quental", "emails": "q@example.org"})

        assert answer.status_code == 200
        assert eventually(lambda: company.store("select count(*) from record where connection = 'website'")[0][0] == 1)


def test_metrics_and_health_tell_of_runs_but_of_nobody(company, hub):
    hub("sync", "--yes")
    with running(company) as (_, url):
        eventually(lambda: 'hub_runs_total{connection="crm",status="done"}' in httpx.get(f"{url}/metrics").text)
        text = httpx.get(f"{url}/metrics").text
        ready = httpx.get(f"{url}/readyz").json()

    assert 'hub_queue_depth{connection="crm"} 0.0' in text
    assert "hub_state_readable 1.0" in text
    assert "example.org" not in text
    assert ready["status"] == "ready"
    assert ready["last_run_seconds"]["crm"] is not None


def test_sigterm_ends_it_soon_and_the_next_start_goes_on(company, hub):
    hub("sync", "--yes")
    with running(company) as (process, _):
        company.hire(1000, 1200)
        time.sleep(0.5)
        began = time.monotonic()
        process.terminate()
        said = process.communicate(timeout=35)

    assert process.returncode == 0, said
    assert time.monotonic() - began < 30
    assert hub("sync", "--yes").code == 0
    assert company.store("select count(*) from golden where state = 'live'") == [(230,)]


def test_a_first_sync_waits_for_a_person_and_is_planned_once(company, hub):
    with running(company) as (process, _):
        eventually(lambda: company.store("select count(*) from hold where gate = 'first'")[0][0] == 2)
        time.sleep(2.5)
        process.terminate()
        _, log = process.communicate(timeout=35)

    assert company.store("select count(*) from record") == [(0,)]
    assert log.count('"message":"run held') == 2


def test_every_line_of_the_log_of_a_run_has_its_id(company, hub):
    hub("sync", "--yes")
    with running(company) as (process, _):
        time.sleep(1.5)
        process.terminate()
        _, log = process.communicate(timeout=35)

    lines = [line for line in log.splitlines() if '"message":"run ' in line]
    assert lines
    assert all('"run":"r' in line for line in lines)


def test_a_port_in_use_is_said_and_nothing_runs(tmp_path, hub):
    with httpx.Client() as client, running(Company(tmp_path, more=FORM)) as (_, url):
        client.get(f"{url}/healthz")
        config = tmp_path / "config" / "hub.yaml"
        config.write_text(config.read_text().replace("port: 0", f"port: {url.rpartition(':')[2]}"))

        answer = hub("run")

    assert answer.code == 2
    assert "cannot listen" in answer.err


def test_the_first_administrator_is_invited_once(company, hub):
    hub("sync", "--yes")
    process = company.popen("run")
    try:
        code = said(process, r"(?<=code )[0-9a-z]{5}(-[0-9a-z]{5}){5}")
    finally:
        process.kill()
        process.communicate()

    assert code not in repr(company.store("select hash from invitation"))
    hub("users", "add", "ann")
    with running(company) as (process, _):
        assert "code" not in process.stdout.readline()
