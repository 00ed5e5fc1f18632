"""`hub run` takes in a changed configuration without a restart: nothing is refused, nothing is lost."""

import re
import signal
import threading
import time
from contextlib import contextmanager

import httpx
import pytest

from tests.cli.company import Company
from tests.cli.test_run import FORM as ONE
from tests.cli.test_run import eventually, running

FORM = ONE + "    per_minute: 10000\n    per_address: 10000\n"
OTHER = FORM.replace("website", "fair")
ROUNDS = 4
SIGNED = "  fair: {type: form, signature: standard, secret: env:NOT_THERE}\n"


@pytest.fixture
def company(tmp_path, hub):
    made = Company(tmp_path, more=FORM)
    made.hire(0, 20)
    hub("sync", "--yes")
    return made


def file(company):
    return company.home / "config" / "hub.yaml"


def reload_with(company, process, text):
    file(company).write_text(text)
    process.send_signal(signal.SIGHUP)


def with_another(text):
    return text.replace(FORM, FORM + OTHER)


def is_there(url, name):
    return httpx.get(f"{url}/forms/{name}").status_code == 200


def test_a_new_connection_is_there_without_a_restart(company):
    with running(company) as (process, url):
        reload_with(company, process, with_another(file(company).read_text()))

        assert eventually(lambda: is_there(url, "fair"), 60)
        assert is_there(url, "website")


def test_a_removed_connection_is_gone_and_the_others_go_on(company):
    with running(company) as (process, url):
        reload_with(company, process, file(company).read_text().replace(FORM, ""))

        assert eventually(lambda: not is_there(url, "website"))
        company.hire(50, 55)
        assert eventually(lambda: company.store("select count(*) from golden")[0][0] == 25)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda text: text.replace(FORM, FORM + "  fair: {type: fom}\n"), 'there is no type "fom"'),
        (lambda text: text.replace(FORM, FORM + SIGNED), "NOT_THERE"),
        (lambda text: text.replace("port: 0", "port: 1"), "restart"),
        (lambda _: "connections: [", "not YAML"),
    ],
)
def test_one_that_cannot_be_opened_is_not_taken_and_the_log_says_why(company, wrong, said):
    with running(company) as (process, url):
        before = file(company).read_text()
        reload_with(company, process, wrong(before))
        time.sleep(1.5)
        assert is_there(url, "website")
        reload_with(company, process, with_another(before))
        assert eventually(lambda: is_there(url, "fair"), 60)
        process.terminate()
        _, log = process.communicate(timeout=90)

    assert process.returncode == 0
    assert "the changed configuration was not taken in" in log
    assert said in log.replace('\\"', '"')


def test_runs_counters_and_sign_ins_outlive_it(company):
    with running(company) as (process, url):
        eventually(lambda: runs_of(url, "crm") >= 1)
        before = runs_of(url, "crm")
        reload_with(company, process, with_another(file(company).read_text()))
        eventually(lambda: is_there(url, "fair"))

        assert runs_of(url, "crm") >= before


def runs_of(url, name):
    found = re.search(rf'hub_runs_total{{connection="{name}",status="done"}} (\d+)', httpx.get(f"{url}/metrics").text)
    return int(found[1]) if found else 0


def test_while_it_changes_over_nobody_is_refused_and_no_delivery_is_lost(company):
    with running(company) as (process, url), visitors(url) as came:
        text = file(company).read_text()
        for n in range(ROUNDS):
            reload_with(company, process, with_another(text) if n % 2 == 0 else text)
            assert eventually(lambda n=n: is_there(url, "fair") == (n % 2 == 0), 60)
            sent = came.sent
            assert eventually(lambda sent=sent: came.sent > sent)
        came.end()
        taken = "select count(*) from record where connection = 'website'"
        assert eventually(lambda: company.store(taken)[0][0] == came.sent, 60)

    assert came.wrong == []
    print(f"{came.seen} pages and {came.sent} deliveries while {ROUNDS} configurations were taken in; refused: 0")


@contextmanager
def visitors(url):
    came = Came(url)
    try:
        yield came
    finally:
        came.end()


class Came:
    """Visitors who each open a connection of their own, and what they were answered."""

    def __init__(self, url):
        self.url, self.over = url, threading.Event()
        self.seen, self.sent, self.wrong = 0, 0, []
        self.threads = [threading.Thread(target=work) for work in (self.look, self.look, self.deliver)]
        for thread in self.threads:
            thread.start()

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def look(self):
        while not self.over.wait(0.005):
            self.seen += self.asked(lambda: httpx.get(f"{self.url}/healthz"))

    def deliver(self):
        while not self.over.wait(0.005):
            data = {"family_name": f"Visitor{self.sent}", "emails": f"v{self.sent}@example.org"}
            self.sent += self.asked(lambda data=data: httpx.post(f"{self.url}/forms/website", data=data))

    def asked(self, ask):
        try:
            status = ask().status_code
        except httpx.HTTPError as err:
            status = repr(err)
        if status != 200:
            self.wrong.append(status)
        return status == 200
