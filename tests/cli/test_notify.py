"""`hub notify`, and what `hub check` says of whom the hub tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hub.store.db import Store
from tests.mail.server import running

CONFIG = """
mail: {{host: 127.0.0.1, port: {port}, tls: none, from: hub@example.org}}
notifications:
  ops: {{mail: [ops@example.org]}}
"""


@pytest.fixture
def server(hub):
    with running() as found:
        Path("config").mkdir()
        Path("config/hub.yaml").write_text(CONFIG.format(port=found.port))
        yield found


def test_a_test_is_sent_and_says_so(hub, server):
    answer = hub("notify", "--test")

    assert (answer.code, server.recipients) == (0, ["ops@example.org"])
    assert "notifications.ops by mail: has taken it" in answer.out


def test_a_test_that_is_not_taken_fails(hub, server):
    server.answers = ["550 no such person"]
    answer = hub("notify", "ops", "--test", "--json")

    assert answer.code == 2
    assert "550" in json.loads(answer.out)["tests"][0]["error"]


def test_what_a_receiver_knows_of_is_listed(hub, server):
    assert hub("notify").out.startswith("Nothing needs a person.")
    store = Store("sqlite:///data/hub.db")
    with store.write() as tx:
        tx.run("INSERT INTO notice (receiver, matter, since, told_at) VALUES ('ops', 'paused/crm', 1.0, 2.0)")
    store.close()

    [row] = json.loads(hub("notify", "--json").out)["matters"]
    assert (row["receiver"], row["matter"], row["told_at"], row["gone_at"]) == ("ops", "paused/crm", 2.0, None)
    assert "paused/crm" in hub("notify").out


def test_a_receiver_that_is_none_is_named(hub, server):
    answer = hub("notify", "others")

    assert answer.code == 2 and "notifications" in answer.err


def test_a_check_says_whether_the_mail_server_answers(hub, server):
    assert "mail by mail: answers" in hub("check").out

    Path("config/hub.yaml").write_text(CONFIG.format(port=1))
    answer = hub("check", "--json")

    assert answer.code == 2
    assert json.loads(answer.out)["targets"][0]["error"]
