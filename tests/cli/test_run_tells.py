"""`hub run` as a process of its own tells by mail what needs a person: once when it comes, once when it is over."""

import time
from contextlib import contextmanager

import pytest

from tests.cli.company import Company
from tests.cli.test_run import eventually
from tests.mail.server import running as mail_server

HUB = "https://hub.example.org"
TELLS = """
mail: {{host: 127.0.0.1, port: {port}, tls: none, from: hub@example.org}}
notifications:
  ops: {{mail: [ops@example.org], every: 1 second, after: 1 second}}
"""
OFTEN = (
    "import hub.notify.notifier as each; from dataclasses import replace;"
    " each.EVERY_SECONDS, each.BEAT = 1.0, replace(each.BEAT, rest=0.3, first=0.3)"
)
LOOKS = 4.0  # seconds in which it looks a few times


@pytest.fixture
def server():
    with mail_server() as found:
        yield found


@pytest.fixture
def company(tmp_path, hub, server):
    made = Company(tmp_path, more=TELLS.format(port=server.port))
    file = made.home / "config" / "hub.yaml"
    file.write_text(file.read_text().replace("web: {port: 0}", f"web: {{port: 0, url: '{HUB}'}}"))
    made.hire(0, 5)
    made.deliver(3, 8)
    answer = hub("sync", "--yes")
    assert answer.code == 0, answer.err
    return made


@contextmanager
def process(company):
    found = company.popen("run", first=OFTEN)
    try:
        yield found
    finally:
        found.kill()
        _, log = found.communicate()
    assert "by an error of the hub" not in log


def looked_for_a_while(company, runs=3):
    """That it runs is seen by what it has run."""
    count = "select count(*) from run"
    before = company.store(count)[0][0]
    assert eventually(lambda: company.store(count)[0][0] >= before + runs, 60)
    time.sleep(LOOKS)


def text_of(mail):
    return mail.get_body(("plain",)).get_content()


def test_a_connection_that_fails_and_is_paused_is_told_once_and_its_end_once_whatever_restarts(company, server, hub):
    (company.home / "in" / "a.csv").write_text("name\nno column has the key\n")
    with process(company) as first:
        assert eventually(lambda: server.got, 60)
        looked_for_a_while(company)
        first.terminate()
        assert first.wait(35) == 0
    assert len(server.got) == 1
    assert f"{HUB}/connections/partners" in text_of(server.got[0])
    assert "partners is paused: nothing runs until somebody starts it." in text_of(server.got[0])

    with process(company):
        looked_for_a_while(company)
        assert len(server.got) == 1
        company.deliver(3, 8)
        assert hub("sync", "partners").code == 0  # a person starts it again
        assert eventually(lambda: len(server.got) > 1, 60)
    assert "partners is not paused any more." in text_of(server.got[1])

    with process(company):
        looked_for_a_while(company)
    assert len(server.got) == 2
    assert set(server.recipients) == {"ops@example.org"}
    assert all("@" not in text_of(mail) for mail in server.got)
